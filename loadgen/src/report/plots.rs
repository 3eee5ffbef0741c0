//! The plots of a run: what lies on their axes.

use super::result::Report;
use super::svg::{Line, Plot, step};
use crate::histograms::Latency;
use crate::run::{Phase, SecondCounts, SecondRow};
use crate::units::{bytes, time};

/// Length of a whole second of the run.
const SECOND_NS: u64 = 1_000_000_000;

/// Messages to groups, until the last member has it, by size; and 1:1 messages beside them.
pub(super) fn groups(report: &Report) -> String {
    let named = report.groups.last().map(|(members, last)| (format!("up to {members}"), last));
    let named: Vec<(String, &Latency)> = named.collect();
    if named.is_empty() {
        return String::new();
    }
    let lines: Vec<(&str, &Latency)> = named
        .iter()
        .map(|(name, latency)| (name.as_str(), *latency))
        .chain([("1:1", report.groups.direct_latency())])
        .collect();
    percentiles(&lines)
}

/// Latency over percentile; the x axis is stretched so that each nine has the same width.
pub(super) fn percentiles(latencies: &[(&str, &Latency)]) -> String {
    let most = latencies.iter().map(|(_, latency)| latency.0.len()).max();
    let nines = most.unwrap_or(0).max(10).ilog10();
    let marks: [(&str, f64); 6] = [
        ("0 %", 1.0),
        ("90 %", 10.0),
        ("99 %", 1e2),
        ("99.9 %", 1e3),
        ("99.99 %", 1e4),
        ("99.999 %", 1e5),
    ];
    let shown = marks.into_iter().take(nines as usize + 1);
    let x_marks: Vec<(f64, String)> =
        shown.map(|(text, inverse)| (inverse.log10(), text.into())).collect();
    let lines = latencies.iter().map(|(name, latency)| Line { name, points: curve(latency) });
    let lines = lines.collect();
    Plot {
        x_label: "percentile",
        x_marks,
        y_text: nanoseconds,
        y_log: true,
        lines,
        ..Plot::default()
    }
    .draw()
}

/// A latency's quantiles, up to the largest sample: how far that can be trusted the marks of ten samples beyond say.
fn curve(latency: &Latency) -> Vec<(f64, f64)> {
    if latency.0.is_empty() {
        return Vec::new();
    }
    #[allow(clippy::cast_precision_loss, reason = "a plot")]
    let last = (latency.0.len() as f64).max(10.0).log10();
    let positions = (0..=250).map(|step| f64::from(step) / 250.0 * last);
    #[allow(clippy::cast_precision_loss, reason = "a plot")]
    let point = |x: f64| (x, latency.0.value_at_quantile(1.0 - 10f64.powf(-x)).max(1) as f64);
    positions.map(point).collect()
}

/// The whole seconds that can be compared: what came while everything was read back is not one of them.
fn whole(seconds: &[SecondRow]) -> Vec<(f64, &SecondRow)> {
    let whole = |(_, row): &(f64, &SecondRow)| {
        row.counts.length_ns == SECOND_NS && row.counts.phase != Phase::Settling
    };
    (1u32..).map(f64::from).zip(seconds).filter(whole).collect()
}

pub(super) fn throughput(report: &Report) -> String {
    let seconds = &report.seconds;
    let line = |name, of: fn(&SecondCounts) -> u64| Line {
        name,
        points: whole(seconds)
            .into_iter()
            .map(|(nth, SecondRow { counts, .. })| (nth, counts.rate(of(counts))))
            .collect(),
    };
    let lines = vec![
        line("sent", |counts| counts.sent),
        line("acked", |counts| counts.acked),
        line("delivered", |counts| counts.delivered),
    ];
    by_second(report, |y| format!("{y:.0}"), false, lines)
}

#[allow(clippy::cast_precision_loss, reason = "a plot")]
pub(super) fn e2e(report: &Report) -> String {
    let seconds = &report.seconds;
    let line = |name, of: fn(&SecondRow) -> Option<u64>| Line {
        name,
        points: whole(seconds)
            .into_iter()
            .filter_map(|(nth, row)| Some((nth, of(row)? as f64)))
            .collect(),
    };
    let lines = vec![
        line("p50", |row| row.e2e_p50),
        line("p99", |row| row.e2e_p99),
        line("max", |row| Some(row.e2e_max).filter(|max| *max > 0)),
    ];
    by_second(report, nanoseconds, true, lines)
}

/// CPUs that the server was busy with, and its memory, if they are known.
pub(super) fn server(report: &Report) -> Option<[String; 2]> {
    let line = |name, of: fn(&SecondRow) -> Option<f64>| Line {
        name,
        points: whole(&report.seconds)
            .into_iter()
            .filter_map(|(nth, row)| Some((nth, of(row)?)))
            .collect(),
    };
    let cpus = line("CPUs", |row| row.server_cpus);
    #[allow(clippy::cast_precision_loss, reason = "a plot")]
    let memory = line("resident memory", |row| row.server_rss.map(|rss| rss as f64));
    let is_known = !cpus.points.is_empty() && !memory.points.is_empty();
    is_known.then(|| {
        [
            by_second(report, |y| format!("{y:.1}"), false, vec![cpus]),
            by_second(report, bytes, false, vec![memory]),
        ]
    })
}

fn by_second(
    report: &Report,
    y_text: fn(f64) -> String,
    y_log: bool,
    lines: Vec<Line<'_>>,
) -> String {
    let seconds = whole(&report.seconds);
    let count = f64::from(u32::try_from(seconds.len()).unwrap_or(u32::MAX));
    let gap = step(count / 10.0).max(1.0);
    let mut x_marks = vec![(1.0, "1".to_owned())];
    let mut x = gap;
    while x <= count {
        if x > 1.0 {
            x_marks.push((x, format!("{x:.0}")));
        }
        x += gap;
    }
    let is_warm = |(_, row): &&(f64, &SecondRow)| row.counts.phase == Phase::WarmUp;
    let warm_up = f64::from(u32::try_from(seconds.iter().filter(is_warm).count()).unwrap_or(0));
    let measured_from = warm_up + 0.5;
    let shaded = (warm_up > 0.0).then_some((1.0, measured_from, "warm-up"));
    let events = (1..).zip(&report.summary.events);
    let notes = events.map(|(nth, event)| (measured_from + event.at_s, nth.to_string())).collect();
    Plot { x_label: "second", x_marks, y_text, y_log, lines, shaded, notes }.draw()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "marks of a plot are whole ns"
)]
pub(crate) fn nanoseconds(ns: f64) -> String {
    time(ns.round() as u64)
}
