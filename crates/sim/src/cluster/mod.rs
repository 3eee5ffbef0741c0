//! A whole cluster under one seed: the real ownership, takeover and window of `logic`, with conversations and their inboxes
//! on top, over simulated clocks, network and store. First any fault at any time, then everything is healed and must end.
//! [`takeovers`] has the logs alone, without leases and time, where takeovers follow each other more closely.
//!
//! It does not know CQL, sockets, or what a shard does beside keeping logs.

pub mod plant;
pub mod clock;
pub mod store;
pub mod weather;
pub mod log_rows;
pub mod log_owner;
pub mod conversation;
pub mod inbox;
pub mod process;
pub mod client;
pub mod judge;
pub mod world;
pub mod faults;
pub mod takeovers;

pub use plant::{LOG_PLANTS, OWNERSHIP_PLANTS, Plant};
use world::{LATE_WITHIN_US, World};

/// Simulated time from the last fault until everything must be acknowledged, in µs: the late writes, two leases, and a
/// thousand retries.
const HEALED_WITHIN_US: u64 = 3_000_000;
/// What a run saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Messages that were acknowledged.
    pub acked: u64,
    /// Changes of owners.
    pub epochs: u64,
    /// From the last fault until everything was acknowledged, in µs of simulated time.
    pub healed_in_us: u64,
}

/// Runs one seed with one rule taken away.
///
/// # Errors
/// What went wrong first.
pub fn run(seed: u64, plant: Plant) -> Result<Report, String> {
    let mut world = World::new(seed, plant);
    let mut healed_in_us = None;
    while world.turn() {
        if let Some(verdict) = world.judge.verdict() {
            return Err(format!("at {} ms: {verdict}", world.now_us / 1_000));
        }
        if world.now_us < world.heal_us {
            continue;
        }
        // Again at each step, for processes whose start was under way.
        if healed_in_us.is_none() {
            world.heal();
        }
        let since_us = world.now_us - world.heal_us;
        if world.client.waiting() == 0 {
            healed_in_us.get_or_insert(since_us);
            if since_us > LATE_WITHIN_US {
                break;
            }
        }
        if since_us > HEALED_WITHIN_US {
            return Err(format!("{} messages are stuck", world.client.waiting()));
        }
    }
    world.judge.ends(&world.store);
    match world.judge.verdict() {
        Some(verdict) => Err(format!("at the end: {verdict}")),
        None => Ok(Report {
            acked: world.judge.acked() as u64,
            epochs: world.judge.epochs() as u64,
            healed_in_us: healed_in_us.unwrap_or_default(),
        }),
    }
}
