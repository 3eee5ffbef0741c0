//! What the wall clock of another process shows, by a question and its answer, and how far that is from this process's.
//! Pure: it is told the time.

use shard::command::Now;

/// What another clock showed, by this process's monotonic one: so it stays good when this process's own wall clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it showed at 0 of the monotonic clock, Unix ms.
    pub zero_ms: i64,
    /// Half of what the question and its answer took, in ms: it is right within this, either way.
    pub within_ms: u64,
}

/// How far another clock is from this process's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// By how much it is ahead, in ms; below 0: behind.
    pub ahead_ms: i64,
    /// The same is right within this, either way, in ms.
    pub within_ms: u64,
}

impl Reading {
    /// The answer `unix_ms` came at `now_ms` of the monotonic clock to what was asked at `asked_ms`. Nothing, if it tells no
    /// time (0), or was never asked.
    #[must_use]
    pub fn new(asked_ms: u64, unix_ms: u64, now_ms: u64) -> Option<Self> {
        let took_ms = now_ms.checked_sub(asked_ms).filter(|_| unix_ms != 0)?;
        let zero_ms = i128::from(unix_ms) - i128::from(asked_ms + took_ms / 2);
        // A clock that is further off than 300 million years is as wrong as one that is not.
        let zero_ms = i64::try_from(zero_ms).unwrap_or(i64::MAX);
        // A whole ms for what the clocks were rounded down by.
        Some(Self { zero_ms, within_ms: took_ms.div_ceil(2) + 1 })
    }

    /// How far that is from this process's clock.
    #[must_use]
    pub fn apart(self, now: Now) -> Apart {
        let ahead_ms = i128::from(self.zero_ms) + i128::from(now.mono_ms) - i128::from(now.unix_ms);
        let ahead_ms = i64::try_from(ahead_ms).unwrap_or(i64::MAX);
        Apart { ahead_ms, within_ms: self.within_ms }
    }
}

impl Apart {
    /// How far apart they are at least, in ms.
    #[must_use]
    pub fn least_ms(self) -> u64 {
        self.ahead_ms.unsigned_abs().saturating_sub(self.within_ms)
    }

    /// How far apart they may be, in ms.
    #[must_use]
    pub fn most_ms(self) -> u64 {
        self.ahead_ms.unsigned_abs().saturating_add(self.within_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_right_within_what_it_says_also_when_the_own_clock_is_set() {
        for ahead_ms in [-900_000_i64, -1_500, -1, 0, 3, 900_000] {
            for (there_ms, back_ms) in [(0, 0), (1, 0), (0, 1), (300, 5), (5, 300), (700, 700)] {
                let (asked_ms, asked_unix_ms) = (5_000, 1_000_000_u64);
                let answer_ms = (asked_unix_ms + there_ms).checked_add_signed(ahead_ms).unwrap();
                let now_ms = asked_ms + there_ms + back_ms;
                let reading = Reading::new(asked_ms, answer_ms, now_ms).unwrap();
                let later_ms = now_ms + 300;
                let own_ms = asked_unix_ms + (later_ms - asked_ms);
                for set_ms in [0, -500_000, 500_000_i64] {
                    let unix_ms = own_ms.checked_add_signed(set_ms).unwrap();
                    let apart = reading.apart(Now { unix_ms, mono_ms: later_ms });
                    let truth_ms = ahead_ms - set_ms;
                    assert!(apart.ahead_ms.abs_diff(truth_ms) <= apart.within_ms, "{apart:?}");
                    assert!(apart.least_ms() <= truth_ms.unsigned_abs());
                    assert!(apart.most_ms() >= truth_ms.unsigned_abs());
                }
            }
        }
    }

    #[test]
    fn what_was_not_asked_or_tells_no_time_is_no_reading() {
        assert_eq!(Reading::new(5_001, 1_000_000, 5_000), None);
        assert_eq!(Reading::new(4_000, 0, 5_000), None);
        let wild = Reading::new(4_000, u64::MAX, 5_000).unwrap();
        let apart = wild.apart(Now { unix_ms: 0, mono_ms: u64::MAX });
        assert_eq!((apart.ahead_ms, apart.most_ms() > apart.least_ms()), (i64::MAX, true));
    }
}
