//! The numbers of a run, as `summary.json` has them.

use crate::about::About;
use crate::histograms::{Brief, Latencies, Latency};
use crate::machine::Taken;
use crate::run::{
    Counters, EndedEarly, Felt, GroupLatencies, Kept, Load, Marks, Outcome, Plan, PlannedEvent,
    SizeFigures, StageFigures, Watched,
};
use crate::server_cost::Cost;
use crate::slo;
use crate::verdict::{Facts, OpenFacts, Verdict, judge};
use crate::verify::{Example, Fault, Faults, Reach, Totals};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Raised when a field changes its meaning or goes.
pub const SUMMARY_VERSION: u32 = 3;

/// `summary.json`. Counts are over the whole run, warm-up included; latencies and rates over the measured time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// [`SUMMARY_VERSION`].
    pub version: u32,
    /// What was run, where and when.
    pub about: About,
    /// What the run is worth.
    pub verdict: Verdict,
    /// Why, worst first, unless valid.
    pub verdict_reasons: Vec<String>,
    /// A signal ended it early.
    pub interrupted: bool,
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
    /// Acknowledged, and in the end not in the inboxes of both users.
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
    /// Read positions and numbers of unread messages that a count does not give.
    pub miscounted: u64,
    /// Messages to groups and changes of them that were taken from one who was no member, or refused to one who was.
    #[serde(default)]
    pub misjudged: u64,
    /// Users whose inbox could not be read at the end.
    pub unread_users: u64,
    /// Due until the generator's loop reached it.
    pub sched_ns: Brief,
    /// The same without messages that the machine made late: what the verdict judges.
    pub own_sched_ns: Brief,
    /// From there until it was written: the server had no session for it, or one that takes no more
    /// for now.
    pub held_ns: Brief,
    /// Due to durable ack. A message that was never answered counts as the time that it waited
    /// until the end.
    pub ack_ns: Brief,
    /// Due to each device of the recipient, of a message to a group to the last member who is online; the same of
    /// messages that were never answered and reached none.
    pub e2e_ns: Brief,
    /// Written to each device of the recipient.
    pub raw_ns: Brief,
    /// The bounds that were asked for, beside what was measured.
    pub slos: Vec<slo::Measured>,
    /// Of groups, if there are any.
    #[serde(default)]
    pub groups: Option<GroupFigures>,
    /// Messages delivered a second, in the measured time. One to a group is, once all who are online have it.
    pub throughput_per_s: f64,
    /// What the server cost.
    pub server: Cost,
    /// Counts of the measured time.
    pub measured: Measured,
    /// What the generator cost.
    pub generator: Generator,
    /// What the machine took from the generator.
    pub machine: Machine,
    /// Other counts.
    pub counters: Counters,
    /// What was asked for.
    pub plan: Plan,
    /// What was measured of each stage of the plan, if there are several.
    pub stages: Vec<StageFigures>,
    /// The commands of the timeline.
    pub events: Vec<Event>,
    /// Due to recipient, of messages that were due before the first of them.
    pub before_events_e2e_ns: Brief,
    /// The first few faults of each kind.
    pub examples: Vec<Example>,
}

/// A command of the timeline, and what was felt of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Since measuring began, s.
    pub at_s: f64,
    /// For a shell.
    pub command: String,
    /// How it ended; `None`: its time did not come.
    pub outcome: Option<Outcome>,
    /// What messages felt of it.
    pub felt: Felt,
}

/// What became of messages to groups.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GroupFigures {
    /// Changes of members that were made, with those that made the groups.
    pub changes: u64,
    /// Over the whole run, what members have at its end of what they were to have.
    pub reach: Reach,
    /// Of 1:1 messages beside them: due to each device of the recipient.
    pub direct_e2e_ns: Brief,
    /// By how many members a message goes to.
    pub sizes: Vec<SizeFigures>,
}

