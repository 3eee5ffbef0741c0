//! Whether Redis is to be asked: opens after failures in a row, then lets one probe through at a time. Pure.

use super::limits::{BREAKER_FAILURES_MAX, PROBE_EVERY_MS};
use crate::cluster::Moment;

/// Counts failures in a row; open while there were too many.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// Set while it is open.
    probe_at: Option<Moment>,
}

impl Breaker {
    /// Whether the next request may go out: any while it is closed, the probe when its time has come.
    pub fn allows(&self, now: Moment) -> bool {
        self.probe_at.is_none_or(|at| now >= at)
    }

    pub fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    pub fn failed(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= BREAKER_FAILURES_MAX {
            self.probe_at = Some(now.after(PROBE_EVERY_MS));
        }
        self.invariants();
    }

    fn invariants(&self) {
        assert_eq!(self.is_open(), self.failures >= BREAKER_FAILURES_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_probes_once_a_second() {
        let mut breaker = Breaker::default();
        for _ in 1..BREAKER_FAILURES_MAX {
            breaker.failed(Moment(0));
        }
        assert!(!breaker.is_open() && breaker.allows(Moment(0)));
        breaker.succeeded();
        for _ in 0..BREAKER_FAILURES_MAX {
            assert!(!breaker.is_open(), "a success starts the count again");
            breaker.failed(Moment(100));
        }
        assert!(breaker.is_open() && !breaker.allows(Moment(1_099)));
        assert!(breaker.allows(Moment(1_100)));
        breaker.failed(Moment(1_200));
        assert!(!breaker.allows(Moment(2_199)) && breaker.allows(Moment(2_200)));
        breaker.succeeded();
        assert!(!breaker.is_open() && breaker.allows(Moment(2_200)));
    }
}
