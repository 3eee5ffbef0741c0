//! `loadgen search` against a fake server that takes so many messages a second and no more.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use serde_json::Value;
use std::process::{Command, Output};

/// Searches from a rate on, in runs of a second.
fn search(planted: Planted, rate: &str, more: &[&str]) -> (Output, Value) {
    let directory = tempfile::tempdir().unwrap();
    let key = fake::key_file(directory.path());
    let target = fake::start(planted).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["search", "--target", &target, "--users", "10", "--friends", "2"]);
    command.args(["--arrivals", "constant", "--warmup", "0s", "--duration", "1s", "--rate", rate]);
    command.args(more).arg("--key-file").arg(&key).arg("--out").arg(directory.path().join("out"));
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let json = std::fs::read_to_string(directory.path().join("out/search.json")).expect(&told);
    assert!(directory.path().join("out/search.html").is_file(), "{told}");
    assert!(directory.path().join("out/run-01/summary.json").is_file(), "{told}");
    (output, serde_json::from_str(&json).unwrap())
}

fn code_and_table(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_rate_that_a_server_takes_is_found_and_measured_around() {
    let (output, found) = search(Planted::Limit(3_000), "1000", &["--within", "20"]);
    let (code, table) = code_and_table(&output);
    // A machine that is in the way makes it less, or untold.
    let rate = found["rate"].as_f64();
    assert!(rate.is_none_or(|rate| rate <= 3_300.0), "{table}");
    if code == Some(0) {
        assert!(rate.is_some_and(|rate| rate >= 2_000.0), "{table}");
        let tried = found["tried"].as_array().unwrap();
        assert!(tried.iter().any(|point| point["verdict"] == "server-limited"), "{table}");
        assert_eq!(found["curve"].as_array().unwrap().len(), 5, "{table}");
        assert!(table.contains("messages/s hold, and no more"), "{table}");
    } else {
        assert_eq!(code, Some(5), "{table}");
        assert!(table.contains("the generator or the machine is the limit"), "{table}");
    }
}

#[test]
fn a_search_does_not_go_above_its_highest_rate() {
    let (output, found) = search(Planted::Nothing, "1000", &["--rate-max", "1.5k"]);
    let (code, table) = code_and_table(&output);
    let tried = found["tried"].as_array().unwrap();
    assert!(tried.iter().all(|point| point["rate"].as_f64().unwrap() <= 1_500.0), "{table}");
    assert!(matches!(code, Some(0 | 5)), "{table}");
}

#[test]
fn a_broken_promise_ends_a_search() {
    let (output, found) = search(Planted::Lose(50), "100", &[]);
    let (code, table) = code_and_table(&output);
    assert_eq!(code, Some(4), "{table}");
    assert_eq!(found["tried"].as_array().unwrap().len(), 1, "{table}");
    assert_eq!(found["curve"].as_array().unwrap().len(), 0, "{table}");
}

#[test]
fn a_bound_that_no_rate_keeps_is_said() {
    let (output, found) = search(Planted::Nothing, "4", &["--slo", "e2e.max<1ms"]);
    let (code, table) = code_and_table(&output);
    assert!(found["rate"].is_null(), "{table}");
    assert!(matches!(code, Some(3 | 5)), "{table}");
}
