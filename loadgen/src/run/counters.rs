//! What a thread counts besides latencies and faults, and what it tells each second.

use crate::histograms::Latencies;
use crate::limits::LOST_REASONS_MAX;
use crate::units;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of a run, added over threads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counters {
    /// Messages due in the measured time, by the schedule; in a closed loop those sent.
    pub planned: u64,
    /// Those of the second half of that time.
    pub planned_half: u64,
    /// Those that the generator reached in that time, or was kept by the machine from reaching.
    pub in_time: u64,
    /// Those that were late because the machine did not let the generator run.
    pub excused: u64,
    /// Messages written in the measured time.
    pub written: u64,
    /// Messages acked in it.
    pub acked: u64,
    /// Messages that reached the recipient's first device in it.
    pub delivered: u64,
    /// Of messages to groups that were due in it, members who were given one, each its first device.
    #[serde(default)]
    pub to_members: u64,
    /// What was refused and is not repeated, of messages and changes of groups.
    #[serde(default)]
    pub refused_for_good: u64,
    /// Messages due and not answered in the middle of the measured time, and at its end.
    pub backlog: [u64; 2],
    /// Messages that were due and could not be written until the end.
    pub unsent: u64,
    /// Messages written again: their ack did not come in time, they were refused for now, or the
    /// connection was lost.
    pub resends: u64,
    /// Those whose ack did not come in time.
    pub ack_timeouts: u64,
    /// Pushes of rows that the device had: harmless, and dropped.
    pub wire_duplicates: u64,
    /// Pushes before their predecessors: healed by a sync.
    pub wire_gaps: u64,
    /// Messages that had been missed, by pushes after a login or by sync.
    pub by_sync: u64,
    /// Inboxes that began anew under a device.
    pub inbox_resets: u64,
    /// Connections lost.
    pub disconnects: u64,
    /// The same by reason.
    pub disconnect_reasons: BTreeMap<String, u64>,
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

    /// A connection was lost.
    pub(super) fn lost(&mut self, why: &str) {
        self.disconnects += 1;
        let reasons = &mut self.disconnect_reasons;
        let is_known = reasons.contains_key(why) || reasons.len() < LOST_REASONS_MAX;
        let why = if is_known { why } else { "other reasons" };
        *reasons.entry(why.to_owned()).or_default() += 1;
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: Self) {
        self.planned += other.planned;
        self.planned_half += other.planned_half;
        self.in_time += other.in_time;
        self.excused += other.excused;
        self.written += other.written;
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.to_members += other.to_members;
        self.refused_for_good += other.refused_for_good;
        for (sum, backlog) in self.backlog.iter_mut().zip(other.backlog) {
            *sum += backlog;
        }
        self.unsent += other.unsent;
        self.resends += other.resends;
        self.ack_timeouts += other.ack_timeouts;
        self.wire_duplicates += other.wire_duplicates;
        self.wire_gaps += other.wire_gaps;
        self.by_sync += other.by_sync;
        self.inbox_resets += other.inbox_resets;
        self.disconnects += other.disconnects;
        self.heartbeats += other.heartbeats;
        for (reason, count) in other.refusals {
            *self.refusals.entry(reason).or_default() += count;
        }
        for (reason, count) in other.disconnect_reasons {
            *self.disconnect_reasons.entry(reason).or_default() += count;
        }
    }
}

/// Which part of a run a second begins in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Verified and not measured.
    #[default]
    WarmUp,
    /// Measured.
    Measured,
    /// After the last message was due: what is in flight comes in.
    Settling,
}

impl Phase {
    /// As in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WarmUp => "warm-up",
            Self::Measured => "measured",
            Self::Settling => "settling",
        }
    }
}

