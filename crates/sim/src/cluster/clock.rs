//! A machine's clocks, against the simulator's true time in µs. Neither agrees with another machine's.

use crate::random::Random;
use logic::cluster::Moment;
use shard::command::Now;

/// How far a monotonic clock may run fast or slow, in parts per million: fifty times what a quartz does. Two such
/// clocks differ by 1 %, half of what the settings must allow.
const DRIFT_PPM_MAX: u64 = 5_000;
/// What every wall clock would show at first if it were right, in µs.
const START_US: u64 = 1_700_000_000_000_000;
/// How far a device's wall clock may be off either way, in µs: more than a year.
pub const DEVICE_OFF_US_MAX: u64 = 400 * 86_400_000_000;

/// One machine's clocks. Both go on while its processes are paused.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Parts per million of its speed.
    speed_ppm: u64,
    start_us: u64,
    /// How far the wall clock may be off either way.
    off_us_max: u64,
    wall_us: u64,
}

impl Clock {
    /// Drawn at random, with a wall clock that is off by so many µs at most.
    pub fn new(random: &mut Random, off_us_max: u64) -> Self {
        let speed_ppm = random.between(1_000_000 - DRIFT_PPM_MAX, 1_000_001 + DRIFT_PPM_MAX);
        let start_us = random.between(0, 1_000_000_000);
        let mut clock = Self { speed_ppm, start_us, off_us_max, wall_us: 0 };
        clock.jump(random);
        clock
    }

    /// The monotonic clock, in µs.
    #[must_use]
    pub fn monotonic_us(&self, true_us: u64) -> u64 {
        self.start_us + true_us * self.speed_ppm / 1_000_000
    }

    /// The monotonic clock, rounded down to ms.
    #[must_use]
    pub fn monotonic(&self, true_us: u64) -> Moment {
        Moment(self.monotonic_us(true_us) / 1_000)
    }

    /// The wall clock, in µs.
    #[must_use]
    pub fn wall_us(&self, true_us: u64) -> u64 {
        self.wall_us + true_us
    }

    /// Both, as a core reads them.
    #[must_use]
    pub fn now(&self, true_us: u64) -> Now {
        let mono_ms = self.monotonic(true_us).0;
        Now { unix_ms: self.wall_us(true_us) / 1_000, mono_ms }
    }

    /// Somebody sets the wall clock.
    pub fn jump(&mut self, random: &mut Random) {
        self.wall_us = START_US + random.between(0, 2 * self.off_us_max) - self.off_us_max;
    }

    /// The wall clock is set as all others are: no id was made later than what it shows then.
    pub fn mend(&mut self) {
        self.wall_us = START_US + self.off_us_max;
    }
}
