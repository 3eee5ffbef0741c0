//! `cargo xtask cluster demo`: Cassandra, Redis, two logic nodes, two gateways, and loadgen over both gateways.

use std::process::ExitCode;

use anyhow::Result;

use super::rig::{self, Built, Rig};
use crate::drill::seen::Seen;
use crate::process::Guarded;

/// How long.
#[derive(clap::Args)]
pub struct Args {
    /// Time that is measured.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Messages a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
}

/// A node's own default.
const LEASE_MS: u64 = 5_000;
/// Cassandra has compiled what it runs by then.
const WARM_UP: &str = "5s";

/// Fails if a promise was broken. How fast it was is for the verdict to say: a machine may be busy with other things.
pub fn run(args: &Args) -> Result<ExitCode> {
    let built = Built { planted: None, lease_ms: LEASE_MS, can_part: false };
    let rig = Rig::new("cluster-demo", built)?;
    let mut nodes = [rig.start_logic(1)?, rig.start_logic(2)?];
    let gateways = [rig.start_gateway(1)?, rig.start_gateway(2)?];
    rig.wait_until_shared(&[1, 2], &mut nodes[0])?;
    let mut loadgen = rig.loadgen();
    loadgen.args(["--rate", &args.rate.to_string(), "--warmup", WARM_UP]);
    loadgen.args(["--duration", &format!("{}s", args.seconds)]);
    let mut loadgen = Guarded::spawn("loadgen", &mut loadgen)?;
    let summary = rig.summary(&mut loadgen)?;
    for number in [1, 2] {
        let status = rig.status(number)?;
        println!("logic {number}: {} partitions, {} acks", status["partitions"], status["acks"]);
    }
    println!("verdict {}: {}", summary["verdict"], summary["verdict_reasons"]);
    println!("report and logs: {}", rig.dir().display());
    // Gateways first: a node that leaves has nobody to hand the last partitions to.
    gateways.into_iter().try_for_each(rig::leave)?;
    nodes.into_iter().try_for_each(rig::leave)?;
    let mut seen = Seen::default();
    seen.add(&summary)?;
    seen.conclude()
}
