//! All that was seen of a run, to be reported. It draws no conclusions.

use super::counters::{Counters, Second};
use super::island::IslandResult;
use super::steps::Steps;
use crate::histograms::{Four, Latency};
use crate::server_cost::{Cost, Sample, per};
use crate::stalls::{StallBrief, Stalls};
use crate::verify::{Faults, Totals};

/// What the threads found and how the server looked.
#[derive(Default)]
pub struct Watched {
    /// When the program began, monotonic ns.
    pub started_ns: u64,
    /// From there until everybody was logged in.
    pub login_ns: u64,
    /// Looks at the server: before the logins, after, when measuring begins, when it ends.
    pub(super) looks: Vec<(u64, Option<Sample>)>,
    /// Second by second, over all threads; the last one is what came after the end.
    pub seconds: Vec<Second>,
    /// Each thread's.
    pub results: Vec<IslandResult>,
    /// When the machine stood still.
    pub stalls: Stalls,
}

impl Watched {
    pub(super) fn add_second(&mut self, index: usize, second: &Second) {
        if self.seconds.len() <= index {
            self.seconds.resize_with(index + 1, Second::default);
        }
        self.seconds[index].add(second);
    }

    /// Measured time, ns.
    #[must_use]
    pub fn measured_ns(&self) -> u64 {
        match self.looks.as_slice() {
            [_, _, (from, _), (to, _), ..] => to - from,
            _ => 0,
        }
    }

    /// What the server cost, over so many messages delivered in the measured time, and connections.
    #[must_use]
    pub fn cost(&self, delivered: u64, connections: u64) -> Cost {
        let look = |nth: usize| self.looks.get(nth).and_then(|(_, sample)| *sample);
        let grown = |of: fn(&Sample) -> u64| per(of(&look(0)?), of(&look(1)?), connections);
        Cost {
            cpu_us_per_message: look(2)
                .zip(look(3))
                .and_then(|(a, b)| per(a.cpu_us, b.cpu_us, delivered)),
            rss_bytes: look(3).or(look(1)).map(|sample| sample.rss_bytes),
            user_bytes_per_connection: grown(|sample| sample.anon_bytes),
            kernel_bytes_per_connection: grown(|sample| sample.kernel_bytes)
                .map(|bytes| bytes / 2.0),
        }
    }

    /// The generator's own lag: without that of messages due while the machine stood still.
    #[must_use]
    pub fn own_lag(&self) -> Latency {
        let mut own = Latency::default();
        for result in &self.results {
            own.add(&result.punctual);
            let alone = result.late.iter().filter(|(due_ns, _)| !self.stalls.cover(*due_ns));
            alone.for_each(|(_, lag_ns)| own.record(*lag_ns));
        }
        own
    }

    /// The machine's stalls in the measured time.
    #[must_use]
    pub fn stall_brief(&self) -> StallBrief {
        let measured = self.results.first().map(|result| result.measured.clone());
        measured.map_or_else(StallBrief::default, |measured| self.stalls.brief(&measured))
    }

    /// The threads' steps together.
    #[must_use]
    pub fn steps(&self) -> Steps {
        let mut sum = Steps::default();
        self.results.iter().for_each(|result| sum.add(&result.steps));
        sum
    }

    /// The threads' together: totals, faults, latencies, counts.
    #[must_use]
    pub fn sum(&self) -> (Totals, Faults, Four, Counters) {
        let mut sum = <(Totals, Faults, Four, Counters)>::default();
        for result in &self.results {
            sum.0.add(&result.totals);
            sum.1.add(result.faults.clone());
            sum.2.add(&result.four);
            sum.3.add(result.counters.clone());
        }
        sum
    }
}
