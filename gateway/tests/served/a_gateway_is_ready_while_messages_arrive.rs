//! A gateway is ready while a message from one user reaches another, and says why when none does. How: real gateways without
//! a client, whose canaries have little patience between rounds: one that works, one whose store takes nothing, one whose
//! shards are nowhere.

use crate::process::{Gateway, PATIENCE};
use std::time::Instant;

/// Asks until a metric, summed over both cores, is what it should be.
fn until(gateway: &Gateway, metric: &str, is_right: impl Fn(u64) -> bool) {
    let begun = Instant::now();
    while !is_right(gateway.metric(metric)) {
        assert!(begun.elapsed() < PATIENCE, "{metric} is {}", gateway.metric(metric));
    }
}

/// Asks until the page says so: a core may listen before the other has begun.
#[track_caller]
fn readiness(gateway: &Gateway, status: &str, part: &str) {
    let begun = Instant::now();
    loop {
        let page = gateway.page("/readyz");
        if page.starts_with(&format!("HTTP/1.1 {status} ")) && page.contains(part) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{page}");
    }
}

#[test]
fn a_message_that_arrives_keeps_it_ready() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &["--canary-ms", "100"]);
    until(&gateway, "longline_canary_ok_milliseconds", |ok_ms| ok_ms > 0);
    // Several rounds, so that pairs of one shard and of two were among them.
    until(&gateway, "longline_commits_total", |commits| commits > 40);
    assert_eq!(gateway.metric("longline_canary_failing"), 0);
    readiness(&gateway, "200", "ok");
    for counted in ["longline_sends_total", "longline_pushes_total", "longline_logins_total"] {
        assert_eq!(gateway.metric(counted), 0, "{counted} is what clients did");
    }
    assert_eq!(gateway.metric("longline_users_online"), 0);
}

#[test]
fn a_store_that_takes_no_message_makes_it_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let all = (1_u64 << 50).to_string();
    let settings = ["--canary-ms", "100", "--store-reserve-bytes", &all];
    let gateway = Gateway::start(dir.path(), &settings);
    until(&gateway, "longline_canary_failing", |failing| failing == 2);
    // Nobody else has sent: without the canaries, of which both may have tried the same shard, it would not be known.
    readiness(&gateway, "503", "has no room: sends are refused");
}

#[test]
fn shards_that_are_nowhere_make_it_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &["--canary-ms", "100", "--logic", "127.0.0.1:1"]);
    readiness(&gateway, "503", "core 0 reaches no owner of 1024 of 1024 partitions");
}
