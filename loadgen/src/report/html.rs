//! The run as one HTML file that needs nothing else: verdict, numbers, plots.

use super::result::Report;
use super::svg::{Line, Plot, step};
use super::table::table;
use crate::histograms::Latency;
use crate::run::{Phase, SecondCounts, SecondRow};
use crate::units::time;
use crate::verdict::Verdict;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#111}\
    .banner{padding:.8em 1em;border-radius:6px;color:#fff;font-size:1.1em}.good{background:#047857}\
    .bad{background:#b91c1c}.doubt{background:#b45309}pre{background:#f4f4f5;padding:1em;overflow-x:auto;\
    font-size:12.5px;line-height:1.4}svg{width:100%}svg text{font:12px system-ui,sans-serif}\
    .grid{stroke:#ddd;stroke-width:1}.line{fill:none;stroke-width:1.8}h2{margin-top:2em;font-size:1.15em}";

/// Length of a whole second of the run.
const SECOND_NS: u64 = 1_000_000_000;

/// The page.
pub(super) fn page(report: &Report) -> String {
    let summary = &report.summary;
    let name = summary.verdict.name();
    let class = match summary.verdict {
        Verdict::Valid => "good",
        Verdict::Broken | Verdict::TargetDown | Verdict::Unanswered => "bad",
        Verdict::SloMissed
        | Verdict::TooShort
        | Verdict::ServerLimited
        | Verdict::Interrupted
        | Verdict::MachineLimited
        | Verdict::GeneratorLimited => "doubt",
    };
    let text = match summary.verdict_reasons.as_slice() {
        [] if !summary.plan.drain => "valid; inboxes were not read back".to_owned(),
        [] if summary.unanswered() > 0 => {
            format!("valid; {} messages, as allowed, were never answered", summary.unanswered())
        }
        [] => "valid, and every message accounted for".to_owned(),
        reasons => format!("{name}: {}", reasons.join("; ")),
    };
    let plan = serde_json::to_string_pretty(&summary.plan).unwrap_or_default();
    let body = format!(
        "<p class=\"banner {class}\">{}</p><pre>{}</pre><h2>Latency by percentile</h2>{}{}\
         <h2>Messages a second</h2>{}<h2>End to end, second by second</h2>{}<h2>Plan</h2><pre>{}</pre>",
        escape(&text),
        escape(&table(summary)),
        percentiles(&report.latencies.named()),
        groups(report),
        throughput(report),
        e2e(report),
        escape(&plan)
    );
    document(&format!("loadgen: {name}"), &body)
}

/// A page that needs nothing else, with such a title and body.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style><h1>loadgen</h1>{body}</html>\n"
    )
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Messages to groups, until the last member has it, by size; and 1:1 messages beside them.
fn groups(report: &Report) -> String {
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
    format!("<h2>Until the last member of a group has it, by members</h2>{}", percentiles(&lines))
}

/// Latency over percentile; the x axis is stretched so that each nine has the same width.
fn percentiles(latencies: &[(&str, &Latency)]) -> String {
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
    let y_text = nanoseconds;
    Plot { x_label: "percentile", x_marks, y_text, y_log: true, lines: lines.collect() }.draw()
}

/// A latency's quantiles, as far as ten samples lie beyond.
fn curve(latency: &Latency) -> Vec<(f64, f64)> {
    let positions = (0..=250).map(|step| f64::from(step) / 50.0);
    #[allow(clippy::cast_precision_loss, reason = "a plot")]
    let point = |x: f64| Some((x, latency.quantile(1.0 - 10f64.powf(-x))? as f64));
    positions.filter_map(point).collect()
}

/// The whole seconds that can be compared: what came while everything was read back is not one of them.
fn whole(seconds: &[SecondRow]) -> Vec<(f64, &SecondRow)> {
    let whole = |(_, row): &(f64, &SecondRow)| {
        row.counts.length_ns == SECOND_NS && row.counts.phase != Phase::Settling
    };
    (1u32..).map(f64::from).zip(seconds).filter(whole).collect()
}

fn throughput(report: &Report) -> String {
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
fn e2e(report: &Report) -> String {
    let seconds = &report.seconds;
    let line = |name, of: fn(&SecondRow) -> Option<u64>| Line {
        name,
        points: whole(seconds)
            .into_iter()
            .filter_map(|(nth, row)| Some((nth, of(row)? as f64)))
            .collect(),
    };
    let lines = vec![line("p50", |row| row.e2e_p50), line("p99", |row| row.e2e_p99)];
    by_second(report, nanoseconds, true, lines)
}

fn by_second(
    report: &Report,
    y_text: fn(f64) -> String,
    y_log: bool,
    lines: Vec<Line<'_>>,
) -> String {
    let seconds = &report.seconds;
    let count = f64::from(u32::try_from(whole(seconds).len()).unwrap_or(u32::MAX));
    let gap = step(count / 10.0).max(1.0);
    let mut x_marks = vec![(1.0, "1".to_owned())];
    let mut x = gap;
    while x <= count {
        if x > 1.0 {
            x_marks.push((x, format!("{x:.0}")));
        }
        x += gap;
    }
    let warm_up =
        whole(seconds).iter().filter(|(_, row)| row.counts.phase == Phase::WarmUp).count();
    if warm_up > 0 {
        let last = f64::from(u32::try_from(warm_up).unwrap_or(u32::MAX));
        x_marks.retain(|(x, _)| (x - last - 0.5).abs() > gap / 2.0);
        x_marks.push((last + 0.5, "warm-up ends".to_owned()));
    }
    let measured_from = 0.5 + f64::from(u32::try_from(warm_up).unwrap_or(u32::MAX));
    for (nth, event) in (1..).zip(&report.summary.events) {
        let x = measured_from + event.at_s;
        x_marks.retain(|(mark, _)| (mark - x).abs() > gap / 2.0);
        x_marks.push((x, format!("event {nth}")));
    }
    Plot { x_label: "second", x_marks, y_text, y_log, lines }.draw()
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "marks of a plot are whole ns"
)]
pub(crate) fn nanoseconds(ns: f64) -> String {
    time(ns.round() as u64)
}
