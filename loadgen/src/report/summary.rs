//! The numbers of a run, as `summary.json` has them.

use crate::histograms::{Brief, Four};
use crate::run::{Counters, Load, Plan, Watched};
use crate::server_cost::Cost;
use crate::stalls::StallBrief;
use crate::verdict::{Evidence, Verdict, judge};
use crate::verify::Fault;
use serde::Serialize;

/// Raised when a field changes its meaning or goes.
pub const SUMMARY_VERSION: u32 = 1;

/// `summary.json`. Counts are over the whole run, warm-up included; latencies and rates over the measured time.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// [`SUMMARY_VERSION`].
    pub version: u32,
    /// Whose figures these are.
    pub verdict: Verdict,
    /// Why, unless valid.
    pub verdict_reasons: Vec<String>,
    /// Messages sent, each once.
    pub sent: u64,
    /// Messages acknowledged.
    pub acked: u64,
    /// Messages that reached a device of the recipient.
    pub delivered: u64,
    /// Messages refused for good.
    pub refused: u64,
    /// Messages without an answer at the end.
    pub unknown: u64,
    /// Acknowledged, and in the end not in both inboxes.
    pub lost: u64,
    /// Messages that a device or an inbox has twice.
    pub visible_duplicates: u64,
    /// Pushes that came twice and were dropped: no fault.
    pub wire_duplicates: u64,
    /// Messages before an earlier one.
    pub reordered: u64,
    /// Messages that a device was not given, and holes.
    pub gaps: u64,
    /// Messages that nobody sent.
    pub phantoms: u64,
    /// Messages given to a stranger.
    pub leaked: u64,
    /// Bodies that changed.
    pub corrupt: u64,
    /// Messages of which two different things were said.
    pub diverged: u64,
    /// Users whose inbox could not be read at the end.
    pub unread_users: u64,
    /// Due to written.
    pub lag_ns: Brief,
    /// The same without messages due while the machine stood still: what the verdict judges.
    pub own_lag_ns: Brief,
    /// Times when a core of this machine stood still, taken away by its hypervisor or held by its kernel. They
    /// are in all latencies.
    pub machine_stalls: StallBrief,
    /// Due to durable ack.
    pub ack_ns: Brief,
    /// Due to each device of the recipient.
    pub e2e_ns: Brief,
    /// Written to each device of the recipient.
    pub raw_ns: Brief,
    /// Messages delivered a second, in the measured time.
    pub throughput_per_s: f64,
    /// What the server cost.
    pub server: Cost,
    /// Counts of the measured time.
    pub measured: Measured,
    /// What the generator cost.
    pub generator: Generator,
    /// Other counts.
    pub counters: Counters,
    /// What was asked for.
    pub plan: Plan,
    /// The first few faults, in words.
    pub examples: Vec<String>,
}

/// The measured time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Measured {
    /// Its length.
    pub seconds: f64,
    /// Messages due in it.
    pub planned: u64,
    /// Messages written in it.
    pub written: u64,
    /// Messages acked in it.
    pub acked: u64,
    /// Messages delivered in it.
    pub delivered: u64,
}

/// The generator's own cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Generator {
    /// CPU of all threads in the measured time over messages delivered in it.
    pub cpu_us_per_message: Option<f64>,
    /// The busiest thread's share of a core.
    pub cpu_share_max: f64,
    /// Connections.
    pub connections: u64,
    /// From the start until everybody was logged in, s.
    pub login_s: f64,
}

impl Summary {
    /// Broken promises of every kind.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.named_faults().iter().map(|(_, count)| count).sum()
    }

    /// Broken promises, by name.
    #[must_use]
    pub fn named_faults(&self) -> [(&'static str, u64); 8] {
        [
            ("lost", self.lost),
            ("visible duplicates", self.visible_duplicates),
            ("reordered", self.reordered),
            ("gaps", self.gaps),
            ("phantoms", self.phantoms),
            ("leaked", self.leaked),
            ("corrupt", self.corrupt),
            ("diverged", self.diverged),
        ]
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts and ns of a run are below 2^53")]
pub(super) fn summarise(plan: Plan, watched: &Watched) -> (Summary, Four) {
    let (totals, faults, four, counters) = watched.sum();
    let count = |fault| faults.count(fault);
    let seconds = watched.measured_ns() as f64 / 1e9;
    let measured = Measured {
        seconds,
        planned: counters.planned,
        written: counters.written,
        acked: counters.acked,
        delivered: counters.delivered,
    };
    let connections = watched.seconds.first().map_or(0, |second| second.logged_in);
    let [lag_ns, ack_ns, e2e_ns, raw_ns] = four.named().map(|(_, latency)| latency.brief());
    let cpu_share_max = watched.results.iter().map(|result| result.cpu_share).fold(0.0, f64::max);
    let own_lag_ns = watched.own_lag().brief();
    let (verdict, verdict_reasons) = judge(&Evidence {
        open_loop: matches!(plan.load, Load::Open { .. }),
        own_lag_p999_ns: own_lag_ns.p999,
        e2e_p999_ns: e2e_ns.p999,
        cpu_share_max,
        planned: counters.planned,
        written: counters.written,
        acked: counters.acked,
        refusals: counters.refused(),
    });
    let cpu_ns: u64 = watched.results.iter().map(|result| result.cpu_ns).sum();
    let delivered = counters.delivered;
    let summary = Summary {
        version: SUMMARY_VERSION,
        verdict,
        verdict_reasons,
        sent: totals.sent,
        acked: totals.acked,
        delivered: totals.delivered,
        refused: totals.refused,
        unknown: totals.unknown,
        lost: count(Fault::Lost),
        visible_duplicates: count(Fault::VisibleDuplicate),
        wire_duplicates: counters.wire_duplicates,
        reordered: count(Fault::Reordered),
        gaps: count(Fault::Gap),
        phantoms: count(Fault::Phantom),
        leaked: count(Fault::Leaked),
        corrupt: count(Fault::Corrupt),
        diverged: count(Fault::Diverged),
        unread_users: totals.unread_users,
        lag_ns,
        own_lag_ns,
        machine_stalls: watched.stall_brief(),
        ack_ns,
        e2e_ns,
        raw_ns,
        throughput_per_s: if seconds > 0.0 { delivered as f64 / seconds } else { 0.0 },
        server: watched.cost(delivered, connections),
        measured,
        generator: Generator {
            cpu_us_per_message: (delivered > 0).then(|| cpu_ns as f64 / 1e3 / delivered as f64),
            cpu_share_max,
            connections,
            login_s: watched.login_ns as f64 / 1e9,
        },
        counters,
        plan,
        examples: faults.examples().to_vec(),
    };
    (summary, four)
}
