//! The result in plain lines.

use super::summary::{Event, GroupFigures, Machine, Summary};
use crate::histograms::Brief;
use crate::run::{Felt, Outcome, SizeFigures, StageFigures};
use crate::schedule::Stage;
use crate::units::{bytes, latency, number, time};
use crate::verify::Reach;
use std::fmt::Write;

/// The table that a run ends with.
pub(crate) fn table(summary: &Summary) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("writing to memory does not fail");
    line(format!("verdict      {}", summary.verdict.name()));
    for reason in &summary.verdict_reasons {
        line(format!("             {reason}"));
    }
    let Summary { sent, acked, delivered, unknown, refused, .. } = summary;
    line(format!(
        "messages     sent {sent}  acked {acked}  delivered {delivered}  unknown {unknown}  refused {refused}"
    ));
    let faults: Vec<String> =
        summary.named_faults().iter().map(|(name, count)| format!("{name} {count}")).collect();
    line(format!("broken       {}", faults.join("  ")));
    for example in &summary.examples {
        line(format!("             {example}"));
    }
    if summary.unread_users > 0 && summary.plan.drain {
        line(format!(
            "             {} inboxes could not be read: nothing is said of them",
            summary.unread_users
        ));
    }
    line(format!(
        "latency      {:>12} {:>12} {:>12} {:>12} {:>10}",
        "p50", "p99", "p99.9", "max", "n"
    ));
    let rows = [
        ("sched", summary.sched_ns),
        ("own sched", summary.own_sched_ns),
        ("held", summary.held_ns),
        ("ack", summary.ack_ns),
        ("e2e", summary.e2e_ns),
        ("raw", summary.raw_ns),
    ];
    for (name, Brief { n, p50, p99, p999, max, .. }) in rows {
        let [p50, p99, p999, max] = [latency(p50), latency(p99), latency(p999), time(max)];
        line(format!("  {name:<10} {p50:>12} {p99:>12} {p999:>12} {max:>12} {n:>10}"));
    }
    groups(summary, &mut line);
    for (stage, figures) in summary.plan.stages.iter().zip(&summary.stages) {
        let Stage { length_ns, from, to } = *stage;
        let StageFigures { planned, ack_ns, e2e_ns } = figures;
        let rate = if from.total_cmp(&to).is_eq() {
            number(from)
        } else {
            format!("{}-{}", number(from), number(to))
        };
        line(format!("stage        {} at {rate}/s, {planned} messages", time(length_ns)));
        line(format!("             e2e {}", brief(*e2e_ns)));
        line(format!("             ack {}", brief(*ack_ns)));
    }
    if !summary.events.is_empty() {
        line(format!("before it    e2e {}", brief(summary.before_events_e2e_ns)));
    }
    for event in &summary.events {
        felt(event, &mut line);
    }
    let unanswered = summary.unanswered();
    if unanswered > 0 {
        line(format!(
            "             {unanswered} never answered: they count as the time that they waited, and may have taken longer"
        ));
    }
    let seconds = summary.measured.seconds;
    line(format!("throughput   {:.0} messages/s over {seconds:.1} s", summary.throughput_per_s));
    costs(summary, &mut line);
    out
}

/// What became of messages to groups.
fn groups(summary: &Summary, line: &mut impl FnMut(String)) {
    let Some(GroupFigures { changes, reach, direct_e2e_ns, sizes }) = &summary.groups else {
        return;
    };
    let (groups, [least, most]) = (summary.plan.groups, summary.plan.group_sizes);
    let Reach { expected, received } = reach;
    line(format!(
        "groups       {groups} of {least} to {most} members  {changes} changes with the first  \
         reach {received} of {expected}"
    ));
    for SizeFigures { members_max, ack_ns, half_ns, most_ns, last_ns } in sizes {
        let rows = [("ack", ack_ns), ("half", half_ns), ("99 %", most_ns), ("last", last_ns)];
        for (name, figures) in rows {
            line(format!("  up to {members_max:<4} {name:<5} {}", brief(*figures)));
        }
    }
    line(format!("  1:1 beside      {}", brief(*direct_e2e_ns)));
}

/// A command of the timeline, and what was felt of it.
fn felt(event: &Event, line: &mut impl FnMut(String)) {
    let Event { at_s, command, outcome, felt } = event;
    line(format!("{:<12} {command}", format!("at {at_s} s")));
    let Some(Outcome { ended, took_ms, .. }) = outcome else {
        return line("             its time did not come".into());
    };
    line(format!("             {ended} after {took_ms} ms"));
    let Felt { in_flight, acked, silence_ms, back_ms, recovered_ms, e2e_ns } = *felt;
    let ms = |ms: u64| time(ms * 1_000_000);
    let recovered = recovered_ms.map_or("nothing was slowed".into(), |after| {
        format!("as fast as before after {}", ms(after))
    });
    line(format!(
        "             no ack for {} until {} after it  {recovered}  of {in_flight} in flight {acked} acked",
        ms(silence_ms),
        ms(back_ms)
    ));
    line(format!("             from there e2e {}", brief(e2e_ns)));
}

fn brief(Brief { n, p50, p99, max, .. }: Brief) -> String {
    let [p50, p99, max] = [latency(p50), latency(p99), time(max)];
    format!("p50 {p50}  p99 {p99}  max {max}  of {n}")
}

/// What server and generator cost, and what else was seen.
fn costs(summary: &Summary, line: &mut impl FnMut(String)) {
    let server = &summary.server;
    let number = |value: Option<f64>| value.map_or("unknown".into(), |value| format!("{value:.1}"));
    let size = |value: Option<f64>| value.map_or("unknown".into(), bytes);
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let rss = size(server.rss_bytes.map(|rss| rss as f64));
    line(format!("server       {} us CPU a message  RSS {rss}", number(server.cpu_us_per_message)));
    let generator = &summary.generator;
    line(format!(
        "generator    {} us CPU a message  busiest thread {:.0} %  {} connections in {:.2} s",
        number(generator.cpu_us_per_message),
        generator.cpu_share_max * 100.0,
        generator.connections,
        generator.login_s
    ));
    if summary.plan.nice != 0 {
        line(format!(
            "             at nice {}: it takes the CPU before or after a server on the same cores",
            summary.plan.nice
        ));
    }
    let Machine { kept, excused, run_delay_ns, throttled_ns, steal_ns } = summary.machine;
    let [total, max] = [kept.total_ns, kept.max_ns].map(time);
    line(format!(
        "machine      kept the generator from running {} times, {total} in all, {max} at most: {excused} messages late",
        kept.count
    ));
    let [delay, throttled, steal] = [run_delay_ns, throttled_ns, steal_ns]
        .map(|ns| ns.map_or_else(|| "not measured".to_owned(), time));
    line(format!(
        "             waits for a core {delay}  CPU quota {throttled}  hypervisor {steal}"
    ));
    let counters = &summary.counters;
    line(format!(
        "sent again   {} messages, {} of them because no ack came in time",
        counters.resends, counters.ack_timeouts
    ));
    line(format!(
        "wire         duplicates {}  gaps healed {}  by sync {}  disconnects {}  refusals {:?}",
        counters.wire_duplicates,
        counters.wire_gaps,
        counters.by_sync,
        counters.disconnects,
        counters.refusals
    ));
    for (reason, count) in &counters.disconnect_reasons {
        line(format!("             {count} connections: {reason}"));
    }
}
