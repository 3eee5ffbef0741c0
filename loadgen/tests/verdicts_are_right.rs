//! loadgen says whose figures they are, of itself as of the server: it is stopped, interrupted, or
//! run against a fake server that is slow, away or silent in a known way. What only a quiet machine
//! could promise is not asserted: the verdict may be that the machine was in the way.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A loadgen that runs.
struct Run {
    child: Child,
    directory: TempDir,
}

/// What came of it.
struct Ran {
    code: Option<i32>,
    summary: Value,
    table: String,
    series: String,
    page: String,
}

impl Run {
    /// At 500 messages a second for some seconds.
    fn start(planted: Planted, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = fake::key_file(directory.path());
        let target = fake::start(planted).to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        command.args(["run", "--target", &target, "--arrivals", "constant", "--friends", "2"]);
        for (option, value) in [("--rate", "500"), ("--users", "10")] {
            let has_rate = more.contains(&"--window") || more.contains(&"--stage");
            let is_told = more.contains(&option) || option == "--rate" && has_rate;
            if !is_told {
                command.args([option, value]);
            }
        }
        command.args(more);
        command.arg("--key-file").arg(&key).arg("--out").arg(directory.path().join("out"));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, directory }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits until it has said so many seconds.
    fn seconds(&mut self, count: usize) {
        let lines = BufReader::new(self.child.stderr.as_mut().unwrap()).lines();
        let seconds = lines.map(Result::unwrap).filter(|line| line.contains("  sent "));
        assert_eq!(seconds.take(count).count(), count);
    }

    fn end(self) -> Ran {
        let output = self.child.wait_with_output().unwrap();
        let table = String::from_utf8(output.stdout).unwrap();
        let out = self.directory.path().join("out");
        let told = String::from_utf8_lossy(&output.stderr);
        let read = |name| std::fs::read_to_string(out.join(name)).expect(&told);
        let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
        let (series, page) = (read("series.csv"), read("report.html"));
        Ran { code: output.status.code(), summary, table, series, page }
    }
}

impl Ran {
    fn verdict(&self) -> &str {
        self.summary["verdict"].as_str().unwrap()
    }

    fn count(&self, pointer: &str) -> u64 {
        self.summary.pointer(pointer).and_then(Value::as_u64).expect(pointer)
    }

    /// Nothing is broken, all is answered, and the generator is not to blame.
    #[track_caller]
    fn is_the_servers(&self) {
        assert_eq!(self.count("/sent"), self.count("/measured/planned"), "{}", self.table);
        assert_eq!(self.count("/acked"), self.count("/sent"), "{}", self.table);
        assert_eq!(self.count("/delivered"), self.count("/sent"), "{}", self.table);
        let blamed = ["broken", "target-down", "unanswered", "generator-limited", "too-short"];
        assert!(!blamed.contains(&self.verdict()), "{}", self.table);
    }
}

fn pause(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        thread::park_timeout(length);
    }
}

#[test]
fn a_generator_that_was_stopped_at_the_end_runs_its_schedule_out_and_does_not_call_it_valid() {
    let mut run = Run::start(Planted::Nothing, &["--warmup", "0s", "--duration", "3s"]);
    run.seconds(1);
    run.signal(Signal::STOP);
    pause(Duration::from_secs(3));
    run.signal(Signal::CONT);
    let ran = run.end();
    assert_eq!(ran.count("/measured/planned"), 1_500, "{}", ran.table);
    assert_eq!(ran.count("/sent"), 1_500, "{}", ran.table);
    assert_eq!((ran.verdict(), ran.code), ("machine-limited", Some(8)), "{}", ran.table);
    // From one to two seconds of the three it stood still.
    assert!(ran.count("/machine/excused") >= 400, "{}", ran.table);
    assert!(ran.count("/machine/kept/max_ns") >= 2_000_000_000, "{}", ran.table);
    assert!(ran.count("/sched_ns/max") >= 1_000_000_000, "{}", ran.table);
}

#[test]
fn a_generator_that_is_stopped_half_the_time_is_machine_limited() {
    let mut run = Run::start(Planted::Nothing, &["--warmup", "1s", "--duration", "2s"]);
    run.seconds(1);
    for _ in 0..10 {
        run.signal(Signal::STOP);
        pause(Duration::from_millis(100));
        run.signal(Signal::CONT);
        pause(Duration::from_millis(100));
    }
    let ran = run.end();
    assert_eq!((ran.verdict(), ran.code), ("machine-limited", Some(8)), "{}", ran.table);
}

#[test]
fn a_closed_loop_that_was_stopped_is_machine_limited() {
    let more = ["--warmup", "0s", "--duration", "3s", "--window", "4"];
    let mut run = Run::start(Planted::Nothing, &more);
    run.seconds(1);
    run.signal(Signal::STOP);
    pause(Duration::from_secs(1));
    run.signal(Signal::CONT);
    let ran = run.end();
    assert_eq!((ran.verdict(), ran.code), ("machine-limited", Some(8)), "{}", ran.table);
}

