//! `cargo xtask bench remote`: what it costs when shards are in another process, and when the store is a CQL server: the same
//! loads on all in one, on a gateway with one node on the same kind of store, and on these with Cassandra, in one run.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::figures::Figures;
use super::load::{self, Load, START_MAX, listen_of};
use crate::drill::nodes;
use crate::process::{self, Guarded};
use crate::servers::Cassandra;
use crate::summary;

/// How long.
#[derive(clap::Args)]
pub struct Args {
    /// Measured seconds of a run.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

const LOADS: &[Load] = &[Load::Window(64), Load::Rate(200)];

const HEAD: &str = "\
| load | servers | messages/s | CPU µs/message: gateway | logic | CQL server | ack p50 / p99 / p99.9 ms | e2e p50 / p99 / p99.9 ms | verdict |
|---|---|---|---|---|---|---|---|---|";

/// Which processes serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    AllInOne,
    Embedded,
    Cql,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::AllInOne => "all in one, embedded",
            Self::Embedded => "gateway and node, embedded",
            Self::Cql => "gateway and node, Cassandra",
        }
    }
}

/// The processes, and the address for clients; ended when dropped.
struct Rig {
    /// As in the table's columns: gateway, logic, the CQL server.
    pids: [Option<u32>; 3],
    listen: String,
    _processes: Vec<Guarded>,
}

/// Measures and prints the table.
pub fn run(args: &Args) -> Result<ExitCode> {
    load::build(&["gateway", "logic", "loadgen"])?;
    let dir = process::scratch_dir("bench-remote")?;
    let cassandra = Cassandra::start(&dir.join("cassandra"))?;
    let mut rows = Vec::new();
    for load in LOADS {
        for shape in [Shape::AllInOne, Shape::Embedded, Shape::Cql] {
            println!("{}: {}", load.name(), shape.name());
            rows.push(measure(shape, *load, args.seconds, &cassandra)?);
        }
    }
    println!("\n{}; 200 users, {} s a run\n\n{HEAD}", load::machine(), args.seconds);
    rows.iter().for_each(|row| println!("{row}"));
    Ok(ExitCode::SUCCESS)
}

fn measure(shape: Shape, load: Load, seconds: u32, cassandra: &Cassandra) -> Result<String> {
    let data = load::data_dir()?;
    let [_, amount] = load.args();
    let rig = start(shape, &data, (cassandra, &format!("bench_{amount}")))?;
    let out = process::scratch_dir("bench-remote-load")?;
    let before = cpu(&rig)?;
    let mut loadgen = Command::new(process::release_binary("loadgen"));
    loadgen.args(["run", "--target", &rig.listen, "--users", "200"]).args(load.args());
    loadgen.args(["--duration", &format!("{seconds}s"), "--warmup", "3s"]);
    loadgen.arg("--force").arg("--out").arg(&out).arg("--data-dir").arg(&data);
    let status = process::run(loadgen.stdout(std::process::Stdio::null()))?;
    let after = cpu(&rig)?;
    let summary = summary::read(&out).with_context(|| format!("loadgen ended with {status}"))?;
    let acked = summary["acked"].as_f64().filter(|acked| *acked > 0.0);
    let acked = acked.with_context(|| format!("loadgen ended with {status} and no message"))?;
    if status.code() == Some(4) {
        bail!("loadgen saw a promise broken: see {}", out.display());
    }
    let cells = before.into_iter().zip(after).map(|times| match times {
        (Some(before), Some(after)) => {
            format!("{:.0}", (after - before).as_secs_f64() * 1e6 / acked)
        }
        _ => "-".to_owned(),
    });
    let figures = Figures::without_cpu(&summary)?;
    Ok(format!(
        "| {} | {} | {:.0} | {} | {} | {} | {} |",
        load.name(),
        shape.name(),
        figures.messages_per_s,
        cells.collect::<Vec<_>>().join(" | "),
        figures.ack,
        figures.e2e,
        figures.verdict
    ))
}

fn cpu(rig: &Rig) -> Result<[Option<Duration>; 3]> {
    let [gateway, logic, cql] = rig.pids.map(|pid| pid.map(process::cpu_time).transpose());
    Ok([gateway?, logic?, cql?])
}

fn start(shape: Shape, data: &Path, (cassandra, keyspace): (&Cassandra, &str)) -> Result<Rig> {
    let mut gateway = Command::new(process::release_binary("gateway"));
    gateway.arg("--data-dir").arg(data);
    gateway.args("--listen 127.0.0.1:0 --admin 127.0.0.1:0 --cores 1".split(' '));
    gateway.args("--user-rate 0 --connection-rate 0".split(' '));
    let mut processes = Vec::new();
    let mut pids = [None; 3];
    if shape != Shape::AllInOne {
        let mut logic = Command::new(process::release_binary("logic"));
        logic.args("serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 --cores 1".split(' '));
        if shape == Shape::Cql {
            pids[2] = Some(cassandra.pid());
            let place = ["--cql", &cassandra.address(), "--keyspace", keyspace];
            nodes::make_tables(&process::release_binary("logic"), &place)?;
            logic.args(place);
        } else {
            logic.arg("--data-dir").arg(data.join("logic"));
        }
        let mut logic = Guarded::spawn("logic", &mut logic)?;
        let listen = logic.wait_line(START_MAX, listen_of)?;
        gateway.args(["--logic", &listen]);
        pids[1] = Some(logic.pid());
        processes.push(logic);
    }
    let mut gateway = Guarded::spawn("gateway", &mut gateway)?;
    let listen = gateway.wait_line(START_MAX, listen_of)?;
    pids[0] = Some(gateway.pid());
    // First: a gateway that drains needs its node.
    processes.insert(0, gateway);
    Ok(Rig { pids, listen, _processes: processes })
}
