//! What one run of loadgen says in its `summary.json`.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::summary;

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// One run, or the medians of several.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    pub verdict: String,
    pub messages_per_s: f64,
    pub cpu_us_per_message: f64,
    pub ack: Latency,
    pub e2e: Latency,
}

impl Figures {
    /// Reads the summary that loadgen left in `dir`.
    pub fn read(dir: &Path) -> Result<Self> {
        let summary = summary::read(dir)?;
        Self::parse(&summary).with_context(|| format!("could not use that of {}", dir.display()))
    }

    fn parse(summary: &Value) -> Result<Self> {
        let cpu_us_per_message = number(summary, "/server/cpu_us_per_message")?;
        Ok(Self { cpu_us_per_message, ..Self::without_cpu(summary)? })
    }

    /// Of a run whose servers loadgen does not know.
    pub fn without_cpu(summary: &Value) -> Result<Self> {
        Ok(Self {
            verdict: summary["verdict"].as_str().context("no verdict")?.to_owned(),
            messages_per_s: number(summary, "/throughput_per_s")?,
            cpu_us_per_message: 0.0,
            ack: Latency::parse(summary, "ack_ns")?,
            e2e: Latency::parse(summary, "e2e_ns")?,
        })
    }

    /// The median of each figure; the worst verdict is kept.
    pub fn median(runs: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(runs.iter().map(figure).collect());
        let bad = runs.iter().find(|run| run.verdict != "valid").unwrap_or(&runs[0]);
        Self {
            verdict: bad.verdict.clone(),
            messages_per_s: of(|run| run.messages_per_s),
            cpu_us_per_message: of(|run| run.cpu_us_per_message),
            ack: Latency {
                p50: of(|run| run.ack.p50),
                p99: of(|run| run.ack.p99),
                p999: of(|run| run.ack.p999),
            },
            e2e: Latency {
                p50: of(|run| run.e2e.p50),
                p99: of(|run| run.e2e.p99),
                p999: of(|run| run.e2e.p999),
            },
        }
    }
}

impl Latency {
    fn parse(summary: &Value, name: &str) -> Result<Self> {
        let of = |name_of: &str| {
            Ok::<_, anyhow::Error>(percentile(summary, &format!("/{name}/{name_of}"))? / 1e6)
        };
        Ok(Self { p50: of("p50")?, p99: of("p99")?, p999: of("p999")? })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2} / {:.2}", self.p50, self.p99, self.p999)
    }
}

/// A percentile by its JSON pointer: NaN where loadgen says `null`, for fewer than 10 samples lie beyond it.
fn percentile(summary: &Value, pointer: &str) -> Result<f64> {
    match summary.pointer(pointer) {
        Some(Value::Null) => Ok(f64::NAN),
        _ => number(summary, pointer),
    }
}

/// A number by its JSON pointer.
pub fn number(summary: &Value, pointer: &str) -> Result<f64> {
    match summary.pointer(pointer).and_then(Value::as_f64) {
        Some(number) => Ok(number),
        None => bail!("no number at {pointer}"),
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    let middle = of.len() / 2;
    if of.len().is_multiple_of(2) { f64::midpoint(of[middle - 1], of[middle]) } else { of[middle] }
}

/// One bar: what was measured, what is asked for, and whether that is met.
pub fn bar(name: &str, measured: Option<f64>, most: bool, bound: f64) -> String {
    let asked = if most { "at most" } else { "at least" };
    let Some(measured) = measured else {
        return format!("- not measured: {name} ({asked} {bound})");
    };
    let met = if most { measured <= bound } else { measured >= bound };
    format!("- {}: {name}: {measured:.1} ({asked} {bound})", if met { "pass" } else { "miss" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(verdict: &str, throughput: u32) -> Value {
        let text = r#"{"verdict":"V","throughput_per_s":T,"server":{"cpu_us_per_message":20.5},
            "ack_ns":{"n":9,"p50":1000000,"p99":2000000,"p999":3000000,"max":4},
            "e2e_ns":{"n":9,"p50":1500000,"p99":2500000,"p999":3500000,"max":4}}"#;
        let text = text.replace('V', verdict).replace('T', &throughput.to_string());
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_summary_is_read_and_a_missing_figure_named() {
        let figures = Figures::parse(&summary("valid", 100)).unwrap();
        assert_eq!(figures.ack.to_string(), "1.00 / 2.00 / 3.00");
        let mut lacking = summary("valid", 100);
        lacking["server"] = Value::Null;
        let error = Figures::parse(&lacking).unwrap_err().to_string();
        assert!(error.ends_with("/server/cpu_us_per_message"), "{error}");
    }

    #[test]
    fn rounds_become_medians_and_a_bad_verdict_stays() {
        let runs = [("valid", 100), ("server-limited", 300), ("valid", 200)]
            .map(|(verdict, n)| Figures::parse(&summary(verdict, n)).unwrap());
        let median = Figures::median(&runs);
        assert_eq!((median.messages_per_s, median.verdict.as_str()), (200.0, "server-limited"));
        assert_eq!(Figures::median(&runs[..2]).messages_per_s, 200.0);
    }

    #[test]
    fn a_bar_is_met_on_its_side() {
        for (measured, most, word) in
            [(4.0, true, "pass"), (4.1, true, "miss"), (4.0, false, "pass"), (3.9, false, "miss")]
        {
            let line = bar("ratio", Some(measured), most, 4.0);
            assert!(line.starts_with(&format!("- {word}: ratio: {measured:.1}")), "{line}");
        }
        assert!(bar("ratio", None, true, 4.0).starts_with("- not measured"));
    }
}
