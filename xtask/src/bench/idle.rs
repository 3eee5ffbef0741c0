//! `cargo xtask bench idle`: loadgen holds logged-in connections that only exchange heartbeats; the bars of idling.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::figures::bar;
use super::load;
use crate::process;

/// How many.
#[derive(clap::Args)]
pub struct Args {
    /// Connections of one gateway process.
    #[arg(long, default_value_t = 38_000)]
    connections: u32,
}

/// Printed as they are: no bar is set for them.
const PLAIN: &[&str] = &["logins_per_s", "cpu_us_per_login", "kernel_bytes_per_connection"];

/// Measures and prints the bars.
pub fn run(args: &Args) -> Result<ExitCode> {
    load::build()?;
    let out = process::scratch_dir("bench-idle")?;
    let mut loadgen = Command::new(process::release_binary("loadgen"));
    loadgen.args(["idle", "--serve", "--connections", &args.connections.to_string(), "--out"]);
    let status = process::run(loadgen.arg(&out))?;
    let path = out.join("summary.json");
    let Ok(text) = fs::read_to_string(&path) else {
        bail!("loadgen ended with {status} and left no {}", path.display());
    };
    let summary: Value = serde_json::from_str(&text).context("the summary is not JSON")?;
    println!("\n{} connections; {}\n", args.connections, load::machine());
    for line in lines(&summary) {
        println!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(summary: &Value) -> Vec<String> {
    let figure = |name| find(summary, name);
    let mut lines = vec![
        bar("user bytes a connection", figure("user_bytes_per_connection"), true, 600.0),
        bar("CPU while idle, % of a core", figure("idle_cpu_percent"), true, 5.0),
        bar("heartbeats unanswered", figure("heartbeats_unanswered"), true, 0.0),
    ];
    let plain = PLAIN.iter().filter_map(|name| Some(format!("- {name}: {:.1}", figure(name)?)));
    lines.extend(plain);
    lines
}

/// The number of that name, wherever the summary groups it.
fn find(summary: &Value, name: &str) -> Option<f64> {
    let group = summary.as_object()?;
    let here = group.get(name).and_then(Value::as_f64);
    here.or_else(|| group.values().find_map(|value| find(value, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_where_they_are_and_missed_where_not() {
        let summary = serde_json::json!({
            "logins_per_s": 9000,
            "server": { "user_bytes_per_connection": 500.4 },
        });
        let lines = lines(&summary);
        assert_eq!(lines[0], "- pass: user bytes a connection: 500.4 (at most 600)");
        assert!(lines[1].starts_with("- not measured"));
        assert_eq!(lines[3..], ["- logins_per_s: 9000.0"]);
    }
}
