//! `cargo xtask cluster chaos`: every fault in turn, spread over the time, under load; loadgen then tells what became of
//! every message, and each tenth of a second for how long sends were delayed.
//!
//! Nothing acknowledged may be lost, doubled or out of order. With a planted fault the drill must see one: then one host
//! after the other is parted from the rest, which is when two nodes could act for one partition.

use std::ops::Range;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;

use super::faults::{self, ALL, Fault, LEASE_MS, OF_LEASES, Processes, Suffered};
use super::felt::{Felt, Step, unix_ms};
use super::rig::{Built, Planted, Rig};
use crate::drill::seen::Seen;
use crate::process::Guarded;

/// How long, and what is wrong on purpose.
#[derive(clap::Args)]
pub struct Args {
    /// Time over which the faults are spread; they take longer if they must.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Messages a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Groups that talk too, with members who come and go.
    #[arg(long, default_value_t = 0)]
    groups: u32,
    /// A fault to plant in the logic nodes: exit code 4 says that it was seen.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
}

/// After loadgen's start: it has logged in and sends.
const CALM: Duration = Duration::from_secs(4);
/// From one fault's end to the next one's beginning, at least: what was delayed has been sent.
const PAUSE: Duration = Duration::from_secs(3);

/// Exits with 0 only if nothing was broken.
pub fn run(args: &Args) -> Result<ExitCode> {
    // Half of it is how long a node goes on that others took over from too soon.
    let is_long = matches!(args.planted, Some(Planted::TakeoverWithoutWaiting));
    let lease_ms = if is_long { LEASE_MS * 10 } else { LEASE_MS };
    let built = Built { planted: args.planted, lease_ms, can_part: true };
    let mut rig = Rig::new("cluster-chaos", built)?;
    let mut processes = Processes::start(&rig)?;
    let mut loadgen = rig.endless_load(args.rate, args.groups)?;
    let faults = if args.planted.is_some() { OF_LEASES } else { ALL };
    let suffered = suffer(faults, args.seconds, (&mut rig, &mut processes), &mut loadgen)?;
    let end_ms = unix_ms();
    loadgen.signal(Signal::TERM)?;
    let summary = rig.summary(&mut loadgen)?;
    if args.planted.is_none() {
        report(&suffered, &rig.steps()?, end_ms);
    }
    println!("report and logs: {}", rig.dir().display());
    let mut seen = Seen::default();
    seen.add(&summary)?;
    seen.conclude()
}

/// Every fault, each in its own part of the time.
fn suffer(
    faults: &[Fault],
    seconds: u64,
    (rig, processes): (&mut Rig, &mut Processes),
    loadgen: &mut Guarded,
) -> Result<Vec<Suffered>> {
    let part = Duration::from_secs(seconds) / u32::try_from(faults.len() + 1)?;
    let (mut suffered, started) = (Vec::new(), Instant::now());
    let mut due = started + part.max(CALM);
    for fault in faults {
        faults::wait(due.saturating_duration_since(Instant::now()), loadgen)?;
        suffered.push(processes.go_through(*fault, rig, loadgen)?);
        due = (due + part).max(Instant::now() + PAUSE);
    }
    faults::wait(due.saturating_duration_since(Instant::now()), loadgen)?;
    Ok(suffered)
}

/// Prints what was felt of each fault, from its beginning to the next one's.
fn report(suffered: &[Suffered], steps: &[Step], end_ms: u64) {
    let first_ms = suffered.first().map_or(end_ms, |first| first.at_ms);
    println!("before: {}", Felt::within(steps, &(0..first_ms)));
    for (nth, Suffered { fault, at_ms, whole_ms, concerned }) in suffered.iter().enumerate() {
        let next_ms = suffered.get(nth + 1).map_or(end_ms, |next| next.at_ms);
        let time: Range<u64> = *at_ms..next_ms;
        let felt = Felt::within(steps, &time);
        println!("{}: {concerned}; all served after {whole_ms} ms; {felt}", fault.name());
    }
}
