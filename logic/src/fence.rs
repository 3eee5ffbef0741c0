//! Until when this node may commit: written by whoever keeps the lease, read by every core after a write came back.
//!
//! It does not know why. All moments are of `CLOCK_BOOTTIME`, which goes on while the machine is suspended.

use crate::cluster::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module. Shared by the threads of one process.
#[derive(Debug, Default)]
pub struct Fence {
    valid_until_ms: AtomicU64,
}

impl Fence {
    /// Never closes: for a store that has one owner anyway.
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
