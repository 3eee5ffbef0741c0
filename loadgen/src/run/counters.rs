//! What a thread counts besides latencies and faults, and what it tells each second.

use crate::histograms::Latency;
use serde::Serialize;
use std::collections::BTreeMap;

/// Counts of a run, added over threads.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counters {
    /// Messages due in the measured time.
    pub planned: u64,
    /// Messages written in it.
    pub written: u64,
    /// Messages acked in it.
    pub acked: u64,
    /// Messages that reached the recipient's first device in it.
    pub delivered: u64,
    /// Pushes of rows that the device had: harmless, and dropped.
    pub wire_duplicates: u64,
    /// Pushes before their predecessors: healed by a sync.
    pub wire_gaps: u64,
    /// Messages that came by sync.
    pub by_sync: u64,
    /// Inboxes that began anew under a device.
    pub inbox_resets: u64,
    /// Connections lost.
    pub disconnects: u64,
    /// Refusals, by reason; retried where that makes sense.
    pub refusals: BTreeMap<String, u64>,
    /// Heartbeats answered.
    pub heartbeats: u64,
}

impl Counters {
    /// Refusals of any reason.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refusals.values().sum()
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: Self) {
        self.planned += other.planned;
        self.written += other.written;
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.wire_duplicates += other.wire_duplicates;
        self.wire_gaps += other.wire_gaps;
        self.by_sync += other.by_sync;
        self.inbox_resets += other.inbox_resets;
        self.disconnects += other.disconnects;
        self.heartbeats += other.heartbeats;
        for (reason, count) in other.refusals {
            *self.refusals.entry(reason).or_default() += count;
        }
    }
}

/// One second of one thread, or of all.
#[derive(Clone)]
pub struct Second {
    /// Messages sent in it.
    pub sent: u64,
    /// Messages acked in it.
    pub acked: u64,
    /// Messages delivered in it.
    pub delivered: u64,
    /// Refusals in it.
    pub refused: u64,
    /// Sessions logged in at its end.
    pub logged_in: u64,
    /// Of what was delivered in it.
    pub e2e: Latency,
    /// Of what was written in it.
    pub lag: Latency,
}

impl Default for Second {
    fn default() -> Self {
        let (e2e, lag) = (Latency::coarse(), Latency::coarse());
        Self { sent: 0, acked: 0, delivered: 0, refused: 0, logged_in: 0, e2e, lag }
    }
}

impl Second {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.refused += other.refused;
        self.logged_in += other.logged_in;
        self.e2e.add(&other.e2e);
        self.lag.add(&other.lag);
    }
}
