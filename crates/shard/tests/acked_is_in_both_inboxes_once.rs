//! An acknowledged message is in its conversation once and in all inboxes once, in order, whatever
//! the stores, the queues and the clients do, and whichever shards die. How: worlds of 1 to 3 shards,
//! each driven by a seed, half of them over stores that write a batch whole or not at all, half over
//! stores that a crash leaves with a part of it; what the stores write is kept apart and judged row by
//! row; what shards say is held against it; in the end everything is read, restarted and read again.
//! The module `worlds` says how to replay one.
//!
//! With the feature `planted` the same worlds run against shards that break a rule: each must be caught.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod model;
mod worlds;

use model::World;

/// Worlds per run.
const SEEDS: u64 = 8_000;

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.live();
    world.end();
    world.read_again();
    world.check();
    world.crash_all();
    world.check();
    world.check_acks();
    world.check();
}

#[test]
fn acked_is_in_both_inboxes_once() {
    worlds::run_all("acked_is_in_both_inboxes_once", SEEDS, run);
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
    "tell-reads-early",
    "forget-peer-read",
];

/// Each is found.
#[cfg(feature = "planted")]
#[test]
fn every_planted_fault_is_caught() {
    let is_caught = |fault: &&&str| worlds::is_caught(fault, "acked_is_in_both_inboxes_once");
    let missed: Vec<_> = PLANTED.iter().filter(|fault| !is_caught(fault)).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}
