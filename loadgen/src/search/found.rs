//! What a search found: the runs that were tried, and where it ended. It does not know how to search.

use super::bracket::{End, Held};
use crate::failure;
use crate::histograms::Brief;
use crate::report::Report;
use crate::units::{latency, number};
use crate::verdict::Verdict;
use serde::Serialize;

/// Why a rate says nothing of the server.
const LIMITED: &str = "the generator or the machine is the limit";

/// `search.json`, and what is printed.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    /// [`super::SEARCH_VERSION`].
    pub version: u32,
    /// The highest rate that holds, messages a second.
    pub rate: Option<f64>,
    /// Why the search ended there.
    pub end: End,
    /// The runs that were tried, in order.
    pub tried: Vec<Point>,
    /// At [`super::CURVE`] of the rate.
    pub curve: Vec<Point>,
}

/// A run of a search.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    /// Messages a second that were due.
    pub rate: f64,
    pub held: Held,
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    /// Messages a second that were delivered.
    pub throughput_per_s: f64,
    /// Due to recipient.
    pub e2e_ns: Brief,
    pub server_cpu_us_per_message: Option<f64>,
}

impl Point {
    pub fn new(rate: f64, report: &Report) -> Self {
        let summary = &report.summary;
        let held = if summary.verdict == Verdict::Valid {
            Held::Yes
        } else if summary.verdict.is_untold() {
            Held::Untold
        } else {
            Held::No
        };
        Self {
            rate,
            held,
            verdict: summary.verdict,
            reasons: summary.verdict_reasons.clone(),
            throughput_per_s: summary.throughput_per_s,
            e2e_ns: summary.e2e_ns,
            server_cpu_us_per_message: summary.server.cpu_us_per_message,
        }
    }
}

impl Found {
    /// For a person.
    pub fn table(&self) -> String {
        let mut lines = vec![self.headline()];
        let mut rows = |title: &str, points: &[Point]| {
            lines.push(format!(
                "{title:<12} {:>10} {:>10} {:>12} {:>12} {:>12} {:>10}  verdict",
                "rate/s", "delivered", "e2e p50", "p99", "p99.9", "CPU us"
            ));
            lines.extend(points.iter().map(Point::row));
        };
        rows("tried", &self.tried);
        if !self.curve.is_empty() {
            rows("curve", &self.curve);
        }
        lines.push(String::new());
        lines.join("\n")
    }

    pub fn headline(&self) -> String {
        let what = match (self.rate.map(number), self.end) {
            (Some(rate), End::AtMax) => {
                format!("{rate} messages/s hold, the most that was to be tried")
            }
            (Some(rate), End::Unmeasurable) => {
                format!(
                    "{rate} messages/s hold; above, the figures are not the server's: {LIMITED}"
                )
            }
            (Some(rate), _) => format!("{rate} messages/s hold, and no more"),
            (None, End::Unmeasurable) => format!("no rate could be measured: {LIMITED}"),
            (None, _) => "no rate holds".into(),
        };
        format!("search       {what}")
    }

    pub fn exit_code(&self) -> u8 {
        match (self.end, self.rate) {
            (End::Found | End::AtMax, _) => failure::PASS,
            (End::Unmeasurable, _) => failure::GENERATOR_LIMITED,
            (End::None, _) => failure::SLO_MISSED,
        }
    }
}

impl Point {
    fn row(&self) -> String {
        let Self { rate, throughput_per_s, e2e_ns, verdict, reasons, .. } = self;
        let [p50, p99, p999] = [e2e_ns.p50, e2e_ns.p99, e2e_ns.p999].map(latency);
        let cpu = self.server_cpu_us_per_message;
        let cpu = cpu.map_or_else(|| "unknown".into(), |us| format!("{us:.1}"));
        let [rate, throughput] = [rate, throughput_per_s].map(|value| number(*value));
        let why = reasons.first().map_or_else(String::new, |why| format!(": {why}"));
        format!(
            "{:<12} {rate:>10} {throughput:>10} {p50:>12} {p99:>12} {p999:>12} {cpu:>10}  {}{why}",
            "",
            verdict.name()
        )
    }
}
