//! An entry without shards answers every request once, has the sends of a partition committed in the order in which they
//! came, and tells each owner which sessions are here; whatever happens to links, owners and answers meanwhile. How: worlds
//! of bad nodes, each driven by a seed. `SEED=n` replays a world, `SEEDS=n` runs so many.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;

use cluster::World;
use std::panic::catch_unwind;

/// Worlds per run.
const SEEDS: u64 = 1_000;

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.live(700);
    world.heal();
    world.check();
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

#[test]
fn remote_forgets_nothing() {
    if let Some(seed) = number("SEED") {
        return run(seed);
    }
    let seeds = number("SEEDS").unwrap_or(SEEDS);
    let failing: Vec<u64> =
        (0..seeds).filter(|seed| catch_unwind(|| run(*seed)).is_err()).collect();
    println!("failed: {} of {seeds}", failing.len());
    if let Some(seed) = failing.first() {
        panic!("SEED={seed} cargo test -p gateway --test remote_forgets_nothing");
    }
}