impl GroupFigures {
    pub(crate) fn set_latencies(&mut self, latencies: &GroupLatencies) {
        self.direct_e2e_ns = latencies.direct_brief();
        self.sizes = latencies.figures().collect();
    }
}

/// The measured time.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
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

/// What the machine took from the generator in the measured time. `None`: the kernel does not count
/// it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// Times that a thread wanted to run and was kept from it, by whatever. They are in all
    /// latencies.
    pub kept: Kept,
    /// Messages that were late because of them.
    pub excused: u64,
    /// The threads' waits for a core behind others, ns.
    pub run_delay_ns: Option<u64>,
    /// Stopped by the quota of a control group, ns.
    pub throttled_ns: Option<u64>,
    /// Taken by the hypervisor from all cores, ns.
    pub steal_ns: Option<u64>,
}

impl Summary {
    /// What it says of the distributions.
    pub(crate) fn set_latencies(&mut self, latencies: &Latencies, own_sched: &Latency) {
        let Latencies { sched, held, ack, e2e, raw } = latencies;
        self.sched_ns = sched.brief();
        self.own_sched_ns = own_sched.brief();
        self.held_ns = held.brief();
        self.ack_ns = ack.brief();
        self.e2e_ns = e2e.brief();
        self.raw_ns = raw.brief();
    }

    /// Messages that were due and have no answer.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.unknown + self.counters.unsent
    }

    /// Broken promises, by name.
    #[must_use]
    pub fn named_faults(&self) -> [(&'static str, u64); 10] {
        [
            ("lost", self.lost),
            ("visible duplicates", self.visible_duplicates),
            ("reordered", self.reordered),
            ("gaps", self.gaps),
            ("phantoms", self.phantoms),
            ("leaked", self.leaked),
            ("corrupt", self.corrupt),
            ("diverged", self.diverged),
            ("miscounted", self.miscounted),
            ("misjudged", self.misjudged),
        ]
    }
}

