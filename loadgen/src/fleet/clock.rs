//! The clock of session machines: Unix ms that never goes back, because it is the monotonic one with a constant added.

use crate::clock::{now_ns, unix};

/// Unix ms from monotonic ns.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionClock {
    /// Unix ms at monotonic 0.
    offset_ms: u64,
}

impl SessionClock {
    pub fn new() -> Self {
        let unix_ms = u64::try_from(unix().as_millis()).unwrap_or(u64::MAX);
        Self { offset_ms: unix_ms.saturating_sub(now_ns() / 1_000_000) }
    }

    pub fn ms(self, now_ns: u64) -> u64 {
        self.offset_ms + now_ns / 1_000_000
    }

    /// The first ns at which [`SessionClock::ms`] is `at_ms`.
    pub fn ns(self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.offset_ms).saturating_mul(1_000_000)
    }
}
