//! loadgen finds exactly what is wrong: it is run against a fake server that breaks one promise once, or stands still
//! for a known time, and its summary must have that and nothing else.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::{Planted, judged};
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;

/// Exit code of a target that went.
const TARGET_DOWN: i32 = 6;

/// Runs loadgen: what it said, and its summary's text.
fn run(planted: Planted, more: &[&str]) -> (Output, std::io::Result<String>) {
    let directory = tempfile::tempdir().unwrap();
    let keys = tempfile::tempdir().unwrap();
    let key = fake::key_file(keys.path());
    let target = fake::start(planted).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["run", "--target", &target, "--arrivals", "constant", "--warmup", "0s"]);
    command.args(["--duration", "1s", "--users", "10", "--friends", "2"]).args(more);
    if !more.contains(&"--window") {
        command.args(["--rate", "500"]);
    }
    command.arg("--key-file").arg(&key).arg("--out").arg(directory.path());
    let output = command.output().unwrap();
    if let Ok(page) = std::fs::read_to_string(directory.path().join("report.html")) {
        assert_eq!(
            (page.matches("<svg").count(), page.matches("</svg>").count()),
            (3, 3),
            "{page}"
        );
        assert!(
            !page.contains("NaN") && !page.contains("://"),
            "whole, and needs nothing else: {page}"
        );
        for file in ["series.csv", "e2e.hlog", "e2e.hgrm", "sched.hlog", "ack.hgrm", "held.hlog"] {
            assert!(directory.path().join(file).is_file(), "{file}");
        }
    }
    (output, std::fs::read_to_string(directory.path().join("summary.json")))
}

/// Runs loadgen; its summary. `fault` must be there once, and no other.
#[track_caller]
fn check(planted: Planted, fault: Option<&str>, more: &[&str]) -> Value {
    let (output, summary) = run(planted, more);
    let told = judged::told(&output);
    let summary: Value = serde_json::from_str(&summary.expect(&told)).unwrap();
    judged::has_only(fault, &summary, &output);
    let first = String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned);
    assert_eq!(first, Some(format!("verdict      {}", summary["verdict"].as_str().unwrap())));
    for count in ["unknown", "refused", "unread_users"] {
        assert_eq!(summary[count], 0, "{count}\n{told}");
    }
    assert_eq!(summary["sent"], summary["acked"], "{told}");
    summary
}

#[test]
fn a_right_server_is_found_right() {
    let summary = check(Planted::Nothing, None, &[]);
    assert_eq!(summary["sent"], 500);
    assert_eq!(summary["delivered"], 500);
    assert_eq!(summary["e2e_ns"]["n"], 500);
}

#[test]
fn devices_and_absent_users_get_everything() {
    let summary = check(Planted::Nothing, None, &["--devices", "3", "--offline-share", "0.4"]);
    assert_eq!(summary["delivered"], 500);
}

#[test]
fn threads_are_judged_apart_and_added() {
    let summary = check(Planted::Nothing, None, &["--threads", "2"]);
    assert_eq!(summary["delivered"], 500);
}

#[test]
fn a_closed_loop_keeps_its_window() {
    let summary = check(Planted::Nothing, None, &["--window", "8"]);
    assert!(summary["delivered"].as_u64() > Some(8), "{summary}");
    assert_eq!(summary["delivered"], summary["sent"]);
}

#[test]
fn a_stall_is_in_the_latency_of_all_that_was_due_in_it() {
    let length = Duration::from_millis(300);
    let summary = check(Planted::Stall(100, length), None, &[]);
    // 150 of 500 messages are due in it; those due in its first tenth wait for nine tenths of it.
    let p99 = summary["e2e_ns"]["p99"].as_u64();
    let max = summary["e2e_ns"]["max"].as_u64().unwrap();
    assert!(max >= 290_000_000, "{summary}");
    assert!(p99.is_none_or(|p99| p99 >= 200_000_000), "{summary}");
}

#[test]
fn a_lost_message_is_found() {
    check(Planted::Lose(100), Some("lost"), &[]);
}

#[test]
fn swapped_messages_are_found() {
    check(Planted::Swap(100), Some("reordered"), &[]);
}

#[test]
fn a_duplicate_is_found() {
    check(Planted::Duplicate(100), Some("visible_duplicates"), &[]);
}

#[test]
fn a_changed_body_is_found() {
    check(Planted::Corrupt(100), Some("corrupt"), &["--devices", "2"]);
}

#[test]
fn connections_that_are_lost_come_back_and_nothing_is_missed() {
    let summary = check(Planted::HangUp(100), None, &[]);
    assert_eq!(summary["delivered"], 500);
    assert!(summary["counters"]["disconnects"].as_u64() >= Some(10), "{summary}");
}

#[test]
fn a_server_that_goes_and_does_not_come_back_is_a_target_down() {
    let (output, summary) = run(Planted::Die(100), &["--outage-max", "1s"]);
    assert_eq!(output.status.code(), Some(TARGET_DOWN));
    let summary: Value = serde_json::from_str(&summary.unwrap()).unwrap();
    assert_eq!(summary["verdict"], "target-down", "{summary}");
    assert_eq!(summary["unread_users"], 10, "nothing is said to be verified: {summary}");
    assert!(summary["sent"].as_u64() >= Some(100), "what there is is written: {summary}");
}
