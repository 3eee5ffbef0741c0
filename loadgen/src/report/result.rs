//! A run's result. It does not know how it is shown.

use super::summary::{Summary, summarise};
use crate::about::About;
use crate::histograms::{Latencies, Latency};
use crate::run::{GroupLatencies, Plan, SecondRow, Steps, Watched};

/// A run's result with all that its files need.
pub struct Report {
    /// The numbers.
    pub summary: Summary,
    /// The distributions.
    pub latencies: Latencies,
    /// As `sched` of these, without what the machine made late.
    pub own_sched: Latency,
    /// Of messages to groups.
    pub groups: GroupLatencies,
    /// Second by second.
    pub seconds: Vec<SecondRow>,
    /// In finer steps.
    pub steps: Steps,
}

impl Report {
    /// From what was seen.
    #[must_use]
    pub fn new(plan: Plan, watched: &Watched, about: About) -> Self {
        let (summary, latencies, own_sched) = summarise(plan, watched, about);
        Self {
            summary,
            latencies,
            own_sched,
            groups: watched.group_latencies(),
            seconds: watched.seconds.clone(),
            steps: watched.steps(),
        }
    }

    /// The code to end with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.summary.verdict.exit_code()
    }
}
