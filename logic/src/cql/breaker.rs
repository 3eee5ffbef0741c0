//! Whether the store answers at all: one a process. It knows no statement.
//!
//! It opens after [`BREAKER_OPENS_AFTER`] without a success while something failed or waits, and closes with the next
//! success: of a write that is repeated, or of the probe.

use crate::cluster::Moment;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// How often it is looked at.
pub const TICK: Duration = Duration::from_millis(100);
/// Without a success for so long, and a tick, are 2 s.
pub const BREAKER_OPENS_AFTER: Duration = Duration::from_millis(1_900);
/// How often the store is asked for a sign of life while there was none.
pub const PROBE_EVERY: Duration = Duration::from_millis(500);

/// Open while the store does not answer.
#[derive(Debug, Default)]
pub struct Breaker {
    is_open: AtomicBool,
    /// Of `CLOCK_BOOTTIME`, in ms.
    succeeded_ms: AtomicU64,
    has_failed: AtomicBool,
    waiting: AtomicUsize,
}

/// A statement that is not answered.
pub struct Waiting<'a>(&'a Breaker);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

/// What the one who looks keeps from tick to tick.
#[derive(Debug, Default)]
pub struct Look {
    /// When nothing was wrong last.
    quiet: Moment,
    probed: Moment,
}

impl Breaker {
    /// Whether the store does not answer. To be asked before something is taken that needs it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    /// A statement is to be answered from now on, until what is returned is dropped.
    pub fn begin(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Waiting(self)
    }

    /// A statement was answered.
    pub fn succeeded(&self, now: Moment) {
        self.succeeded_ms.store(now.0, Relaxed);
        if self.has_failed.load(Relaxed) {
            self.has_failed.store(false, Relaxed);
        }
        if self.is_open.swap(false, Relaxed) {
            tracing::info!("the store answers again");
        }
    }

    /// A try of a statement failed.
    pub fn failed(&self) {
        self.has_failed.store(true, Relaxed);
    }

    /// Looks; whether a probe is due.
    pub fn look(&self, look: &mut Look, now: Moment) -> bool {
        if self.waiting.load(Relaxed) == 0 && !self.has_failed.load(Relaxed) {
            look.quiet = now;
            return false;
        }
        let since = look.quiet.max(Moment(self.succeeded_ms.load(Relaxed)));
        let silent_ms = u128::from(now.since(since));
        if silent_ms >= BREAKER_OPENS_AFTER.as_millis() && !self.is_open.swap(true, Relaxed) {
            tracing::warn!("the store does not answer");
        }
        let probe_ms = PROBE_EVERY.as_millis();
        let is_due = silent_ms >= probe_ms && u128::from(now.since(look.probed)) >= probe_ms;
        if is_due {
            look.probed = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_silence_while_something_waits_and_closes_with_an_answer() {
        let (breaker, mut look) = (Breaker::default(), Look::default());
        assert!(!breaker.look(&mut look, Moment(60_000)), "nothing is asked");
        let waiting = breaker.begin();
        assert!(breaker.look(&mut look, Moment(60_500)), "a probe");
        assert!(!breaker.look(&mut look, Moment(60_900)), "the next is not due");
        breaker.look(&mut look, Moment(61_899));
        assert!(!breaker.is_open());
        breaker.look(&mut look, Moment(61_900));
        assert!(breaker.is_open());
        drop(waiting);
        breaker.succeeded(Moment(62_000));
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_failure_counts_until_a_success() {
        let (breaker, mut look) = (Breaker::default(), Look::default());
        breaker.look(&mut look, Moment(1_000));
        breaker.failed();
        breaker.look(&mut look, Moment(2_900));
        assert!(breaker.is_open());
        breaker.succeeded(Moment(3_000));
        assert!(!breaker.look(&mut look, Moment(9_000)) && !breaker.is_open());
    }

    #[test]
    fn answers_that_come_slowly_keep_it_closed() {
        let (breaker, mut look) = (Breaker::default(), Look::default());
        let _waiting = breaker.begin();
        for second in 1..9 {
            breaker.succeeded(Moment(second * 1_000));
            breaker.look(&mut look, Moment(second * 1_000 + 900));
            assert!(!breaker.is_open());
        }
    }
}