/// The verdict's facts.
fn facts(
    plan: &Plan,
    watched: &Watched,
    own_sched: &Latency,
    sums: (&Totals, &Faults, &Latencies, &Counters),
) -> Facts {
    let (totals, faults, latencies, counters) = sums;
    let measured_ns = watched.measured_ns();
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    let share = |ns: u64| ns as f64 / measured_ns.max(1) as f64;
    let down = watched.down();
    // Nothing was sent, so there is nothing to read; or it is said already that the target went.
    let is_read = totals.sent == 0 || down.is_some();
    let [middle, end] = counters.backlog;
    let is_open = matches!(plan.load, Load::Open { .. });
    let open = (is_open && measured_ns > 0).then(|| OpenFacts {
        planned: counters.planned,
        in_time: counters.in_time,
        excused: counters.excused,
        late: latencies.sched.beside(&latencies.e2e),
        own_late: own_sched.beside(&latencies.e2e),
        backlog_growth: end.cast_signed() - middle.cast_signed(),
        backlog_noise: 3 * (middle + end).isqrt(),
        half: counters.planned_half,
    });
    Facts {
        faults: Fault::ALL.iter().map(|(fault, name)| (*name, faults.count(*fault))).collect(),
        unread_users: if plan.drain && !is_read { totals.unread_users } else { 0 },
        down,
        unanswered: totals.unknown + counters.unsent,
        unanswered_allowed: plan.allow_unanswered,
        interrupted: watched.ended_early(EndedEarly::Interrupted),
        overwhelmed: watched.ended_early(EndedEarly::Overwhelmed),
        cpu_share_max: watched.cpu_share_max(),
        throttled_share: watched.taken().throttled_ns.map(share),
        kept_share: (!is_open)
            .then(|| share(watched.kept().0.total_ns / plan.own_threads().len() as u64)),
        // One who was removed meanwhile was told so: that is an answer.
        refusals: counters.refused().saturating_sub(totals.late),
        written: counters.written,
        open,
        slos: plan.slos.iter().map(|slo| slo.measure(latencies)).collect(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
fn events(plan: &Plan, watched: &Watched, marks: &Marks) -> Vec<Event> {
    let planned = plan.events.iter().zip(&watched.outcomes);
    let event = |((event, outcome), felt): ((&PlannedEvent, &Option<Outcome>), Felt)| Event {
        at_s: event.at_ns as f64 / 1e9,
        command: event.command.clone(),
        outcome: outcome.clone(),
        felt,
    };
    planned.zip(marks.felt()).map(event).collect()
}

fn machine(watched: &Watched, counters: &Counters) -> Machine {
    let Taken { throttled_ns, steal_ns } = watched.taken();
    let (kept, run_delay_ns) = watched.kept();
    Machine { kept, excused: counters.excused, run_delay_ns, throttled_ns, steal_ns }
}

#[allow(clippy::cast_precision_loss, reason = "counts and ns of a run are below 2^53")]
fn generator(watched: &Watched, delivered: u64) -> Generator {
    let cpu_ns: u64 = watched.results.iter().map(|result| result.effort.cpu_ns).sum();
    Generator {
        cpu_us_per_message: (delivered > 0).then(|| cpu_ns as f64 / 1e3 / delivered as f64),
        cpu_share_max: watched.cpu_share_max(),
        connections: watched.connections,
        login_s: watched.login_ns as f64 / 1e9,
    }
}

fn group_figures(plan: &Plan, watched: &Watched, totals: &Totals) -> Option<GroupFigures> {
    let Totals { changes, reach, .. } = *totals;
    let mut figures =
        GroupFigures { changes, reach, direct_e2e_ns: Brief::default(), sizes: Vec::new() };
    figures.set_latencies(&watched.group_latencies());
    (plan.groups > 0).then_some(figures)
}

/// The summary, the distributions, and `sched` without what the machine made late.
pub(super) fn summarise(
    plan: Plan,
    watched: &Watched,
    about: About,
) -> (Summary, Latencies, Latency) {
    let (own_sched, marks) = (watched.own_sched(), watched.marks());
    let (totals, faults, latencies, counters) = watched.sum();
    let count = |fault| faults.count(fault);
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    let seconds = watched.measured_ns() as f64 / 1e9;
    let Counters { planned, written, acked, delivered, .. } = counters;
    let [sched_ns, held_ns, ack_ns, e2e_ns, raw_ns] =
        latencies.named().map(|(_, latency)| latency.brief());
    let judged =
        judge(&facts(&plan, watched, &own_sched, (&totals, &faults, &latencies, &counters)));
    #[allow(clippy::cast_precision_loss, reason = "counts of a run are below 2^53")]
    let throughput_per_s = if seconds > 0.0 { delivered as f64 / seconds } else { 0.0 };
    let summary = Summary {
        version: SUMMARY_VERSION,
        about,
        verdict: judged.verdict(),
        verdict_reasons: judged.reasons(),
        interrupted: watched.ended_early(EndedEarly::Interrupted),
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
        miscounted: count(Fault::Miscounted),
        misjudged: count(Fault::Misjudged),
        unread_users: totals.unread_users,
        sched_ns,
        own_sched_ns: own_sched.brief(),
        held_ns,
        ack_ns,
        e2e_ns,
        raw_ns,
        slos: plan.slos.iter().map(|slo| slo.measure(&latencies)).collect(),
        groups: group_figures(&plan, watched, &totals),
        throughput_per_s,
        server: watched.cost(delivered),
        measured: Measured { seconds, planned, written, acked, delivered },
        generator: generator(watched, delivered),
        machine: machine(watched, &counters),
        counters,
        stages: watched.stages().figures().collect(),
        events: events(&plan, watched, &marks),
        before_events_e2e_ns: marks.before(),
        plan,
        examples: faults.examples().to_vec(),
    };
    (summary, latencies, own_sched)
}
