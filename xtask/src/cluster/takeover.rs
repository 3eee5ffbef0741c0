//! `cargo xtask cluster takeover`: a node is killed and comes back, again and again, under load; how long those wait whom its
//! death concerns, how much longer than before all others, and what the gateways say of themselves: never all that they
//! want no clients, for a node lives.

use std::process::ExitCode;
use std::slice;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;

use super::bystanders::Times;
use super::faults::{self, Fault, LEASE_MS, Processes, Suffered};
use super::felt::{Felt, Step};
use super::readiness::{Readiness, Watch};
use super::rig::{Built, Rig};
use crate::drill::seen::Seen;

/// How often.
#[derive(clap::Args)]
pub struct Args {
    /// Deaths of the node.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    times: u8,
    /// Messages a second.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Groups that talk too, with members who come and go.
    #[arg(long, default_value_t = 0)]
    groups: u32,
}

/// After the start: Cassandra has compiled most of what it runs.
const CALM: Duration = Duration::from_secs(20);
/// A takeover is to cost no more than a lease and two seconds, in ms. It is told and not enforced: on a machine that is busy
/// with other things it takes longer.
const TAKEOVER_MS_MAX: u64 = LEASE_MS + 2_000;
/// And those whom it does not concern no more than this many times what they wait else.
const OTHERS_RATIO: f64 = 3.0;
/// What they wait else: over this long before each change, in ms.
const QUIET_MS: u64 = 5_000;
/// From one change's end to the next one's beginning: what was delayed has been sent, and all is as before.
const PAUSE: Duration = Duration::from_millis(2 * QUIET_MS);

/// Exits with 0 only if nothing was broken.
pub fn run(args: &Args) -> Result<ExitCode> {
    let built = Built { planted: None, lease_ms: LEASE_MS, can_part: false };
    let mut rig = Rig::new("cluster-takeover", built)?;
    let mut processes = Processes::start(&rig)?;
    let mut loadgen = rig.endless_load(args.rate, args.groups)?;
    let others = rig.bystanders(2)?;
    faults::wait(CALM, &mut loadgen)?;
    let mut changes = Vec::new();
    let watch = Watch::start(rig.gateway_admins()?);
    for fault in [Fault::KillLogic(1), Fault::Join(1)].repeat(args.times.into()) {
        changes.push(processes.go_through(fault, &mut rig, &mut loadgen)?);
        faults::wait(PAUSE, &mut loadgen)?;
    }
    let (others, readiness) = (others.stop()?, watch.stop()?);
    loadgen.signal(Signal::TERM)?;
    let summary = rig.summary(&mut loadgen)?;
    report(&changes, &rig.steps()?, &others);
    println!("report and logs: {}", rig.dir().display());
    let nobody_ms = report_readiness(&changes, &readiness);
    let mut seen = Seen::default();
    seen.add(&summary)?;
    let code = seen.conclude()?;
    if nobody_ms > 0 && !seen.is_broken() {
        bail!("no gateway was ready for {nobody_ms} ms, and a node lived");
    }
    Ok(code)
}

/// Prints what gateways said of themselves after each change; for how long all wanted no clients, in ms.
fn report_readiness(changes: &[Suffered], readiness: &Readiness) -> u64 {
    for Suffered { fault, at_ms, whole_ms, .. } in changes {
        let told = readiness.within(&(*at_ms..at_ms + whole_ms + QUIET_MS));
        println!("{}: {told}", fault.name());
    }
    let told = readiness.within(&(0..u64::MAX));
    println!("all the time: {told}");
    told.nobody_ms
}

/// Prints what each change cost, and all deaths together.
fn report(changes: &[Suffered], steps: &[Step], others: &Times) {
    // Of few sends the p99 is one of the longest: all quiet times together tell what is usual.
    let quiet: Vec<_> = changes.iter().map(|it| it.at_ms - QUIET_MS..it.at_ms).collect();
    let (calm, usual) = others.p99_within(&quiet);
    let ratio = |took: Duration| took.as_secs_f64() / usual.as_secs_f64();
    let (mut waits, mut deaths, mut worst) = (Vec::new(), Vec::new(), Duration::ZERO);
    for Suffered { fault, at_ms, whole_ms, .. } in changes {
        let is_death = matches!(fault, Fault::KillLogic(_));
        let took_ms = if is_death { TAKEOVER_MS_MAX } else { *whole_ms };
        let felt = Felt::within(steps, &(*at_ms..at_ms + took_ms + QUIET_MS));
        let time = *at_ms..at_ms + took_ms;
        let (_, p99) = others.p99_within(slice::from_ref(&time));
        println!(
            "{}: all served after {whole_ms} ms; {felt}; p99 of others {p99:.0?}: {:.1} times",
            fault.name(),
            ratio(p99)
        );
        if is_death {
            waits.push(felt.max_ms);
            deaths.push(time);
            worst = worst.max(p99);
        }
    }
    waits.sort_unstable();
    let (count, p99) = others.p99_within(&deaths);
    println!(
        "takeovers: longest wait {} ms in the median, {} ms at worst, at most {TAKEOVER_MS_MAX} wanted",
        waits[waits.len() / 2],
        waits[waits.len() - 1]
    );
    println!(
        "others: p99 of {count} sends meanwhile {p99:.0?}, of {calm} in quiet times {usual:.0?}: {:.1} times, at worst \
         {:.1}, at most {OTHERS_RATIO} wanted",
        ratio(p99),
        ratio(worst)
    );
}
