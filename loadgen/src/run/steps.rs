//! What came of sends in steps of a tenth of a second, fine enough to see for how long a fault is felt. It knows no faults.

use crate::clock::{now_ns, unix};
use crate::limits::STEPS_MAX;
use std::fmt::Write as _;

const STEP_NS: u64 = 100_000_000;

/// Steps from a moment on; without one, none.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    start_ns: Option<u64>,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    sent: u32,
    acked: u32,
    refused: u32,
    /// Of what was acked in it: from when it was due.
    ack_ns_max: u64,
}

impl Steps {
    /// Of all that comes at that time or later.
    pub(super) fn new(start_ns: u64) -> Self {
        Self { start_ns: Some(start_ns), steps: Vec::new() }
    }

    pub(super) fn sent(&mut self, now_ns: u64) {
        if let Some(step) = self.at(now_ns) {
            step.sent += 1;
        }
    }

    pub(super) fn acked(&mut self, now_ns: u64, took_ns: u64) {
        if let Some(step) = self.at(now_ns) {
            step.acked += 1;
            step.ack_ns_max = step.ack_ns_max.max(took_ns);
        }
    }

    pub(super) fn refused(&mut self, now_ns: u64) {
        if let Some(step) = self.at(now_ns) {
            step.refused += 1;
        }
    }

    /// Adds another thread's, which began at the same moment.
    pub(super) fn add(&mut self, other: &Self) {
        self.start_ns = self.start_ns.or(other.start_ns);
        debug_assert!(other.start_ns.is_none() || self.start_ns == other.start_ns);
        if self.steps.len() < other.steps.len() {
            self.steps.resize(other.steps.len(), Step::default());
        }
        for (sum, step) in self.steps.iter_mut().zip(&other.steps) {
            sum.sent += step.sent;
            sum.acked += step.acked;
            sum.refused += step.refused;
            sum.ack_ns_max = sum.ack_ns_max.max(step.ack_ns_max);
        }
    }

    /// A row a step, on the wall clock.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut out = String::from("unix_ms,sent,acked,refused,ack_max_ms\n");
        let Some(start_ns) = self.start_ns else { return out };
        let ago_ms = u128::from(now_ns().saturating_sub(start_ns) / 1_000_000);
        let start_ms = unix().as_millis().saturating_sub(ago_ms);
        for (nth, step) in (0..).zip(&self.steps) {
            let Step { sent, acked, refused, ack_ns_max } = step;
            let unix_ms = start_ms + nth * u128::from(STEP_NS / 1_000_000);
            let ack_max_ms = ack_ns_max / 1_000_000;
            writeln!(out, "{unix_ms},{sent},{acked},{refused},{ack_max_ms}").expect("memory");
        }
        out
    }

    fn at(&mut self, now_ns: u64) -> Option<&mut Step> {
        let index = usize::try_from(now_ns.checked_sub(self.start_ns?)? / STEP_NS).ok()?;
        if index >= STEPS_MAX {
            return None;
        }
        if self.steps.len() <= index {
            self.steps.resize(index + 1, Step::default());
        }
        Some(&mut self.steps[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_in_its_step_and_threads_add_up() {
        let start_ns = now_ns();
        let mut one = Steps::new(start_ns);
        let mut other = one.clone();
        one.sent(start_ns);
        one.acked(start_ns + 2 * STEP_NS, 7_000_000);
        one.refused(start_ns - 1);
        other.acked(start_ns + 3 * STEP_NS - 1, 9_000_000);
        other.refused(start_ns + 3 * STEP_NS);
        let mut sum = Steps::default();
        sum.add(&one);
        sum.add(&other);
        let csv = sum.csv();
        let rows: Vec<&str> =
            csv.lines().skip(1).map(|row| row.split_once(',').unwrap().1).collect();
        assert_eq!(rows, ["1,0,0,0", "0,0,0,0", "0,2,0,9", "0,0,1,0"]);
        assert_eq!(Steps::default().csv().lines().count(), 1);
    }
}
