//! The run's data in the formats of other tools: HdrHistogram's percentile table, and CSV.

use crate::histograms::{Latencies, Latency};
use crate::run::{GroupLatencies, SecondCounts, SecondRow};
use std::fmt::Write as _;
use std::io;
use std::path::Path;

/// Steps of the percentile table for each halving of the distance to 100 %: HdrHistogram's own default.
const TICKS_PER_HALF: u32 = 5;

/// `sched.hgrm`, `e2e.hgrm`, and so on. Values in ns.
pub(super) fn percentiles(
    out: &Path,
    latencies: &Latencies,
    groups: &GroupLatencies,
) -> io::Result<()> {
    let of_groups = groups.named();
    let named = latencies.named().into_iter();
    let all = named.chain(of_groups.iter().map(|(name, latency)| (name.as_str(), *latency)));
    for (name, latency) in all {
        std::fs::write(out.join(format!("{name}.hgrm")), percentile_table(latency))?;
    }
    Ok(())
}

fn percentile_table(latency: &Latency) -> String {
    let mut out = format!(
        "{:>14} {:>16} {:>12} {:>16}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for step in latency.0.iter_quantiles(TICKS_PER_HALF) {
        let (value, quantile) = (step.value_iterated_to(), step.quantile_iterated_to());
        let beyond = 1.0 / (1.0 - quantile);
        let count = latency.0.count_between(0, value);
        writeln!(out, "{value:>14} {quantile:>16.12} {count:>12} {beyond:>16.2}").expect("memory");
    }
    let (mean, deviation, max) = (latency.0.mean(), latency.0.stdev(), latency.0.max());
    let n = latency.0.len();
    writeln!(
        out,
        "#[Mean = {mean:.1}, StdDeviation = {deviation:.1}]\n#[Max = {max}, Total count = {n}]"
    )
    .expect("memory");
    out
}

/// A row a second.
pub(super) fn series(path: &Path, seconds: &[SecondRow]) -> io::Result<()> {
    let mut out = String::from(
        "second,phase,length_s,sent,acked,delivered,refused,logged_in,e2e_p50_ns,e2e_p99_ns,e2e_max_ns,sched_p99_ns,\
         held_p99_ns,to_members,server_cpus,server_rss_bytes\n",
    );
    for (nth, row) in (1..).zip(seconds) {
        let SecondCounts { phase, sent, acked, delivered, refused, logged_in, to_members, .. } =
            row.counts;
        let cell = |value: Option<u64>| value.map_or(String::new(), |value| value.to_string());
        let [p50, p99, sched, held] =
            [row.e2e_p50, row.e2e_p99, row.sched_p99, row.held_p99].map(cell);
        let rss = cell(row.server_rss);
        let cpus = row.server_cpus.map_or(String::new(), |cpus| format!("{cpus:.3}"));
        let (phase, length_s, e2e_max) = (phase.name(), row.counts.seconds(), row.e2e_max);
        writeln!(
            out,
            "{nth},{phase},{length_s:.3},{sent},{acked},{delivered},{refused},{logged_in},{p50},{p99},{e2e_max},\
             {sched},{held},{to_members},{cpus},{rss}"
        )
        .expect("memory");
    }
    std::fs::write(path, out)
}
