//! Until when this node may commit. Whoever keeps the lease writes it; every core reads it after a
//! write came back.
//!
//! It knows no lease. All moments are of `CLOCK_BOOTTIME`, which goes on while the machine is
//! suspended.

use crate::cluster::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};

/// The moment until which this process may commit, shared by its threads.
#[derive(Debug, Default)]
pub struct Fence {
    valid_until_ms: AtomicU64,
}

impl Fence {
    /// One that never closes: for a store that only this process can have.
    #[must_use]
    pub fn always_open() -> Self {
        Self { valid_until_ms: AtomicU64::new(u64::MAX) }
    }

    /// Whether what came back before this call counts.
    #[must_use]
    pub fn is_open(&self) -> bool {
        moment().0 < self.valid_until_ms.load(Ordering::Acquire)
    }

    /// The lease is valid until then; [`Moment`] 0: not any more.
    pub fn set(&self, valid_until: Moment) {
        self.valid_until_ms.store(valid_until.0, Ordering::Release);
    }
}

/// Now, in ms since the machine was started, rounded down.
#[must_use]
pub fn moment() -> Moment {
    let now = clock_gettime(ClockId::Boottime);
    let ms = now.tv_sec * 1_000 + now.tv_nsec / 1_000_000;
    Moment(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_open_until_its_moment() {
        let fence = Fence::default();
        assert!(!fence.is_open());
        fence.set(moment().after(60_000));
        assert!(fence.is_open());
        fence.set(Moment(0));
        assert!(!fence.is_open());
        assert!(Fence::always_open().is_open());
    }
}
