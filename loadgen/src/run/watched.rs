//! All that was seen of a run, to be reported. It draws no conclusions.

use super::commands::Outcome;
use super::counters::{Counters, SecondRow};
use super::group_latencies::GroupLatencies;
use super::marks::Marks;
use super::punctual::Kept;
use super::result::{EndedEarly, IslandResult};
use super::stages::StageLatencies;
use super::steps::Steps;
use crate::histograms::{Latencies, Latency};
use crate::machine::Taken;
use crate::server_cost::{Cost, Sample, per};
use crate::verify::{Faults, Totals};

/// What the threads found and how the server looked.
#[derive(Default)]
pub struct Watched {
    /// When the program began, monotonic ns.
    pub started_ns: u64,
    /// From there until everybody was logged in.
    pub login_ns: u64,
    /// Looks at the server: before the logins, after, when measuring begins, when it ends.
    pub(super) looks: Vec<Sight>,
    /// Second by second, over all threads; the last one is what came while everything was read
    /// back.
    pub seconds: Vec<SecondRow>,
    /// Sessions logged in when it started.
    pub connections: u64,
    /// How the commands of the timeline ended; `None`: the time of one did not come.
    pub outcomes: Vec<Option<Outcome>>,
    /// Each thread's.
    pub results: Vec<IslandResult>,
}

/// A look at the server and the machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    pub server: Option<Sample>,
    pub taken: Taken,
}

impl Watched {
    /// Measured time, ns; all threads have the same.
    #[must_use]
    pub fn measured_ns(&self) -> u64 {
        self.results.first().map_or(0, |result| result.measured.end - result.measured.start)
    }

    /// What the server cost, over so many messages delivered in the measured time.
    #[must_use]
    pub fn cost(&self, delivered: u64) -> Cost {
        let look = |nth: usize| self.looks.get(nth).and_then(|sight| sight.server);
        let during = look(2).zip(look(3));
        Cost {
            cpu_us_per_message: during.and_then(|(a, b)| per(a.cpu_us, b.cpu_us, delivered)),
            rss_bytes: look(3).or(look(1)).map(|sample| sample.rss_bytes),
        }
    }

    /// What the machine took from this process in the measured time.
    #[must_use]
    pub fn taken(&self) -> Taken {
        match self.looks.as_slice() {
            [_, _, from, to, ..] => to.taken.since(from.taken),
            _ => Taken::default(),
        }
    }

    /// Times that a generator thread was kept from running, of all threads; and how long they
    /// waited for a core, if that was counted for each.
    #[must_use]
    pub fn kept(&self) -> (Kept, Option<u64>) {
        let mut kept = Kept::default();
        self.results.iter().for_each(|result| kept.add(result.effort.kept));
        let delays = self.results.iter().map(|result| result.effort.run_delay_ns);
        (kept, delays.sum())
    }

    /// The busiest thread's share of a core.
    #[must_use]
    pub fn cpu_share_max(&self) -> f64 {
        self.results.iter().map(|result| result.effort.cpu_share).fold(0.0, f64::max)
    }

    /// The threads' own lateness together.
    #[must_use]
    pub fn own_sched(&self) -> Latency {
        let mut own = Latency::default();
        self.results.iter().for_each(|result| own.add(&result.own_sched));
        own
    }

    /// The threads' latencies of messages to groups together.
    #[must_use]
    pub fn group_latencies(&self) -> GroupLatencies {
        let mut sum = GroupLatencies::default();
        self.results.iter().for_each(|result| sum.add(&result.group_latencies));
        sum
    }

    /// Why the target counts as gone, if it does.
    #[must_use]
    pub fn down(&self) -> Option<String> {
        self.results.iter().find_map(|result| result.down.clone())
    }

    /// Whether a thread stopped sending early for this reason.
    #[must_use]
    pub fn ended_early(&self, why: EndedEarly) -> bool {
        self.results.iter().any(|result| result.ended_early == Some(why))
    }

    /// The threads' steps together.
    #[must_use]
    pub fn steps(&self) -> Steps {
        let mut sum = Steps::default();
        self.results.iter().for_each(|result| sum.add(&result.steps));
        sum
    }

    /// What was measured of each stage, by all threads.
    #[must_use]
    pub fn stages(&self) -> StageLatencies {
        let mut sum = StageLatencies::default();
        self.results.iter().for_each(|result| sum.add(&result.stages));
        sum
    }

    /// What was felt of the events, by all threads.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let mut sum = Marks::default();
        self.results.iter().for_each(|result| sum.add(&result.marks));
        sum
    }

    /// The threads' together: totals, faults, latencies, counts.
    #[must_use]
    pub fn sum(&self) -> (Totals, Faults, Latencies, Counters) {
        let mut sum = <(Totals, Faults, Latencies, Counters)>::default();
        for result in &self.results {
            sum.0.add(&result.totals);
            sum.1.add(result.faults.clone());
            sum.2.add(&result.latencies);
            sum.3.add(result.counters.clone());
        }
        sum
    }
}