#[test]
fn a_server_that_stands_still_holds_messages_and_the_generator_is_not_to_blame() {
    // One user has 256 sends under way: 500 a second for a second are more.
    let stall = Planted::Stall(500, Duration::from_secs(2));
    let more = ["--warmup", "0s", "--duration", "4s", "--users", "2", "--rate", "1000"];
    let ran = Run::start(stall, &more).end();
    ran.is_the_servers();
    assert!(ran.count("/held_ns/max") >= 500_000_000, "{}", ran.table);
}

#[test]
fn a_server_that_goes_and_comes_back_is_not_the_generators_fault() {
    let outage = Planted::Outage(500, Duration::from_secs(1));
    let ran = Run::start(outage, &["--warmup", "0s", "--duration", "4s"]).end();
    ran.is_the_servers();
    assert!(ran.count("/counters/disconnects") >= 10, "{}", ran.table);
    assert!(ran.count("/counters/resends") >= 1, "{}", ran.table);
}

#[test]
fn a_server_that_refuses_is_server_limited() {
    let ran = Run::start(Planted::Busy(2), &["--warmup", "0s", "--duration", "2s"]).end();
    ran.is_the_servers();
    assert!(ran.table.contains("500 refusals"), "{}", ran.table);
    assert_ne!(ran.code, Some(0), "{}", ran.table);
    assert_eq!(ran.count("/counters/resends"), 500, "{}", ran.table);
    assert_eq!(ran.count("/counters/ack_timeouts"), 0, "{}", ran.table);
}

#[test]
fn a_server_that_answers_late_and_keeps_up_is_not_server_limited() {
    // Without a warm-up a third of the acks come after the measured time.
    let late = Planted::Late(Duration::from_millis(300));
    let ran = Run::start(late, &["--warmup", "0s", "--duration", "1s"]).end();
    ran.is_the_servers();
    assert!(ran.count("/measured/acked") < 480, "{}", ran.table);
    assert!(!ran.table.contains("server-limited"), "{}", ran.table);
}

#[test]
fn a_server_whose_backlog_grows_is_server_limited() {
    // It stands still from 1.6 s on; the run ends at 2 s.
    let stall = Planted::Stall(800, Duration::from_secs(1));
    let ran = Run::start(stall, &["--warmup", "0s", "--duration", "2s"]).end();
    ran.is_the_servers();
    assert!(ran.table.contains("the backlog grew by"), "{}", ran.table);
    assert_ne!(ran.code, Some(0), "{}", ran.table);
}

#[test]
fn messages_that_are_never_answered_fail_the_run_and_are_in_the_percentiles() {
    let more = ["--warmup", "0s", "--duration", "2s"];
    let ran = Run::start(Planted::EatAcks(50), &more).end();
    assert_eq!((ran.verdict(), ran.code), ("unanswered", Some(10)), "{}", ran.table);
    assert_eq!((ran.count("/unknown"), ran.count("/ack_ns/n")), (20, 1_000), "{}", ran.table);
    assert_eq!(ran.count("/e2e_ns/n"), 1_000, "{}", ran.table);
    // 2 % of all waited to the end: two ack time-outs long at least.
    assert!(ran.count("/ack_ns/p99") >= 10_000_000_000, "{}", ran.table);
    assert!(ran.table.contains("20 never answered"), "{}", ran.table);
}

#[test]
fn a_server_that_takes_nothing_is_found() {
    let ran = Run::start(Planted::EatSends, &["--warmup", "0s", "--duration", "1s"]).end();
    assert_eq!((ran.verdict(), ran.code), ("unanswered", Some(10)), "{}", ran.table);
    assert_eq!((ran.count("/unknown"), ran.count("/e2e_ns/n")), (500, 500), "{}", ran.table);
    assert!(ran.count("/e2e_ns/p50") >= 10_000_000_000, "{}", ran.table);
}

#[test]
fn a_message_that_is_sent_again_after_a_time_out_is_not_reordered() {
    let ran = Run::start(Planted::IgnoreOnce(100), &["--warmup", "0s", "--duration", "1s"]).end();
    ran.is_the_servers();
    assert_eq!(ran.count("/reordered"), 0, "{}", ran.table);
    assert_eq!(ran.count("/counters/ack_timeouts"), 1, "{}", ran.table);
    assert_eq!(ran.count("/counters/resends"), 1, "{}", ran.table);
    assert!(ran.table.contains("sent again   1 messages, 1 of them"), "{}", ran.table);
}

#[test]
fn a_frame_that_was_changed_on_the_way_is_a_broken_promise() {
    let ran = Run::start(Planted::Damage(100), &["--warmup", "0s", "--duration", "1s"]).end();
    assert_eq!((ran.verdict(), ran.code), ("broken", Some(4)), "{}", ran.table);
    assert_eq!((ran.count("/corrupt"), ran.count("/delivered")), (1, 500), "{}", ran.table);
    assert!(ran.table.contains("checksum does not match"), "{}", ran.table);
}

