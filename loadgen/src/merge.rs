//! `merge`: the results of the processes of one run, as one. Counts and distributions add up, the worst verdict wins. It
//! judges nothing anew.

use crate::failure::Failure;
use crate::histograms::{Brief, Latencies, Latency};
use crate::out_dir::{self, OutArgs};
use crate::report::{self, Generator, Machine, Measured, Summary};
use crate::run::{GroupLatencies, Plan, Shard};
use crate::server_cost::Cost;
use crate::verify::Example;
use std::path::{Path, PathBuf};

/// Puts the results of the processes of one run together: those of --shard 0/N to N-1/N.
#[derive(Clone, Debug, clap::Args)]
pub struct MergeArgs {
    /// The directories that they were written to with --out.
    #[arg(required = true, num_args = 1..)]
    results: Vec<PathBuf>,
    #[command(flatten)]
    out: OutArgs,
}

/// The result of one process.
struct Part {
    summary: Summary,
    latencies: Latencies,
    own_sched: Latency,
    groups: GroupLatencies,
}

/// Merges, reports, and says with which code to end.
///
/// # Errors
/// A result cannot be read, or they are not the processes of one run.
pub fn merge(args: &MergeArgs) -> Result<u8, Failure> {
    let mut parts = args.results.iter().map(|from| read(from)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by_key(|part| part.summary.plan.shard.index);
    check(&parts)?;
    let merged = merged(parts);
    let out = args.out.prepare()?;
    if let Some(out) = out {
        let Part { summary, latencies, own_sched, groups } = &merged;
        out_dir::write(out, |out| {
            report::write_numbers(out, summary, (latencies, groups), own_sched)
        })?;
    }
    report::print(
        &report::table(&merged.summary),
        out.map(|out| out.join("summary.json")).as_deref(),
    );
    Ok(merged.summary.verdict.exit_code())
}

fn read(from: &Path) -> Result<Part, Failure> {
    let of = |name: &str, error: &dyn std::fmt::Display| {
        Failure::preflight(&format!("read {}", from.join(name).display()), error)
    };
    let json =
        std::fs::read(from.join("summary.json")).map_err(|error| of("summary.json", &error))?;
    let summary: Summary =
        serde_json::from_slice(&json).map_err(|error| of("summary.json", &error))?;
    let distribution = |name: &str| {
        let name = report::distribution_file(name);
        let bytes = std::fs::read(from.join(&name)).map_err(|error| of(&name, &error))?;
        Latency::from_bytes(&bytes).map_err(|error| of(&name, &error))
    };
    let latencies = Latencies::read(distribution)?;
    let groups = match &summary.groups {
        Some(_) => GroupLatencies::read(distribution)?,
        None => GroupLatencies::default(),
    };
    Ok(Part { summary, latencies, own_sched: distribution(report::OWN_SCHED)?, groups })
}

/// They are all processes of one run, each once.
fn check(parts: &[Part]) -> Result<(), Failure> {
    let as_first = |plan: &Plan| {
        let shard = Shard { index: 0, ..plan.shard };
        serde_json::to_string(&Plan { shard, ..plan.clone() }).unwrap_or_default()
    };
    let first = &parts[0].summary.plan;
    if parts.iter().any(|part| as_first(&part.summary.plan) != as_first(first)) {
        let text = "these are not processes of one run: each is to have the same options and --run, and its own --shard";
        return Err(Failure::Preflight(text.into()));
    }
    let count = first.shard.count;
    for index in 0..count {
        let found = parts.iter().filter(|part| part.summary.plan.shard.index == index).count();
        if found != 1 {
            let text = format!(
                "the result of --shard {index}/{count} is there {found} times instead of once"
            );
            return Err(Failure::Preflight(text));
        }
    }
    Ok(())
}

fn merged(parts: Vec<Part>) -> Part {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().expect("one result at least is required");
    let summary = &mut sum.summary;
    // Each saw the whole server, or one of several.
    summary.server = Cost::default();
    // Each has its own; they are not kept whole.
    summary.stages.clear();
    summary.before_events_e2e_ns = Brief::default();
    summary.verdict_reasons = of_shard(&summary.plan, &summary.verdict_reasons);
    name_shard(&summary.plan, &mut summary.examples);
    for part in parts {
        sum.latencies.add(&part.latencies);
        sum.own_sched.add(&part.own_sched);
        sum.groups.add(&part.groups);
        add(summary, part.summary);
    }
    summary.set_latencies(&sum.latencies, &sum.own_sched);
    if let Some(figures) = &mut summary.groups {
        figures.set_latencies(&sum.groups);
    }
    sum
}

/// Says of which process a line is.
fn of_shard(plan: &Plan, lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("shard {}: {line}", plan.shard)).collect()
}

