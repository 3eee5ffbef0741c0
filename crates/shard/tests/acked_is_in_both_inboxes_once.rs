//! An acknowledged message is in its conversation once and in all inboxes once, in order, whatever
//! the stores, the queues and the clients do, and whichever shards die. How: worlds of 1 to 3 shards,
//! each driven by a seed, half of them over stores that write a batch whole or not at all, half over
//! stores that a crash leaves with a part of it; what the stores write is kept apart and judged row by
//! row; what shards say is held against it; in the end everything is read, restarted and read again.
//! `SEED=n` replays a world, `SEEDS=n` runs so many, `ENOUGH=n` ends after n failures.
//!
//! With the feature `planted` the same worlds run against shards that break a rule: each must be caught.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod model;

use model::World;
use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Worlds per run.
const SEEDS: u64 = 8_000;
const THREADS: u64 = 2;

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.live();
    world.end();
    world.check();
    world.crash_all();
    world.check();
    world.check_acks();
    world.check();
}

/// Runs worlds until so many have failed; how many there were, and the seeds of those that failed.
fn run_all(seeds: u64, enough: usize) -> (u64, Vec<u64>) {
    let (next, failing) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= seeds || failing.lock().unwrap().len() >= enough {
                return;
            }
            if catch_unwind(|| run(seed)).is_err() {
                failing.lock().unwrap().push(seed);
            }
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    (next.into_inner().min(seeds), failing.into_inner().unwrap())
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn acked_is_in_both_inboxes_once() {
    if let Some(seed) = number("SEED") {
        return run(seed);
    }
    let enough = number("ENOUGH").map_or(usize::MAX, |enough| enough.try_into().unwrap());
    let (worlds, failing) = run_all(number("SEEDS").unwrap_or(SEEDS), enough);
    println!("failed: {} of {worlds}", failing.len());
    if let Some(seed) = failing.first() {
        panic!("SEED={seed} cargo test -p logic --test acked_is_in_both_inboxes_once");
    }
}

/// Faults that take away a rule of how a message commits, each at its place in the shard.
#[cfg(feature = "planted")]
const PLANTED: &[&str] = &[
    "ack-before-commit",
    "ack-after-one-inbox",
    "skip-dedup",
    "trust-the-clock",
    "skip-look-up",
    "forget-in-flight",
    "append-over-gap",
    "confirm-unwritten",
    "push-before-commit",
    "trust-the-batch",
    "take-back-in-order",
    "keep-refused",
    "lag-without-bound",
    "skip-repair",
    "own-is-read",
    "mark-by-distance",
    "forget-seen",
];

/// Each is found. The variable is read by each shard, so each fault has a process of its own.
#[cfg(feature = "planted")]
#[test]
fn every_planted_fault_is_caught() {
    let missed: Vec<_> = PLANTED.iter().filter(|fault| !is_caught(fault)).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Prints in which share of the worlds, up to the third that fails.
#[cfg(feature = "planted")]
fn is_caught(fault: &str) -> bool {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "acked_is_in_both_inboxes_once", "--nocapture"])
        .env("PLANTED_FAULT", fault)
        .env("ENOUGH", std::env::var("ENOUGH").unwrap_or("3".into()))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let share = text.lines().find_map(|line| line.split_once("failed: ")).unwrap().1;
    println!("{fault}: caught in {share} worlds");
    !share.starts_with("0 ")
}
