//! What was measured of each stage of a run, by when messages were due. It knows no rates.

use crate::histograms::{Brief, Latency};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The stages of a run, in order. A run of one has none: its figures are the run's.
#[derive(Clone, Default)]
pub struct StageLatencies {
    /// The end of each, monotonic ns.
    stages: Vec<(u64, Of)>,
}

#[derive(Clone, Default)]
struct Of {
    planned: u64,
    ack: Latency,
    e2e: Latency,
}

/// What was measured of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StageFigures {
    /// Messages due in it.
    pub planned: u64,
    /// Due to durable ack.
    pub ack_ns: Brief,
    /// Due to recipient.
    pub e2e_ns: Brief,
}

impl StageLatencies {
    /// Of stages that end at these times.
    pub(super) fn new(ends: impl Iterator<Item = u64>) -> Self {
        let stages: Vec<(u64, Of)> = ends.map(|end_ns| (end_ns, Of::default())).collect();
        if stages.len() > 1 { Self { stages } } else { Self::default() }
    }

    fn at(&mut self, due_ns: u64) -> Option<&mut Of> {
        let stage = self.stages.iter_mut().find(|(end_ns, _)| due_ns < *end_ns);
        stage.map(|(_, of)| of)
    }

    /// A measured message is due.
    pub(super) fn planned(&mut self, due_ns: u64) {
        if let Some(of) = self.at(due_ns) {
            of.planned += 1;
        }
    }

    /// One that was due at that time is acked.
    pub(super) fn acked(&mut self, due_ns: u64, ack_ns: u64) {
        if let Some(of) = self.at(due_ns) {
            of.ack.record(ack_ns);
        }
    }

    /// One that was due at that time is delivered.
    pub(super) fn delivered(&mut self, due_ns: u64, e2e_ns: u64) {
        if let Some(of) = self.at(due_ns) {
            of.e2e.record(e2e_ns);
        }
    }

    /// Adds another thread's, of the same stages.
    pub(super) fn add(&mut self, other: &Self) {
        if self.stages.is_empty() {
            self.stages.clone_from(&other.stages);
            return;
        }
        for ((_, sum), (_, of)) in self.stages.iter_mut().zip(&other.stages) {
            sum.planned += of.planned;
            sum.ack.add(&of.ack);
            sum.e2e.add(&of.e2e);
        }
    }

    /// What was measured of each.
    pub(crate) fn figures(&self) -> impl Iterator<Item = StageFigures> {
        self.stages.iter().map(|(_, Of { planned, ack, e2e })| StageFigures {
            planned: *planned,
            ack_ns: ack.brief(),
            e2e_ns: e2e.brief(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_to_the_stage_in_which_it_was_due() {
        let mut one = StageLatencies::new([10, 20].into_iter());
        let mut other = one.clone();
        for due_ns in [0, 9, 10, 19, 20] {
            one.planned(due_ns);
        }
        other.acked(9, 5);
        other.delivered(10, 5);
        let mut sum = StageLatencies::default();
        sum.add(&one);
        sum.add(&other);
        let counts = |of: StageFigures| (of.planned, of.ack_ns.n, of.e2e_ns.n);
        assert_eq!(sum.figures().map(counts).collect::<Vec<_>>(), [(2, 1, 0), (2, 0, 1)]);
    }

    #[test]
    fn a_single_stage_is_the_run() {
        assert_eq!(StageLatencies::new([10].into_iter()).figures().count(), 0);
    }
}
