//! Rate limits by the generic cell rate algorithm: eight bytes a bucket, no timer.
//!
//! It knows no clock: the caller gives the time.

use crate::limits::USER_RATE_CELLS;
use std::sync::atomic::{AtomicU64, Ordering};
use wire::Uid;

/// A rate: so many a second, with bursts of twice as many.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Microseconds between two at the steady rate; 0: no limit.
    interval_us: u64,
    burst_us: u64,
}

impl Rate {
    /// `per_second` 0: no limit.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let interval_us = 1_000_000_u64.checked_div(per_second.into()).unwrap_or(0);
        Self { interval_us, burst_us: interval_us * 2 * u64::from(per_second) }
    }

    /// Between two at the steady rate, in ms.
    #[must_use]
    pub fn interval_ms(&self) -> u32 {
        u32::try_from(self.interval_us.div_ceil(1_000)).unwrap_or(u32::MAX)
    }

    /// Takes one from the bucket `due_us`, or says after how many ms there will be one.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub fn take(&self, due_us: &mut u64, now_us: u64) -> Result<(), u32> {
        *due_us = self.taken(*due_us, now_us)?;
        Ok(())
    }

    /// The bucket after one was taken.
    fn taken(&self, due_us: u64, now_us: u64) -> Result<u64, u32> {
        if self.interval_us == 0 {
            return Ok(due_us);
        }
        let due_us = due_us.max(now_us) + self.interval_us;
        let over_us = due_us.saturating_sub(now_us + self.burst_us);
        if over_us > 0 {
            return Err(u32::try_from(over_us.div_ceil(1_000)).unwrap_or(u32::MAX));
        }
        Ok(due_us)
    }
}

/// What is left of a rate, for whoever shares it without a lock.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub fn take(&self, rate: &Rate, now_us: u64) -> Result<(), u32> {
        let mut wait_ms = 0;
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due_us| {
            rate.taken(due_us, now_us).map_err(|ms| wait_ms = ms).ok()
        });
        taken.map(|_| ()).map_err(|_| wait_ms)
    }
}

/// The rates at which users send, over all cores of a process and without a lock.
///
/// Each user has a bucket in each of two rows, which it may share with others. It is over its rate
/// when both are empty: so nobody sends more than the rate, and who sends less is held up only by
/// others in both of its buckets.
#[derive(Debug)]
pub struct UserRates {
    rate: Rate,
    /// Drawn when the process starts, so that nobody can choose users of one bucket.
    seed: u64,
    rows: [Box<[Bucket]>; 2],
}

impl UserRates {
    /// Per second; 0: no limit.
    #[must_use]
    pub fn new(per_second: u32, seed: u64) -> Self {
        let cells = if per_second == 0 { 0 } else { USER_RATE_CELLS };
        let row = || (0..cells).map(|_| Bucket::default()).collect();
        Self { rate: Rate::new(per_second), seed, rows: [row(), row()] }
    }

    /// The rate of each.
    #[must_use]
    pub fn rate(&self) -> &Rate {
        &self.rate
    }

    /// A user sends a message, at a time of the clock that all cores share.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub fn take(&self, user: Uid, now_us: u64) -> Result<(), u32> {
        if self.rate.interval_us == 0 {
            return Ok(());
        }
        let hash = mixed(user.0 ^ self.seed);
        let mut taken = Err(u32::MAX);
        for (row, hash) in self.rows.iter().zip([hash, hash >> 32]) {
            let at = usize::try_from(hash % USER_RATE_CELLS as u64).expect("below the count");
            taken = match (taken, row[at].take(&self.rate, now_us)) {
                (Ok(()), _) | (_, Ok(())) => Ok(()),
                (Err(one_ms), Err(other_ms)) => Err(one_ms.min(other_ms)),
            };
        }
        taken
    }
}

/// The finalizer of SplitMix64.
fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_steady_with_a_hint() {
        let (rate, mut due) = (Rate::new(10), 0);
        assert_eq!((0..25).filter(|_| rate.take(&mut due, 1_000_000).is_ok()).count(), 20);
        assert_eq!(rate.take(&mut due, 1_000_000), Err(100));
        assert_eq!(rate.take(&mut due, 1_100_000), Ok(()));
    }

    #[test]
    fn zero_is_no_limit() {
        let (rate, mut due) = (Rate::new(0), 0);
        assert!((0..10_000).all(|_| rate.take(&mut due, 5).is_ok()));
        let users = UserRates::new(0, 1);
        assert!((0..10_000).all(|_| users.take(Uid(7), 5).is_ok()));
    }

    #[test]
    fn nobody_sends_more_than_its_rate_and_few_are_held_up_by_others() {
        let users = UserRates::new(1, 7);
        let mut held_up = 0;
        for user in 1..=20_000 {
            // Half of them always send as much as they may; the others come once.
            let tries = if user % 2 == 0 { 5 } else { 1 };
            let taken = (0..tries).filter(|_| users.take(Uid(user), 0).is_ok()).count();
            assert!(taken <= 2, "{user} sent {taken}");
            held_up += u64::from(taken == 0);
        }
        assert!(held_up < 20_000 / 20, "{held_up} were held up");
    }
}