/// Says of which process faults are.
fn name_shard(plan: &Plan, examples: &mut [Example]) {
    for example in examples {
        example.text = format!("shard {}: {}", plan.shard, example.text);
    }
}

fn add(sum: &mut Summary, mut other: Summary) {
    let mut reasons = of_shard(&other.plan, &other.verdict_reasons);
    if other.verdict > sum.verdict {
        sum.verdict = other.verdict;
        std::mem::swap(&mut sum.verdict_reasons, &mut reasons);
    }
    sum.verdict_reasons.extend(reasons);
    name_shard(&other.plan, &mut other.examples);
    sum.examples.append(&mut other.examples);
    sum.interrupted |= other.interrupted;
    for (sum, other) in [
        (&mut sum.sent, other.sent),
        (&mut sum.acked, other.acked),
        (&mut sum.delivered, other.delivered),
        (&mut sum.refused, other.refused),
        (&mut sum.unknown, other.unknown),
        (&mut sum.lost, other.lost),
        (&mut sum.visible_duplicates, other.visible_duplicates),
        (&mut sum.wire_duplicates, other.wire_duplicates),
        (&mut sum.reordered, other.reordered),
        (&mut sum.gaps, other.gaps),
        (&mut sum.phantoms, other.phantoms),
        (&mut sum.leaked, other.leaked),
        (&mut sum.corrupt, other.corrupt),
        (&mut sum.diverged, other.diverged),
        (&mut sum.miscounted, other.miscounted),
        (&mut sum.misjudged, other.misjudged),
        (&mut sum.unread_users, other.unread_users),
    ] {
        *sum += other;
    }
    if let Some((sum, other)) = sum.groups.as_mut().zip(other.groups) {
        sum.changes += other.changes;
        sum.reach.add(other.reach);
    }
    sum.throughput_per_s += other.throughput_per_s;
    sum.generator = generators(
        (sum.generator, sum.measured.delivered),
        (other.generator, other.measured.delivered),
    );
    sum.measured = measured(sum.measured, other.measured);
    sum.machine = machines(sum.machine, other.machine);
    sum.counters.add(other.counters);
    sum.events.extend(other.events);
}

fn measured(one: Measured, other: Measured) -> Measured {
    Measured {
        seconds: one.seconds.max(other.seconds),
        planned: one.planned + other.planned,
        written: one.written + other.written,
        acked: one.acked + other.acked,
        delivered: one.delivered + other.delivered,
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of a run are below 2^53")]
fn generators((one, of_one): (Generator, u64), (other, of_other): (Generator, u64)) -> Generator {
    let cpu_us = one.cpu_us_per_message.zip(other.cpu_us_per_message).map(|(one, other)| {
        (one * of_one as f64 + other * of_other as f64) / (of_one + of_other) as f64
    });
    Generator {
        cpu_us_per_message: cpu_us,
        cpu_share_max: one.cpu_share_max.max(other.cpu_share_max),
        connections: one.connections + other.connections,
        login_s: one.login_s.max(other.login_s),
    }
}

/// The hypervisor's and the quota's time may be the same for all processes: the most counts.
fn machines(one: Machine, other: Machine) -> Machine {
    let mut kept = one.kept;
    kept.add(other.kept);
    Machine {
        kept,
        excused: one.excused + other.excused,
        run_delay_ns: one.run_delay_ns.zip(other.run_delay_ns).map(|(one, other)| one + other),
        throttled_ns: one.throttled_ns.max(other.throttled_ns),
        steal_ns: one.steal_ns.max(other.steal_ns),
    }
}
