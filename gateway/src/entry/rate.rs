//! Rate limits by the generic cell rate algorithm: eight bytes a bucket, no timer.
//!
//! It knows no clock: the caller gives the time.

use std::collections::HashMap;
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

    /// Takes one from the bucket `due_us`, or says after how many ms there will be one.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub fn take(&self, due_us: &mut u64, now_us: u64) -> Result<(), u32> {
        if self.interval_us == 0 {
            return Ok(());
        }
        let due = (*due_us).max(now_us) + self.interval_us;
        let over_us = due.saturating_sub(now_us + self.burst_us);
        if over_us > 0 {
            return Err(u32::try_from(over_us.div_ceil(1_000)).unwrap_or(u32::MAX));
        }
        *due_us = due;
        Ok(())
    }
}

/// The rates of an entry: of frames a session, whose bucket the session keeps, and of messages a
/// user.
pub struct Rates {
    session: Rate,
    user: Rate,
    user_due_us: HashMap<Uid, u64>,
}

impl Rates {
    /// Per second; 0: no limit.
    #[must_use]
    pub fn new(session: u32, user: u32) -> Self {
        let (session, user) = (Rate::new(session), Rate::new(user));
        Self { session, user, user_due_us: HashMap::new() }
    }

    /// Takes a frame of a session, which is a message of `user` if it is one.
    ///
    /// # Errors
    /// Milliseconds to wait.
    pub fn take(
        &mut self,
        session_due_us: &mut u64,
        user: Option<Uid>,
        now_us: u64,
    ) -> Result<(), u32> {
        self.session.take(session_due_us, now_us)?;
        let Some(user) = user else { return Ok(()) };
        self.user.take(self.user_due_us.entry(user).or_default(), now_us)
    }

    /// Forgets the buckets that are full again.
    pub fn forget_full(&mut self, now_us: u64) {
        self.user_due_us.retain(|_, due_us| *due_us > now_us);
    }
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
    }

    #[test]
    fn a_user_is_limited_over_all_its_sessions() {
        let mut rates = Rates::new(0, 1);
        let (mut one, mut two) = (0, 0);
        assert_eq!(rates.take(&mut one, Some(Uid(7)), 0), Ok(()));
        assert_eq!(rates.take(&mut two, Some(Uid(7)), 0), Ok(()));
        assert_eq!(rates.take(&mut one, Some(Uid(7)), 0), Err(1_000));
        assert_eq!(rates.take(&mut one, Some(Uid(8)), 0), Ok(()));
        assert_eq!(rates.take(&mut one, None, 0), Ok(()), "no message");
        rates.forget_full(1_000_000);
        assert_eq!(rates.user_due_us.len(), 1, "one of two is full again");
    }
}
