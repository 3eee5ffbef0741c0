//! What a seed makes of a world: how many of what, how fast its clock runs, which faults it has.

use super::Rng;

/// Drawn once a world.
pub struct Shape {
    pub users: u64,
    /// Devices of a user at most.
    pub devices: u64,
    pub sends_max: usize,
    /// New sends that a device makes at once, at most.
    pub burst: u64,
    /// Everybody writes to one user.
    pub is_crowd: bool,
    /// Things that happen before the faults stop.
    pub ticks: u32,
    /// The longest steps of the clock, in ms; one of them is drawn a step.
    pub clock_ms: [u64; 4],
    /// What the shards may keep.
    pub cached_max: usize,
    /// The stores write a batch whole or not at all.
    pub is_atomic: bool,
    /// Things that are faults, per mille. 0: nothing crashes, fills up or is lost; then the order of sends and of
    /// acks is kept, too.
    pub faults: u64,
    /// A fault takes every shard: they are one process.
    pub is_one_process: bool,
    /// Answers and acks of pushes that get lost, in percent.
    pub loss: u64,
    /// Sends whose device never asks again, in percent.
    pub given_up: u64,
}

impl Shape {
    pub fn new(seed: u64, rng: &mut Rng) -> Self {
        let is_calm = seed % 4 == 3;
        let cached = [2, 5, 12, 1 << 20];
        let mut shape = Self {
            users: 6 + rng.below(5),
            devices: 2,
            sends_max: 60,
            burst: 1,
            is_crowd: false,
            ticks: 1_500,
            clock_ms: [30, 300, 3_000, 45_000],
            cached_max: cached[rng.index(cached.len())],
            is_atomic: rng.chance(50),
            faults: [3, 10, 30][rng.index(3)],
            is_one_process: rng.chance(25),
            loss: [5, 15, 40][rng.index(3)],
            given_up: [0, 0, 10][rng.index(3)],
        };
        match seed % 32 {
            // Few users and no time: windows fill, and chats are stored by their bound only.
            5 | 18 => {
                let users = 2 + rng.below(2);
                let clock_ms = if seed % 64 == 5 { [1; 4] } else { [5, 5, 50, 5_000] };
                let given_up = [0, 10, 100][rng.index(3)];
                let (sends_max, burst, ticks) = (700, 30, 4_000);
                shape = Self { users, sends_max, burst, ticks, clock_ms, given_up, ..shape };
            }
            // More for one inbox than it takes at a time.
            9 => {
                let (users, ticks) = (24, 3_000);
                shape = Self { users, sends_max: 2_000, burst: 40, is_crowd: true, ticks, ..shape };
            }
            _ => {}
        }
        if is_calm {
            (shape.faults, shape.given_up) = (0, 0);
        }
        shape
    }
}
