//! When the members of groups are changed. It knows no connection, and does not change them.

use crate::schedule::exponential;
use crate::verify::Changing;
use rand::rngs::StdRng;

/// A thread's groups, as far as they are not the judge's.
pub(super) struct Talk {
    /// Groups to be made, and then changed.
    pub making: Vec<Changing>,
    /// Mean time from one change to the next; none if it is infinite.
    gap_ns: f64,
    /// When the next is due.
    next_ns: u64,
    /// Due, and no group was free for them.
    pub waiting: u32,
    pub random: StdRng,
}

/// Changes that wait at most: one that no group can take is not owed.
const WAITING_MAX: u32 = 64;

impl Talk {
    /// Of groups to be made, with so many changes a second.
    pub fn new(making: Vec<Changing>, changes_per_s: f64, random: StdRng) -> Self {
        Self { making, gap_ns: 1e9 / changes_per_s, next_ns: u64::MAX, waiting: 0, random }
    }

    /// Changes come from now on, or no more.
    pub fn change_from(&mut self, now_ns: Option<u64>) {
        let is_on = self.gap_ns.is_finite();
        self.next_ns = now_ns.filter(|_| is_on).unwrap_or(u64::MAX);
        self.waiting = 0;
    }

    /// How many are due, with those that wait.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a gap is far below 2^63 ns"
    )]
    pub fn due(&mut self, now_ns: u64) -> u32 {
        while self.next_ns <= now_ns {
            self.waiting = (self.waiting + 1).min(WAITING_MAX);
            self.next_ns += (exponential(&mut self.random) * self.gap_ns) as u64 + 1;
        }
        std::mem::take(&mut self.waiting)
    }
}
