//! `cargo xtask bench idle`: loadgen holds logged-in connections that only exchange heartbeats; the bars of idling.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::figures::{bar, number};
use super::load;
use crate::process;
use crate::summary;

/// How many.
#[derive(clap::Args)]
pub struct Args {
    /// Connections of one gateway process.
    #[arg(long, default_value_t = 38_000)]
    connections: u32,
}

/// Everybody sends a first heartbeat within the gateway's interval of 60 s.
const HOLD: &str = "65s";

/// What is measured, its place in the summary, and the most that it may be.
const BARS: &[(&str, &str, f64)] = &[
    ("user bytes a connection", "/user_bytes_per_connection", 600.0),
    ("CPU while idle, % of a core", "/cpu_percent_of_core", 5.0),
    ("CPU of a login, us (mosquitto's)", "/cpu_us_per_login", 85.0),
    ("heartbeats unanswered", "/heartbeats_unanswered", 0.0),
    ("sessions that sent no heartbeat", "/sessions_without_heartbeat", 0.0),
    ("connections lost", "/closes", 0.0),
];

/// Printed as they are: no bar is set for them.
const PLAIN: &[&str] = &["logins_per_s", "heartbeats_sent", "kernel_bytes_per_connection"];

/// Measures and prints the bars.
pub fn run(args: &Args) -> Result<ExitCode> {
    load::build(load::FLOOR_AND_GATEWAY)?;
    let out = process::scratch_dir("bench-idle")?;
    let mut loadgen = Command::new(process::release_binary("loadgen"));
    loadgen.args(["idle", "--serve", "--connections", &args.connections.to_string()]);
    let status = process::run(loadgen.args(["--duration", HOLD, "--force", "--out"]).arg(&out))?;
    let summary = summary::read(&out).with_context(|| format!("loadgen ended with {status}"))?;
    println!("\n{} connections; {}\n", args.connections, load::machine());
    for line in lines(&summary)? {
        println!("{line}");
    }
    if !status.success() {
        bail!("loadgen ended with {status}");
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(summary: &Value) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (name, pointer, most) in BARS {
        lines.push(bar(name, Some(number(summary, pointer)?), true, *most));
    }
    for name in PLAIN {
        lines.push(format!("- {name}: {:.1}", number(summary, &format!("/{name}"))?));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_judged_and_a_missing_figure_is_an_error() {
        let mut summary = serde_json::json!({
            "user_bytes_per_connection": 500.4, "cpu_percent_of_core": 5.5, "cpu_us_per_login": 60,
            "heartbeats_unanswered": 0, "sessions_without_heartbeat": 0, "closes": 0,
            "logins_per_s": 9000, "heartbeats_sent": 38_000, "kernel_bytes_per_connection": 4_800,
        });
        let lines = lines(&summary).unwrap();
        assert_eq!(lines[0], "- pass: user bytes a connection: 500.4 (at most 600)");
        assert!(lines[1].starts_with("- miss: CPU while idle"), "{}", lines[1]);
        assert_eq!(lines.len(), BARS.len() + PLAIN.len());
        summary["cpu_percent_of_core"] = Value::Null;
        let error = super::lines(&summary).unwrap_err().to_string();
        assert!(error.ends_with("/cpu_percent_of_core"), "{error}");
    }
}
