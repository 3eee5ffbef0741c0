//! loadgen finds exactly what is wrong with groups: it is run against a fake server that breaks one promise to one of its
//! members once, while members come and go, and its summary must have that and nothing else.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::{InGroup, Planted, judged};
use serde_json::Value;
use std::process::{Command, Output};

/// Exit code of options that make no sense.
const USAGE: i32 = 1;

/// Runs loadgen with groups of 12 users: what it said, its summary, and its page.
fn run(planted: Planted, more: &[&str]) -> (Output, Option<Value>, String) {
    let directory = tempfile::tempdir().unwrap();
    let keys = tempfile::tempdir().unwrap();
    let key = fake::key_file(keys.path());
    let target = fake::start(planted).to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(["run", "--target", &target, "--arrivals", "constant", "--warmup", "0s"]);
    command.args(["--duration", "1s", "--users", "12", "--friends", "2", "--rate", "400"]);
    command.args(["--groups", "4", "--membership-changes", "30"]);
    if !more.contains(&"--group-share") {
        command.args(["--group-share", "0.5"]);
    }
    if !more.contains(&"--group-size") {
        command.args(["--group-size", "3..8"]);
    }
    command.args(more);
    command.arg("--key-file").arg(&key).arg("--out").arg(directory.path());
    let output = command.output().unwrap();
    let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).ok();
    let summary = read("summary.json").map(|text| serde_json::from_str(&text).unwrap());
    (output, summary, read("report.html").unwrap_or_default())
}

/// Runs loadgen; its summary, and what it said. `fault` must be there once, and no other.
#[track_caller]
fn check(planted: Planted, fault: Option<&str>, more: &[&str]) -> (Value, String) {
    let (output, summary, page) = run(planted, more);
    let told = judged::told(&output);
    let summary = summary.expect(&told);
    judged::has_only(fault, &summary, &output);
    for count in ["unknown", "unread_users"] {
        assert_eq!(summary[count], 0, "{count}\n{told}");
    }
    // One of so few messages may have no percentiles to draw.
    assert!([3, 4].contains(&page.matches("<svg").count()), "{page}");
    let reach = &summary["groups"]["reach"];
    let is_whole = reach["received"] == reach["expected"];
    assert_eq!(is_whole, fault != Some("lost"), "{told}");
    (summary, told)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

#[test]
fn a_right_server_is_found_right_while_members_come_and_go() {
    let (summary, told) = check(Planted::Nothing, None, &["--devices", "2"]);
    assert_eq!(summary["sent"], 400);
    let groups = &summary["groups"];
    assert!(number(&groups["changes"]) > 10, "{told}");
    assert!(number(&groups["reach"]["expected"]) > 400, "{told}");
    let size = &groups["sizes"][0];
    let [ack, half, last] = ["ack_ns", "half_ns", "last_ns"].map(|name| number(&size[name]["n"]));
    let direct = number(&groups["direct_e2e_ns"]["n"]);
    assert!(ack > 100 && half == last && last <= ack, "{told}");
    assert!(direct > 200, "{told}");
    let by_name = |name: &str| number(&size[name]["max"]);
    assert!(by_name("half_ns") <= by_name("last_ns"), "{told}");
    assert!(told.contains("groups       4 of 3 to 8 members"), "{told}");
    assert!(told.contains("to members "), "{told}");
}

#[test]
fn members_that_are_away_get_everything_of_their_time() {
    check(Planted::Nothing, None, &["--offline-share", "0.4"]);
}

#[test]
fn threads_have_groups_of_their_own() {
    check(Planted::Nothing, None, &["--threads", "2", "--group-size", "2..6"]);
}

#[test]
fn connections_that_are_lost_come_back_and_no_member_misses_anything() {
    check(Planted::HangUp(100), None, &[]);
}

#[test]
fn a_history_that_is_refused_for_now_is_asked_for_after_the_hint() {
    check(Planted::BusyHistory, None, &[]);
}

#[test]
fn a_message_that_one_member_lacks_is_lost() {
    let (summary, _) = check(Planted::InGroup(InGroup::LoseForOne, 50), Some("lost"), &[]);
    let reach = &summary["groups"]["reach"];
    assert_eq!(number(&reach["received"]) + 1, number(&reach["expected"]), "{reach}");
}

#[test]
fn a_message_that_one_member_has_twice_is_a_duplicate() {
    check(Planted::InGroup(InGroup::TwiceForOne, 50), Some("visible_duplicates"), &[]);
}

#[test]
fn a_message_that_the_group_has_twice_is_one_duplicate() {
    check(Planted::InGroup(InGroup::Duplicate, 50), Some("visible_duplicates"), &[]);
}

#[test]
fn a_message_that_a_former_member_gets_is_leaked() {
    check(Planted::InGroup(InGroup::LeakToFormer, 50), Some("leaked"), &[]);
}

#[test]
fn a_message_that_a_stranger_gets_is_leaked() {
    check(Planted::InGroup(InGroup::LeakToStranger, 10), Some("leaked"), &[]);
}

#[test]
fn swapped_messages_are_reordered() {
    check(Planted::InGroup(InGroup::Swap, 50), Some("reordered"), &[]);
}

#[test]
fn a_place_that_is_left_out_is_a_gap() {
    check(Planted::InGroup(InGroup::Gap, 50), Some("gaps"), &[]);
}

#[test]
fn a_member_that_may_not_speak_is_misjudged() {
    check(Planted::InGroup(InGroup::Refuse, 50), Some("misjudged"), &[]);
}

#[test]
fn a_body_that_changed_is_corrupt() {
    check(Planted::InGroup(InGroup::Corrupt, 50), Some("corrupt"), &[]);
}

#[test]
fn a_group_that_cannot_be_is_refused_before_the_run() {
    for (options, why) in [
        (["--group-size", "3..201"], "MAX at most 200"),
        (["--group-size", "1..5"], "MIN at least 2"),
        (["--group-size", "3..13"], "needs 13 users"),
        (["--group-share", "1.5"], "--group-share must be 0 to 1"),
    ] {
        let (output, summary, _) = run(Planted::Nothing, &options);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), summary), (Some(USAGE), None), "{told}");
        assert!(told.contains(why), "{told}");
    }
}
