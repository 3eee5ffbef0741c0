//! What statements say of the store, from every thread, and whether the breaker is open, to every thread. It decides nothing.

use crate::breaker::Seen;
use crate::cluster::Moment;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Of one store.
#[derive(Debug, Default)]
pub struct Signs {
    is_open: AtomicBool,
    /// Of `CLOCK_BOOTTIME`, in ms.
    succeeded_ms: AtomicU64,
    has_failed: AtomicBool,
    waiting: AtomicUsize,
}

/// A statement that is not answered.
pub struct Waiting<'a>(&'a Signs);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl Signs {
    /// Whether the breaker is open.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    /// The breaker is open or not from now on; whether it was.
    pub fn set_open(&self, is_open: bool) -> bool {
        self.is_open.swap(is_open, Relaxed)
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
    }

    /// A try of a statement failed.
    pub fn failed(&self) {
        self.has_failed.store(true, Relaxed);
    }

    /// For the breaker.
    pub fn seen(&self) -> Seen {
        let is_missed = self.waiting.load(Relaxed) > 0 || self.has_failed.load(Relaxed);
        Seen { succeeded: Moment(self.succeeded_ms.load(Relaxed)), is_missed }
    }
}
