//! `cargo xtask crash`: kills the gateway under load and starts it again; loadgen then tells what became of every message.
//!
//! Nothing acknowledged may be lost, doubled or out of order. Every other cycle loadgen comes through a bad network, so
//! that at each kill there are many messages that are stored and not acknowledged, whose retries the restarted gateway
//! must know. With a planted fault the same drill must see one.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::drill::network::Network;
use crate::drill::rig::{Planted, Rig};
use crate::drill::seen::Seen;
use crate::process::Guarded;

/// How long, from which seed, and what is wrong on purpose.
#[derive(clap::Args)]
pub struct Args {
    /// Runs of loadgen, each with kills and restarts in it.
    #[arg(long, default_value_t = 3)]
    cycles: u64,
    /// Seed of the moments of the kills, and of the network's losses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fault to plant in the gateway: exit code 4 says that it was seen.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
}

/// Kills in a cycle: each in its own third of the sending, so that clients are back before the next.
const KILLS: u64 = 3;
/// After loadgen's start: it has logged in and sends.
const CALM_MS: u64 = 1_500;
/// The part of the sending that has one kill; with [`CALM_MS`] before, all lie within loadgen's 8 s.
const PART_MS: u64 = 2_000;
/// The network heals with the sending: a second for the start, one to warm up, eight to send.
const HEALS_AFTER: Duration = Duration::from_secs(10);
/// 100 users, of its own uids each time; 2,000 messages a second.
const LOAD: [&str; 8] = ["--users", "100", "--rate", "2000", "--warmup", "1s", "--duration", "8s"];

/// Runs every cycle on one data directory, until one sees a fault.
pub fn run(args: &Args) -> Result<ExitCode> {
    let rig = Rig::new("crash", args.planted)?;
    let mut random = StdRng::seed_from_u64(args.seed);
    let (mut seen, mut kills) = (Seen::default(), 0);
    for cycle in 1..=args.cycles {
        println!("== cycle {cycle} of {}, seed {}", args.cycles, args.seed);
        seen.add(&through(&rig, cycle % 2 == 1, &mut random)?)?;
        kills += KILLS;
        if seen.is_broken() {
            println!("loadgen's report of cycle {cycle}: {}", rig.out().display());
            break;
        }
    }
    println!("{kills} kills");
    seen.conclude()
}

/// One cycle, through a bad network or not; what loadgen says.
fn through(rig: &Rig, bad_network: bool, random: &mut StdRng) -> Result<Value> {
    if !bad_network {
        return cycle(rig, &rig.address(), random);
    }
    let network = Network::start(rig.address().parse()?, random.random(), HEALS_AFTER)?;
    let summary = cycle(rig, &network.address, random);
    println!("the network: {}", network.take_down()?);
    summary
}

/// One run of loadgen with its kills.
fn cycle(rig: &Rig, target: &str, random: &mut StdRng) -> Result<Value> {
    let mut gateway = rig.start(&[])?;
    let mut loadgen = Guarded::spawn("loadgen", rig.loadgen(target).args(LOAD))?;
    let mut passed_ms = 0;
    for part in 0..KILLS {
        let at_ms = CALM_MS + part * PART_MS + random.random_range(0..PART_MS);
        if loadgen.ends_within(Duration::from_millis(at_ms - passed_ms)) {
            bail!("loadgen ended before the kill: see what it said above");
        }
        passed_ms = at_ms;
        gateway.process.kill()?;
        println!("killed the gateway {at_ms} ms after loadgen's start");
        gateway = rig.start(&[])?;
    }
    rig.summary(&mut loadgen)
}
