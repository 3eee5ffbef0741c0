//! A machine's clocks, against the simulator's true time in µs. Neither agrees with another machine's.

use crate::random::Random;
use logic::cluster::Moment;

/// How far a monotonic clock may run fast or slow, in parts per million: fifty times what a quartz does. Two such
/// clocks differ by 1 %, half of what the settings must allow.
const DRIFT_PPM_MAX: u64 = 5_000;

/// One machine's clocks. Both go on while its processes are paused.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Parts per million of its speed.
    speed_ppm: u64,
    start_us: u64,
    wall_us: u64,
}

impl Clock {
    /// Drawn at random.
    pub fn new(random: &mut Random) -> Self {
        let speed_ppm = random.between(1_000_000 - DRIFT_PPM_MAX, 1_000_001 + DRIFT_PPM_MAX);
        let (start_us, wall_us) = (random.between(0, 1_000_000_000), random.between(0, 500_000));
        Self { speed_ppm, start_us, wall_us: 3_600_000_000 + wall_us }
    }

    /// The monotonic clock, rounded down to ms.
    #[must_use]
    pub fn monotonic(&self, true_us: u64) -> Moment {
        Moment((self.start_us + true_us * self.speed_ppm / 1_000_000) / 1_000)
    }

    /// The wall clock, in µs.
    #[must_use]
    pub fn wall_us(&self, true_us: u64) -> u64 {
        self.wall_us + true_us
    }

    /// Somebody sets the wall clock, by up to five seconds either way.
    pub fn jump(&mut self, random: &mut Random) {
        self.wall_us = (self.wall_us + random.between(0, 10_000_000)).saturating_sub(5_000_000);
    }
}
