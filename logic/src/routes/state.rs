//! What the handles and the task share: the breaker as seen from outside, repairs, counts, what could not be said. No locks.

use super::limits::UNSAID_MAX;
use flume::{Receiver, Sender};
use shard::command::Login;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// What the handles read and write, and the task too.
#[derive(Debug)]
pub struct State {
    pub is_open: AtomicBool,
    /// A set or a refresh was given up.
    pub has_lost: AtomicBool,
    pub refreshes_waiting: AtomicUsize,
    /// Removes that were given up, to be said when Redis answers again.
    pub unsaid: (Sender<Login>, Receiver<Login>),
    pub counts: Counters,
}

impl Default for State {
    fn default() -> Self {
        Self {
            is_open: AtomicBool::default(),
            has_lost: AtomicBool::default(),
            refreshes_waiting: AtomicUsize::default(),
            unsaid: flume::bounded(UNSAID_MAX),
            counts: Counters::default(),
        }
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// What happened to routes since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {$($(#[$doc])+ pub $name: u64,)+}

        #[derive(Debug, Default)]
        pub struct Counters {$(pub $name: AtomicU64,)+}

        impl Counters {
            pub fn read(&self) -> Counts {
                Counts {$($name: self.$name.load(Ordering::Relaxed),)+}
            }
        }
    };
}

counts! {
    /// Routes set.
    sets,
    /// Routes removed.
    removes,
    /// Sets and removes that did nothing, because another login of the device was there.
    stale,
    /// Sets, removes and reads that found something else than a route under the key.
    foreign,
    /// Users whose routes were written as a whole.
    refreshed,
    /// Sets, removes, and refreshes of a user that were given up: Redis away, or a queue full. Removes are said again.
    dropped,
    /// Requests that failed: no connection, no answer, or an error that is not of one key.
    failures,
    /// Times that all routes were asked for again.
    repairs,
    /// Pipelines answered.
    pipelines,
}

pub fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl State {
    /// Asks every core to send all routes again. Only after the breaker has closed, or they would
    /// be dropped again.
    pub fn ask_for_repair(&self) {
        self.counts.repairs.fetch_add(1, Ordering::Release);
    }

    pub fn repairs(&self) -> u64 {
        self.counts.repairs.load(Ordering::Acquire)
    }
}
