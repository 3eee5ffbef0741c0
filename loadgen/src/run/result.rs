//! What a generator thread found. It does not know how.

use super::counters::Counters;
use super::effort::Effort;
use super::group_latencies::GroupLatencies;
use super::marks::Marks;
use super::stages::StageLatencies;
use super::steps::Steps;
use crate::histograms::{Latencies, Latency};
use crate::verify::{Faults, Totals};
use std::ops::Range;

/// What a thread found.
pub struct IslandResult {
    /// Totals of its judge.
    pub totals: Totals,
    /// Faults found by its judge.
    pub faults: Faults,
    /// Latencies.
    pub latencies: Latencies,
    /// As `sched` of these, without what was late by the machine's doing.
    pub own_sched: Latency,
    /// Latencies of messages to groups.
    pub group_latencies: GroupLatencies,
    /// The measured time.
    pub measured: Range<u64>,
    /// Counts.
    pub counters: Counters,
    /// Step by step from the first message on.
    pub steps: Steps,
    /// What was felt of the events.
    pub marks: Marks,
    /// What was measured of each stage.
    pub stages: StageLatencies,
    /// What the thread used and was kept from in the measured time.
    pub effort: Effort,
    /// Why the target counts as gone, if it does: then nothing is verified.
    pub down: Option<String>,
    /// Why its sending ended before its time, if it did.
    pub ended_early: Option<EndedEarly>,
}

/// Why a thread stopped sending before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedEarly {
    /// By a signal.
    Interrupted,
    /// So many messages were unanswered that no more are kept.
    Overwhelmed,
}
