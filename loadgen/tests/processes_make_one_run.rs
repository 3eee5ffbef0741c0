//! `loadgen run --shard` in several processes, and `loadgen merge` of what they found.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Starts a run of a second with its result in a directory.
fn start(target: SocketAddr, directory: &Path, name: &str, more: &[&str]) -> Child {
    let key = fake::key_file(directory);
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["run", "--target", &target.to_string(), "--users", "24", "--friends", "2"]);
    command.args(["--rate", "800", "--warmup", "0s", "--duration", "1s"]).args(more);
    command.arg("--key-file").arg(&key).arg("--out").arg(directory.join(name));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn summary(directory: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(directory.join("summary.json")).unwrap()).unwrap()
}

fn merge(results: &[PathBuf], more: &[&str]) -> (Output, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    let output = command.arg("merge").args(results).args(more).output().unwrap();
    let told = [output.stdout.as_slice(), &output.stderr].concat();
    (output, String::from_utf8(told).unwrap())
}

/// Runs the given ones of four processes of a run; where their results are.
fn four(target: SocketAddr, directory: &Path, run: &str, indices: &[usize]) -> Vec<PathBuf> {
    let started: Vec<(Child, PathBuf)> = indices
        .iter()
        .map(|index| {
            let (name, shard) = (format!("{run}-{index}"), format!("{index}/4"));
            let child = start(target, directory, &name, &["--shard", &shard, "--run", run]);
            (child, directory.join(name))
        })
        .collect();
    let end = |(mut child, result): (Child, PathBuf)| {
        child.wait().unwrap();
        result
    };
    started.into_iter().map(end).collect()
}

#[test]
fn four_processes_send_and_find_what_four_threads_do() {
    let directory = tempfile::tempdir().unwrap();
    let target = fake::start(Planted::Nothing);
    let threads = ["--threads", "4", "--run", "1"];
    start(target, directory.path(), "threads", &threads).wait().unwrap();
    let results = four(target, directory.path(), "2", &[0, 1, 2, 3]);
    let merged = directory.path().join("merged");
    let (_, told) = merge(&results, &["--out", merged.to_str().unwrap()]);
    let (one, sum) = (summary(&directory.path().join("threads")), summary(&merged));
    let count = |of: &Value, at: &str| of.pointer(at).and_then(Value::as_u64).expect(at);
    for at in [
        "/sent",
        "/acked",
        "/delivered",
        "/measured/planned",
        "/sched_ns/n",
        "/own_sched_ns/n",
        "/held_ns/n",
        "/ack_ns/n",
        "/e2e_ns/n",
        "/raw_ns/n",
        "/generator/connections",
    ] {
        // What the machine made late is not of the generator's own.
        let excused = if at.starts_with("/own") { "/machine/excused" } else { "/lost" };
        let [one, sum] = [&one, &sum].map(|of| count(of, at) + count(of, excused));
        assert_eq!(one, sum, "{at}: {told}");
    }
    assert!(count(&one, "/sent") > 600, "{told}");
    for name in ["e2e.hdr", "own-sched.hdr", "e2e.hgrm"] {
        assert!(merged.join(name).is_file(), "{name}");
    }
}

#[test]
fn the_worst_verdict_wins_and_says_whose_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (well, broken) = (fake::start(Planted::Nothing), fake::start(Planted::Lose(50)));
    let mut results = four(well, directory.path(), "7", &[0, 1, 3]);
    results.extend(four(broken, directory.path(), "7", &[2]));
    let (output, told) = merge(&results, &[]);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains("shard 2/4: lost 1"), "{told}");
}

#[test]
fn what_is_not_one_run_is_not_merged() {
    let directory = tempfile::tempdir().unwrap();
    let target = fake::start(Planted::Nothing);
    let one = four(target, directory.path(), "1", &[0, 1, 2]);
    let other = four(target, directory.path(), "2", &[3]);
    for (results, word) in [
        (one.clone(), "--shard 3/4 is there 0 times"),
        ([one.clone(), vec![one[0].clone()]].concat(), "--shard 0/4 is there 2 times"),
        ([one, other].concat(), "not processes of one run"),
        (vec![directory.path().to_path_buf()], "summary.json"),
    ] {
        let (output, told) = merge(&results, &[]);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(word), "{told}");
    }
}

#[test]
fn a_start_that_is_past_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let target = fake::start(Planted::Nothing);
    let mut run = start(target, directory.path(), "past", &["--start-at", "1700000000"]);
    assert_eq!(run.wait().unwrap().code(), Some(2));
}