/// What is counted in a second, and when that was.
#[derive(Clone, Copy, Debug, Default)]
pub struct SecondCounts {
    /// The part of the run in which it begins.
    pub phase: Phase,
    /// Its length: the last one of a run is shorter or longer.
    pub length_ns: u64,
    /// Messages sent in it.
    pub sent: u64,
    /// Messages acked in it.
    pub acked: u64,
    /// Messages delivered in it.
    pub delivered: u64,
    /// Members who were given a message to a group in it, each its first device.
    pub to_members: u64,
    /// Refusals in it.
    pub refused: u64,
    /// Sessions logged in at its end.
    pub logged_in: u64,
}

impl SecondCounts {
    /// Adds another thread's.
    fn add(&mut self, other: &Self) {
        self.phase = other.phase;
        self.length_ns = self.length_ns.max(other.length_ns);
        self.sent += other.sent;
        self.acked += other.acked;
        self.delivered += other.delivered;
        self.to_members += other.to_members;
        self.refused += other.refused;
        self.logged_in += other.logged_in;
    }

    /// Its length, s.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    pub fn seconds(&self) -> f64 {
        self.length_ns as f64 / 1e9
    }

    /// One of its counts, a second.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts of a second are below 2^53")]
    pub fn rate(&self, count: u64) -> f64 {
        count as f64 / self.seconds().max(1e-9)
    }
}

/// One second of one thread, or of all.
#[derive(Clone, Default)]
pub struct Second {
    /// What was counted in it.
    pub counts: SecondCounts,
    /// Of what came in it, whenever it was due.
    pub latencies: Latencies,
}

impl Second {
    /// Forgets what was in it and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.counts = SecondCounts::default();
        self.latencies.clear();
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latencies.add(&other.latencies);
    }
}

/// What is kept of a second: numbers alone, so that a run of days costs no memory.
#[derive(Clone, Debug)]
pub struct SecondRow {
    /// What was counted in it.
    pub counts: SecondCounts,
    /// Due to recipient: median, ns.
    pub e2e_p50: Option<u64>,
    /// 99th percentile.
    pub e2e_p99: Option<u64>,
    /// The largest.
    pub e2e_max: u64,
    /// The loop's lateness, 99th percentile, ns.
    pub sched_p99: Option<u64>,
    /// The server's part of the delay before writing, 99th percentile, ns.
    pub held_p99: Option<u64>,
    /// CPUs that the server was busy with; `None`: no process was given.
    pub server_cpus: Option<f64>,
    /// Its resident memory, bytes.
    pub server_rss: Option<u64>,
}

impl SecondRow {
    /// As a line for a person, the `nth` of the run.
    #[must_use]
    pub fn line(&self, nth: usize) -> String {
        let SecondCounts { phase, sent, acked, delivered, refused, logged_in, .. } = self.counts;
        let [sent, acked, delivered] =
            [sent, acked, delivered].map(|count| self.counts.rate(count));
        let [p50, p99, sched, held] =
            [self.e2e_p50, self.e2e_p99, self.sched_p99, self.held_p99].map(units::latency);
        let members = match self.counts.to_members {
            0 => String::new(),
            members => format!("to members {:.0}/s  ", self.counts.rate(members)),
        };
        format!(
            "{nth:>4} s  {}  sent {sent:.0}/s  acked {acked:.0}/s  delivered {delivered:.0}/s  {members}e2e p50 {p50} p99 {p99}  \
             sched p99 {sched}  held p99 {held}  refused {refused}  logged in {logged_in}",
            phase.name()
        )
    }
}

impl From<&Second> for SecondRow {
    fn from(second: &Second) -> Self {
        let Latencies { sched, held, e2e, .. } = &second.latencies;
        Self {
            counts: second.counts,
            e2e_p50: e2e.quantile(0.5),
            e2e_p99: e2e.quantile(0.99),
            e2e_max: e2e.0.max(),
            sched_p99: sched.quantile(0.99),
            held_p99: held.quantile(0.99),
            server_cpus: None,
            server_rss: None,
        }
    }
}
