//! `cargo xtask bench stages`: samples the gateway under load with perf and says which stage its CPU time went to.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use super::figures::Figures;
use super::load::{self, Load, Server, Target, WARMUP_S};
use super::stage_tables::{Frame, stage};
use crate::process::{self, Guarded};

/// Under which load.
#[derive(clap::Args)]
pub struct Args {
    /// Messages in flight.
    #[arg(long, default_value_t = 256)]
    window: u32,
    /// Messages a second instead.
    #[arg(long, conflicts_with = "window")]
    rate: Option<u32>,
    /// Sampled seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Samples the relay floor instead.
    #[arg(long)]
    floor: bool,
}

/// Samples a second; not a divisor of what timers tick with.
const SAMPLES_PER_S: &str = "997";
/// Smaller shares are not printed, in percent.
const SHARE_MIN: f64 = 0.3;

/// Samples by stage, and by thread.
#[derive(Debug, Default, PartialEq, Eq)]
struct Samples {
    stages: BTreeMap<&'static str, u32>,
    threads: BTreeMap<String, u32>,
}

/// Samples one run; without perf, says so.
pub fn run(args: &Args) -> Result<ExitCode> {
    if !Command::new("perf").arg("--version").output().is_ok_and(|out| out.status.success()) {
        println!("skipped: no perf here; install linux-perf (Debian) or linux-tools (Ubuntu)");
        return Ok(ExitCode::SUCCESS);
    }
    load::build(load::FLOOR_AND_GATEWAY)?;
    let data_dir = load::data_dir()?;
    let mut server = Server::start(Target::Gateway, &data_dir)?;
    if args.floor {
        // The gateway has made the key that loadgen reads.
        server = Server::start(Target::Floor, &data_dir)?;
    }
    let out = process::scratch_dir("bench-stages")?;
    let load = args.rate.map_or(Load::Window(args.window), Load::Rate);
    let mut loadgen = server.loadgen(load, args.seconds + 1, &out, &data_dir);
    let recording = out.join("perf.data");
    let mut perf = record(server.pid(), args.seconds, &recording)?;
    let status = process::run(&mut loadgen)?;
    perf.wait_exit(std::time::Duration::from_secs(60)).context("perf did not end")?;
    let figures = Figures::read(&out)
        .with_context(|| format!("loadgen ended with {status} and left no figures"))?;
    println!("\n{}; {}", load.name(), load::machine());
    print_samples(&parse(&script(&recording)?), figures.cpu_us_per_message);
    Ok(ExitCode::SUCCESS)
}

/// Starts to record once the load has warmed up.
fn record(pid: u32, seconds: u32, recording: &Path) -> Result<Guarded> {
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--event", "cpu-clock", "--freq", SAMPLES_PER_S, "-g"]);
    perf.args(["--delay", &(WARMUP_S * 1000).to_string(), "--pid", &pid.to_string()]);
    // perf ends with this command, so that the samples are those of the measured time.
    perf.arg("--output").arg(recording).args(["--", "sleep", &(WARMUP_S + seconds).to_string()]);
    Guarded::spawn("perf", &mut perf)
}

fn script(recording: &Path) -> Result<String> {
    let mut perf = Command::new("perf");
    perf.args(["script", "--no-inline", "--fields", "comm,ip,sym", "--input"]).arg(recording);
    let out = perf.output().context("could not start perf script")?;
    if !out.status.success() {
        bail!("perf script: {}", String::from_utf8_lossy(&out.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Each sample is a line with the thread's name, then a line a frame (address, symbol), then an empty one.
fn parse(script: &str) -> Samples {
    let mut samples = Samples::default();
    for sample in script.split("\n\n") {
        let mut lines = sample.trim_start_matches('\n').lines();
        let Some(thread) = lines.next() else { continue };
        let stack: Vec<Frame<'_>> = lines.filter_map(frame).collect();
        *samples.stages.entry(stage(&stack)).or_default() += 1;
        *samples.threads.entry(thread.trim().to_owned()).or_default() += 1;
    }
    samples
}

fn frame(line: &str) -> Option<Frame<'_>> {
    let (address, symbol) = line.trim().split_once(' ')?;
    Some((u64::from_str_radix(address, 16).ok()?, symbol))
}

fn print_samples(samples: &Samples, cpu_us_per_message: f64) {
    let all: u32 = samples.stages.values().sum();
    println!("{all} samples, {cpu_us_per_message:.1} µs of CPU a message\n");
    println!("| stage | share | µs/message |\n|---|---|---|");
    let mut stages: Vec<_> = samples.stages.iter().collect();
    stages.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (stage, count) in stages {
        let share = f64::from(*count) / f64::from(all);
        if share * 100.0 >= SHARE_MIN {
            println!("| {stage} | {:.1} % | {:.2} |", share * 100.0, share * cpu_us_per_message);
        }
    }
    println!("\n| thread | share |\n|---|---|");
    for (thread, count) in &samples.threads {
        println!("| {thread} | {:.1} % |", f64::from(*count) * 100.0 / f64::from(all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_counted_by_stage_and_thread() {
        let script = "entry-0 \n\tffffffff81000000 tcp_sendmsg\n\tffffffff81000001 io_send\n\n\
            entry-0 \n\t    55d000000000 wire::codec::encode\n\n\
            store-0 \n\tffffffff81000002 vfs_fsync_range\n\n";
        let samples = parse(script);
        let stages = [("kernel: TCP send", 1), ("kernel: fsync", 1), ("wire", 1)];
        assert_eq!(samples.stages, BTreeMap::from(stages));
        let threads = [("entry-0".to_owned(), 2), ("store-0".to_owned(), 1)];
        assert_eq!(samples.threads, BTreeMap::from(threads));
    }
}