#[test]
fn a_run_that_is_interrupted_says_so_and_is_verified() {
    let mut run = Run::start(Planted::Nothing, &["--warmup", "1s", "--duration", "1h"]);
    run.seconds(2);
    run.signal(Signal::INT);
    let ran = run.end();
    assert_eq!((ran.code, &ran.summary["interrupted"]), (Some(130), &true.into()), "{}", ran.table);
    assert_eq!(ran.verdict(), "interrupted", "{}", ran.table);
    assert_eq!(ran.count("/unread_users"), 0, "{}", ran.table);
    assert_eq!(ran.count("/sent"), ran.count("/delivered"), "{}", ran.table);
}

#[test]
fn a_run_that_is_interrupted_in_its_warm_up_measured_nothing() {
    let mut run = Run::start(Planted::Nothing, &["--warmup", "1h", "--duration", "1s"]);
    run.seconds(1);
    run.signal(Signal::TERM);
    let ran = run.end();
    assert_eq!((ran.verdict(), ran.code), ("interrupted", Some(130)), "{}", ran.table);
    assert_eq!(ran.count("/measured/planned"), 0, "{}", ran.table);
    assert_eq!(ran.summary["generator"]["cpu_share_max"], 0.0, "{}", ran.table);
}

#[test]
fn each_second_says_which_part_of_the_run_it_is() {
    let ran = Run::start(Planted::Nothing, &["--warmup", "2s", "--duration", "2s"]).end();
    let phases = ran.series.lines().skip(1).map(|row| row.split(',').nth(1).unwrap());
    let phases: Vec<&str> = phases.collect();
    assert_eq!(phases[..4], ["warm-up", "warm-up", "measured", "measured"], "{}", ran.series);
    assert!(phases[4..].iter().all(|phase| *phase == "settling"), "{}", ran.series);
    assert_eq!(ran.page.matches(">warm-up</text>").count(), 2, "in both plots over time");
    assert!(!ran.page.contains("NaN"), "{}", ran.page);
}

#[test]
fn a_reader_that_stops_reading_gets_the_exit_code_all_the_same() {
    let mut run = Run::start(Planted::EatSends, &["--warmup", "0s", "--duration", "500ms"]);
    drop(run.child.stdout.take());
    let ran = run.end();
    assert_eq!((ran.verdict(), ran.code, ran.table.as_str()), ("unanswered", Some(10), ""));
}

#[test]
fn what_is_felt_of_a_command_on_the_timeline_is_told() {
    // It stands still from 2 s on.
    let stall = Planted::Stall(1_000, Duration::from_secs(1));
    let events = ["--at", "2s", "true", "--at", "500ms", "exit 3", "--at", "3500ms", "sleep 999"];
    let more = [&["--warmup", "0s", "--duration", "4s"][..], &events].concat();
    let ran = Run::start(stall, &more).end();
    ran.is_the_servers();
    let ended = |nth: usize| ran.summary["events"][nth]["outcome"]["ended"].as_str().unwrap();
    assert_eq!((ended(0), ended(1)), ("ended with 3", "ended with 0"), "{}", ran.table);
    assert!(ended(2).contains("killed"), "{}", ran.table);
    let felt = |name: &str| ran.count(&format!("/events/1/felt/{name}"));
    assert!(felt("silence_ms") >= 900 && felt("back_ms") >= 900, "{}", ran.table);
    assert!(felt("recovered_ms") >= felt("back_ms"), "{}", ran.table);
    assert!(felt("e2e_ns/max") >= 900_000_000, "{}", ran.table);
    assert!(ran.page.contains("class=\"noted\">2</text>"), "{}", ran.table);
    let before = ran.count("/before_events_e2e_ns/n");
    let after: u64 = (0..3).map(|nth| ran.count(&format!("/events/{nth}/felt/e2e_ns/n"))).sum();
    assert_eq!((before, after), (250, 1_750), "{}", ran.table);
}

#[test]
fn each_stage_is_told_by_itself() {
    // The rate of the stages takes the place of the one that the other runs have.
    let more =
        ["--warmup", "0s", "--stage", "1s:200", "--stage", "2s:200-600", "--stage", "500ms:600"];
    let ran = Run::start(Planted::Nothing, &more).end();
    ran.is_the_servers();
    let planned = [0, 1, 2].map(|nth| ran.count(&format!("/stages/{nth}/planned")));
    // A ramp begins and ends at any part of a message.
    for (planned, expected) in planned.into_iter().zip([200_u64, 800, 300]) {
        assert!(planned.abs_diff(expected) <= 1, "{}", ran.table);
    }
    let delivered = (0..3).map(|nth| ran.count(&format!("/stages/{nth}/e2e_ns/n"))).sum::<u64>();
    assert_eq!((delivered, ran.count("/measured/planned")), (1_300, 1_300), "{}", ran.table);
    assert!(ran.table.contains("2.00 s at 200-600/s"), "{}", ran.table);
}
