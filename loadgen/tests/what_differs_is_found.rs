//! `loadgen compare` of two fake servers, one of which acks later.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// Compares in runs of a second. The exit code, the table, `compare.json`.
fn compare(one: Planted, other: Planted, more: &[&str]) -> (Option<i32>, String, Option<Value>) {
    let directory = tempfile::tempdir().unwrap();
    let key = fake::key_file(directory.path());
    let [one, other] = [one, other].map(|planted| fake::start(planted).to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["compare", "--target", &one, "--against", &other, "--users", "10"]);
    command.args(["--friends", "2", "--arrivals", "constant", "--rate", "1000", "--pairs", "3"]);
    command.args(["--warmup", "0s", "--duration", "1s"]).args(more);
    command.arg("--key-file").arg(&key).arg("--out").arg(directory.path().join("out"));
    let output = command.output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = std::fs::read_to_string(directory.path().join("out/compare.json")).ok();
    let json = json.map(|json| serde_json::from_str(&json).unwrap());
    (output.status.code(), table + &told, json)
}

/// Of the figure, by name: the low end of the interval.
fn low(compared: &Value, name: &str) -> f64 {
    let figures = compared["figures"].as_array().unwrap();
    let figure = figures.iter().find(|figure| figure["name"] == name).unwrap();
    figure["difference"]["low"].as_f64().unwrap()
}

#[test]
fn a_server_that_acks_later_differs_in_that_alone() {
    let late = Planted::Late(Duration::from_millis(60));
    let (code, told, compared) = compare(late, Planted::Nothing, &["--fail-above", "100"]);
    let Some(compared) = compared else {
        // A machine that is in the way more often than runs are repeated.
        return assert!(matches!(code, Some(5 | 8)), "{told}");
    };
    assert_eq!(code, Some(3), "{told}");
    assert!(low(&compared, "ack p50") > 1.0, "{told}");
    assert!(low(&compared, "e2e p50") < 1.0, "{told}");
    assert!(told.contains("they differ in ack p50"), "{told}");
    assert_eq!(compared["pairs"], 3, "{told}");
}

#[test]
fn a_server_that_refuses_cannot_be_compared() {
    let (code, told, compared) = compare(Planted::Nothing, Planted::Busy(2), &[]);
    assert!(compared.is_none(), "{told}");
    assert!(matches!(code, Some(5 | 7 | 8)), "{told}");
    assert!(told.contains("cannot be compared"), "{told}");
}
