//! A search as one HTML file: the result, the tables, latency and CPU over the rate.

use super::found::{Found, Point};
use crate::report::page::{document, escape};
use crate::report::plots::nanoseconds;
use crate::report::svg::{Line, Plot};
use crate::units::number;

/// The page.
pub(super) fn page(found: &Found) -> String {
    let table = found.table();
    let class = if found.exit_code() == 0 { "good" } else { "doubt" };
    let body = format!(
        "<p class=\"banner {class}\">{}</p><pre>{}</pre><h2>End to end over the rate</h2>{}",
        escape(found.headline().trim_start_matches("search").trim()),
        escape(&table),
        plot(found)
    );
    document("A search for the highest rate", &body)
}

fn plot(found: &Found) -> String {
    let mut points: Vec<&Point> = found.curve.iter().collect();
    points.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    #[allow(clippy::cast_precision_loss, reason = "a plot")]
    let line = |name, of: fn(&Point) -> Option<u64>| Line {
        name,
        points: points.iter().filter_map(|point| Some((point.rate, of(point)? as f64))).collect(),
    };
    let lines = vec![
        line("p50", |point| point.e2e_ns.p50),
        line("p99", |point| point.e2e_ns.p99),
        line("p99.9", |point| point.e2e_ns.p999),
    ];
    let x_marks = points.iter().map(|point| (point.rate, number(point.rate))).collect();
    let y_text = nanoseconds;
    Plot { x_label: "messages a second", x_marks, y_text, y_log: true, lines, ..Plot::default() }
        .draw()
}
