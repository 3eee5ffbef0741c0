//! `cargo xtask bench path --against BINARY`: this build of the gateway beside another, load after load, by loadgen's own
//! comparison of pairs. It computes nothing itself.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::load::{self, Load, WARMUP_S};
use crate::process;

/// Those of `bench path`, and more rates: a load that is between two of them may be the one that got dearer.
pub const LOADS: &[Load] = &[
    Load::Window(64),
    Load::Window(256),
    Load::Window(1000),
    Load::Rate(500),
    Load::Rate(2000),
    Load::Rate(5000),
    Load::Rate(10_000),
];

/// What is told of both, by loadgen's names, and by how much its medians are divided.
const FIGURES: [(&str, f64, &str); 5] = [
    ("throughput", 1.0, "messages/s"),
    ("server CPU", 1.0, "CPU µs/message"),
    ("ack p99", 1e6, "ack p99 ms"),
    ("ack p99.9", 1e6, "ack p99.9 ms"),
    ("e2e p99.9", 1e6, "e2e p99.9 ms"),
];

/// Compares under each load and prints a table. Fails if a load could not be compared: also if a run had a fault.
pub fn run(binary: &Path, loads: &[Load], (pairs, seconds): (u32, u32)) -> Result<ExitCode> {
    let binary = std::path::absolute(binary).context("could not find the other build")?;
    load::build(&["gateway", "loadgen"])?;
    let (mut rows, mut all_compared) = (Vec::new(), true);
    for load in loads {
        println!("{}", load.name());
        let row = match compare(&binary, *load, (pairs, seconds))? {
            Ok(compared) => row(&compared)?,
            Err(why) => {
                all_compared = false;
                format!(" {why} |{}", " |".repeat(FIGURES.len() - 1))
            }
        };
        rows.push(format!("| {} |{row}", load.name()));
    }
    let names: String = FIGURES.iter().map(|(.., name)| format!(" {name} |")).collect();
    println!(
        "\n{}; {seconds} s a run, {pairs} pairs a load, no fault in any run that is compared",
        load::machine()
    );
    println!("this build, {}, the first to the second and its interval\n", binary.display());
    println!("| load |{names}\n|---|{}", "---|".repeat(FIGURES.len()));
    rows.iter().for_each(|row| println!("{row}"));
    Ok(if all_compared { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loadgen's `compare.json`, or why there is none. A run that breaks a promise ends a comparison.
fn compare(
    binary: &Path,
    load: Load,
    (pairs, seconds): (u32, u32),
) -> Result<std::result::Result<Value, String>> {
    let out = process::scratch_dir("bench-against")?;
    let mut loadgen = Command::new(process::release_binary("loadgen"));
    loadgen.args(["compare", "--serve", "--users", "500", "--payload", "128"]);
    loadgen.arg("--against-gateway").arg(binary).args(load.args());
    loadgen.args(["--pairs", &pairs.to_string(), "--duration", &format!("{seconds}s")]);
    loadgen.args(["--warmup", &format!("{WARMUP_S}s"), "--force", "--out"]).arg(&out);
    let status = process::run(loadgen.stdin(Stdio::null()).stdout(Stdio::null()))?;
    let Ok(text) = std::fs::read_to_string(out.join("compare.json")) else {
        return Ok(Err(format!("not compared: loadgen ended with {status}")));
    };
    Ok(Ok(serde_json::from_str(&text).context("compare.json is not JSON")?))
}

/// Its cells.
fn row(compared: &Value) -> Result<String> {
    FIGURES.iter().map(|(name, unit, _)| cell(compared, name, *unit)).collect()
}

fn cell(compared: &Value, name: &str, unit: f64) -> Result<String> {
    let figures = compared["figures"].as_array().context("no figures")?;
    let figure = figures.iter().find(|figure| figure["name"] == name);
    let figure = figure.with_context(|| format!("no {name}"))?;
    let medians = figure["medians"].as_array().context("no medians")?;
    // Null: too few messages lie beyond it.
    let medians: Vec<String> = medians
        .iter()
        .map(|it| it.as_f64().map_or("-".to_owned(), |it| short(it / unit)))
        .collect();
    let ratio =
        |end: &str| figure["difference"][end].as_f64().map(|part| format!("{:.2}", 1.0 + part));
    let ratio = match (ratio("mean"), ratio("low"), ratio("high")) {
        (Some(mean), Some(low), Some(high)) => format!("{mean} [{low}, {high}]"),
        _ => "-".to_owned(),
    };
    Ok(format!(" {}, {ratio} |", medians.join(", ")))
}

/// Three places at least.
fn short(number: f64) -> String {
    if number < 100.0 { format!("{number:.2}") } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_told_of_both_with_its_interval_and_a_missing_one_is_a_dash() {
        let text = r#"{"figures":[
            {"name":"server CPU","medians":[20.51,40.0],"difference":{"mean":-0.5,"low":-0.6,"high":-0.4}},
            {"name":"ack p99.9","medians":[null,2500000.0],"difference":null}]}"#;
        let compared = serde_json::from_str(text).unwrap();
        let cpu = cell(&compared, "server CPU", 1.0).unwrap();
        assert_eq!(cpu, " 20.51, 40.00, 0.50 [0.40, 0.60] |");
        assert_eq!(cell(&compared, "ack p99.9", 1e6).unwrap(), " -, 2.50, - |");
        assert!(cell(&compared, "e2e p99.9", 1e6).is_err());
    }
}
