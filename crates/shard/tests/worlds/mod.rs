//! Runs worlds by their seeds, several at a time, and says which failed. It knows nothing of what a world is.
//!
//! `SEED=n` replays a world, `SEEDS=n` runs so many, `ENOUGH=n` ends after n that failed.

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const THREADS: u64 = 2;

/// Runs the world that the environment names, or all: `seeds` of them, unless it says how many.
///
/// # Panics
/// One failed: with the command that replays it.
pub fn run_all(test: &str, seeds: u64, run: fn(u64)) {
    if let Some(seed) = number("SEED") {
        return run(seed);
    }
    let seeds = number("SEEDS").unwrap_or(seeds);
    let enough = number("ENOUGH").map_or(usize::MAX, |enough| enough.try_into().unwrap());
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
    let (worlds, failing) = (next.into_inner().min(seeds), failing.into_inner().unwrap());
    println!("failed: {} of {worlds}", failing.len());
    if let Some(seed) = failing.first() {
        panic!("SEED={seed} cargo test -p shard --test {test}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Runs a test of this program with a fault planted, in a process of its own since each shard reads the variable. Returns
/// whether it failed, and prints in which share of the worlds, up to the third.
#[cfg(feature = "planted")]
pub fn is_caught(fault: &str, test: &str) -> bool {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("PLANTED_FAULT", fault)
        .env("ENOUGH", std::env::var("ENOUGH").unwrap_or("3".into()))
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let share = text.lines().find_map(|line| line.split_once("failed: "));
    println!("{fault}: caught in {} worlds", share.map_or("the schedule, of 1", |it| it.1));
    !output.status.success()
}
