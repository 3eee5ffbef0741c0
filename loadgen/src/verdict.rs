//! The verdict on a run: one word for what it is worth, and the reasons. It is given measured
//! facts, and looks at nothing itself.

use crate::failure;
use crate::histograms::COMPARED;
use crate::limits::{IN_FLIGHT_MAX, TIMER_NS};
use crate::slo::Measured;
use crate::units::time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run is worth. What is later in the list comes before all that is earlier.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The figures are the server's, at the load that was asked for, and no promise was broken.
    #[default]
    Valid,
    /// As [`Verdict::Valid`], and slower than was asked for.
    SloMissed,
    /// Too few messages to say whose figures they are.
    TooShort,
    /// The figures are the server's, at less than the load that was asked for.
    ServerLimited,
    /// The machine did not let the generator run: the figures are not the server's.
    MachineLimited,
    /// The generator was too slow: the figures are its own.
    GeneratorLimited,
    /// A signal ended the run early.
    Interrupted,
    /// The server never answered some messages.
    Unanswered,
    /// The target went and did not come back, or inboxes could not be read: nothing is verified.
    TargetDown,
    /// A promise was broken.
    Broken,
}

impl Verdict {
    /// As in a summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::SloMissed => "slo-missed",
            Self::TooShort => "too-short",
            Self::ServerLimited => "server-limited",
            Self::Interrupted => "interrupted",
            Self::MachineLimited => "machine-limited",
            Self::GeneratorLimited => "generator-limited",
            Self::Unanswered => "unanswered",
            Self::TargetDown => "target-down",
            Self::Broken => "broken",
        }
    }

    /// What it means, for a person who reads it for the first time.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Valid => {
                "The figures are the server's, at the load that was asked for, and no promise was broken."
            }
            Self::SloMissed => {
                "The figures are the server's and no promise was broken, but it was slower than was asked for."
            }
            Self::TooShort => {
                "There were too few messages to say whose figures these are: run longer."
            }
            Self::ServerLimited => {
                "The server did not keep up: the figures are its own, at less than the load that was asked for."
            }
            Self::MachineLimited => {
                "This machine did not let the generator run: the figures are not the server's. Promises were checked all the same."
            }
            Self::GeneratorLimited => {
                "The generator was too slow: the figures are its own, not the server's. Promises were checked all the same."
            }
            Self::Interrupted => "A signal ended the run early: what came until then is judged.",
            Self::Unanswered => "The server never answered some messages.",
            Self::TargetDown => {
                "The server went and did not come back, or inboxes could not be read: nothing is proven."
            }
            Self::Broken => "A promise was broken. Nothing else counts.",
        }
    }

    /// The figures are not the server's, by nobody's fault: another run may tell more.
    #[must_use]
    pub fn is_untold(self) -> bool {
        matches!(self, Self::TooShort | Self::MachineLimited | Self::GeneratorLimited)
    }

    /// The code to end with.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Valid => failure::PASS,
            Self::SloMissed => failure::SLO_MISSED,
            Self::TooShort => failure::TOO_SHORT,
            Self::ServerLimited => failure::SERVER_LIMITED,
            Self::Interrupted => failure::INTERRUPTED,
            Self::MachineLimited => failure::MACHINE_LIMITED,
            Self::GeneratorLimited => failure::GENERATOR_LIMITED,
            Self::Unanswered => failure::UNANSWERED,
            Self::TargetDown => failure::TARGET_DOWN,
            Self::Broken => failure::CORRECTNESS,
        }
    }
}

/// What a verdict is made of.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Broken promises, by name.
    pub faults: Vec<(&'static str, u64)>,
    /// Why the target counts as gone, if it does.
    pub down: Option<String>,
    /// Inboxes that should have been read at the end and could not be.
    pub unread_users: u64,
    /// Messages that were due and had no answer when everything was over.
    pub unanswered: u64,
    /// The user said that there may be such.
    pub unanswered_allowed: bool,
    /// A signal ended it.
    pub interrupted: bool,
    /// So many messages were unanswered that the run was ended.
    pub overwhelmed: bool,
    /// The busiest generator thread's share of a core.
    pub cpu_share_max: f64,
    /// Time that the control group's quota kept the generator from running, over the measured time;
    /// `None`: not measured.
    pub throttled_share: Option<f64>,
    /// Time that a thread of a closed loop was kept from running, by whatever, over the measured
    /// time of all threads. An open loop has messages that were due meanwhile, and counts those.
    pub kept_share: Option<f64>,
    /// Messages that the server asked to send again later, or refused.
    pub refusals: u64,
    /// Messages written in the measured time.
    pub written: u64,
    /// What an open loop adds; `None` for a closed one, which has no plan to keep.
    pub open: Option<OpenFacts>,
    /// Bounds that were asked for.
    pub slos: Vec<Measured>,
}

/// What a verdict on a run at a rate is made of. Counts are of messages due in the measured time.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenFacts {
    /// Messages due, by the schedule.
    pub planned: u64,
    /// Those that the generator reached in that time, or was kept by the machine from reaching.
    pub in_time: u64,
    /// Those that were late because the machine did not let the generator run.
    pub excused: u64,
    /// Percentiles of all lateness beside those of e2e, by [`COMPARED`]; `None`: too few messages
    /// to tell.
    pub late: [Beside; COMPARED.len()],
    /// The same of lateness that is the generator's own.
    pub own_late: [Beside; COMPARED.len()],
    /// Growth of what was due and not answered, over the second half of the measured time; negative
    /// when it shrank.
    pub backlog_growth: i64,
    /// What is growth by chance: three standard deviations of the two backlogs.
    pub backlog_noise: u64,
    /// Messages due in that half.
    pub half: u64,
}

/// A percentile of lateness and that of e2e, ns.
pub type Beside = Option<(u64, u64)>;

/// Lateness is a small part of what was measured, or no more than any timer's.
fn is_small((sched_ns, e2e_ns): (u64, u64)) -> bool {
    sched_ns <= TIMER_NS || sched_ns.saturating_mul(100) <= e2e_ns.saturating_mul(SCHED_PERCENT_MAX)
}

/// Lateness did no harm: p99 can be told, and it is small there, beyond, and at p90.
fn is_harmless(late: &[Beside; COMPARED.len()]) -> bool {
    let [p999, p99, p90, _] = *late;
    p99.is_some() && [p999, p99, p90].into_iter().flatten().all(is_small)
}

/// Largest share of e2e that lateness may be, in percent.
const SCHED_PERCENT_MAX: u64 = 10;
/// Largest share of a core that a generator thread may use.
const CPU_SHARE_MAX: f64 = 0.85;
/// Least share of the plan that the generator must reach in time, in percent.
const IN_TIME_PERCENT_MIN: u64 = 99;
/// Largest share of messages that may be late by the machine's doing, in percent; and of time lost
/// to a quota.
const EXCUSED_PERCENT_MAX: u64 = 1;
const KEPT_SHARE_MAX: f64 = 0.01;
/// Largest growth of the backlog over messages due, in percent.
const BACKLOG_PERCENT_MAX: u64 = 2;
/// Largest share of refusals, in percent.
const REFUSED_PERCENT_MAX: u64 = 1;

/// A verdict and all that was found, worst first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    found: Vec<(Verdict, String)>,
}

impl Judgement {
    /// The worst that was found.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.found.first().map_or(Verdict::Valid, |(verdict, _)| *verdict)
    }

    /// All that was found, each in words. What is of another kind than the verdict is named.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let named = |(kind, why): &(Verdict, String)| {
            if *kind == self.verdict() { why.clone() } else { format!("{}: {why}", kind.name()) }
        };
        self.found.iter().map(named).collect()
    }

    fn find(&mut self, verdict: Verdict, why: String) {
        self.found.push((verdict, why));
    }
}

/// The verdict, and why.
#[must_use]
pub fn judge(facts: &Facts) -> Judgement {
    let mut found = Judgement::default();
    promises(facts, &mut found);
    generator(facts, &mut found);
    if let Some(open) = &facts.open {
        plan(open, &mut found);
    }
    if facts.interrupted {
        found.find(Verdict::Interrupted, "a signal ended the run early".into());
    }
    if facts.overwhelmed {
        let why =
            format!("{IN_FLIGHT_MAX} messages of a thread were unanswered: the run was ended");
        found.find(Verdict::ServerLimited, why);
    }
    let Facts { refusals, written, .. } = *facts;
    if refusals * 100 > written * REFUSED_PERCENT_MAX {
        let why = format!("{refusals} refusals for {written} messages, over 1 %");
        found.find(Verdict::ServerLimited, why);
    }
    for Measured { slo, bound_ns, value_ns } in &facts.slos {
        match value_ns {
            Some(value_ns) if value_ns >= bound_ns => {
                found.find(Verdict::SloMissed, format!("{slo} is missed: {}", time(*value_ns)));
            }
            Some(_) => {}
            None => found.find(Verdict::TooShort, format!("too few samples to judge {slo}")),
        }
    }
    found.found.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    found
}

/// What the server owes whatever the load.
fn promises(facts: &Facts, found: &mut Judgement) {
    let broken = facts.faults.iter().filter(|(_, count)| *count > 0);
    let broken: Vec<String> = broken.map(|(name, count)| format!("{name} {count}")).collect();
    if !broken.is_empty() {
        found.find(Verdict::Broken, broken.join(", "));
    }
    if let Some(why) = &facts.down {
        found.find(Verdict::TargetDown, why.clone());
    }
    if facts.unread_users > 0 {
        let why = format!("{} inboxes could not be read at the end", facts.unread_users);
        found.find(Verdict::TargetDown, why);
    }
    if facts.unanswered > 0 && !facts.unanswered_allowed {
        let why = format!("{} messages were never answered", facts.unanswered);
        found.find(Verdict::Unanswered, why);
    }
}

/// Whether the generator could run and had time to spare.
fn generator(facts: &Facts, found: &mut Judgement) {
    if facts.cpu_share_max > CPU_SHARE_MAX {
        let percent = facts.cpu_share_max * 100.0;
        let why = format!("a generator thread used {percent:.0} % of a core, over 85 %");
        found.find(Verdict::GeneratorLimited, why);
    }
    if let Some(share) = facts.throttled_share.filter(|share| *share > KEPT_SHARE_MAX) {
        let percent = share * 100.0;
        let why = format!("a CPU quota stopped the generator for {percent:.1} % of the time");
        found.find(Verdict::MachineLimited, why);
    }
    if let Some(share) = facts.kept_share.filter(|share| *share > KEPT_SHARE_MAX) {
        let percent = share * 100.0;
        let why =
            format!("the machine kept the generator from running for {percent:.1} % of the time");
        found.find(Verdict::MachineLimited, why);
    }
}

/// Whether what was due was sent when it was due, and answered as fast as it came.
fn plan(open: &OpenFacts, found: &mut Judgement) {
    let OpenFacts { planned, in_time, excused, half, .. } = *open;
    if in_time * 100 < planned * IN_TIME_PERCENT_MIN {
        let why = format!("{in_time} of {planned} planned messages were sent in time, under 99 %");
        found.find(Verdict::GeneratorLimited, why);
    }
    // Where lateness is small although nothing is excused, the machine did no harm.
    if !is_harmless(&open.late) && excused * 100 > planned * EXCUSED_PERCENT_MAX {
        let why = format!(
            "{excused} of {planned} messages were due while the machine did not let the generator run, over 1 %"
        );
        found.find(Verdict::MachineLimited, why);
    }
    let told = COMPARED.iter().zip(open.own_late);
    match told.filter_map(|((name, _), both)| Some((name, both?))).next() {
        Some((name, (sched_ns, e2e_ns))) if !is_small((sched_ns, e2e_ns)) => {
            let why = format!(
                "own lateness {name} of {sched_ns} ns is over 10 % of e2e {name}, {e2e_ns} ns"
            );
            found.find(Verdict::GeneratorLimited, why);
        }
        Some(_) => {}
        None => found.find(
            Verdict::TooShort,
            "too few messages to compare the generator's lateness with e2e".into(),
        ),
    }
    let growth = u64::try_from(open.backlog_growth).unwrap_or(0);
    if growth > half * BACKLOG_PERCENT_MAX / 100 + open.backlog_noise {
        let why = format!(
            "the backlog grew by {growth} while {half} messages were due, by over 2 % of them"
        );
        found.find(Verdict::ServerLimited, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: OpenFacts = OpenFacts {
        planned: 1_000,
        in_time: 990,
        excused: 10,
        late: [
            None,
            Some((9_000_000, 10_000_000)),
            Some((9_000_000, 10_000_000)),
            Some((9_000_000, 10_000_000)),
        ],
        own_late: [
            None,
            Some((1_000_000, 10_000_000)),
            Some((9_000_000, 10_000_000)),
            Some((9_000_000, 10_000_000)),
        ],
        backlog_growth: 13,
        backlog_noise: 3,
        half: 500,
    };

    fn slo(value_ns: Option<u64>) -> Measured {
        Measured { slo: "e2e.p99<5ms".into(), bound_ns: 5_000_000, value_ns }
    }

    /// At each bound, and over none.
    fn good() -> Facts {
        Facts {
            faults: vec![("lost", 0), ("gaps", 0)],
            cpu_share_max: 0.85,
            throttled_share: Some(0.01),
            kept_share: Some(0.01),
            refusals: 9,
            written: 990,
            open: Some(OPEN),
            slos: vec![slo(Some(4_999_999))],
            ..Facts::default()
        }
    }

    /// The good facts with one changed.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Facts), verdict: Verdict) {
        let mut facts = good();
        change(&mut facts);
        let judged = judge(&facts);
        assert_eq!(judged.verdict(), verdict, "{judged:?}");
        assert_eq!(judged.reasons().len(), usize::from(verdict != Verdict::Valid), "{judged:?}");
    }

    fn open(change: impl FnOnce(&mut OpenFacts)) -> impl FnOnce(&mut Facts) {
        |facts| change(facts.open.as_mut().expect("the good facts are of an open loop"))
    }

    #[test]
    fn each_reason_is_enough_and_at_its_bound_is_none() {
        use Verdict::{
            Broken, GeneratorLimited, Interrupted, MachineLimited, ServerLimited, SloMissed,
            TargetDown, TooShort, Unanswered, Valid,
        };
        check(|_| {}, Valid);
        check(|facts| facts.faults[1].1 = 1, Broken);
        check(|facts| facts.down = Some("it went".into()), TargetDown);
        check(|facts| facts.unread_users = 1, TargetDown);
        check(|facts| facts.unanswered = 1, Unanswered);
        check(|facts| (facts.unanswered, facts.unanswered_allowed) = (1, true), Valid);
        check(|facts| facts.interrupted = true, Interrupted);
        check(|facts| facts.overwhelmed = true, ServerLimited);
        check(|facts| facts.cpu_share_max = 0.86, GeneratorLimited);
        check(|facts| facts.throttled_share = Some(0.011), MachineLimited);
        check(|facts| facts.throttled_share = None, Valid);
        check(|facts| facts.kept_share = Some(0.011), MachineLimited);
        check(|facts| facts.refusals = 10, ServerLimited);
        check(|facts| facts.slos.push(slo(Some(5_000_000))), SloMissed);
        check(|facts| facts.slos.push(slo(None)), TooShort);
        check(|facts| facts.slos.clear(), Valid);
        check(open(|open| open.in_time = 989), GeneratorLimited);
        check(open(|open| open.excused = 11), MachineLimited);
        check(open(|open| open.own_late[1] = Some((1_010_000, 10_000_000))), GeneratorLimited);
        check(open(|open| open.own_late[0] = Some((1_010_000, 10_000_000))), GeneratorLimited);
        check(
            open(|open| open.own_late = [None, None, None, Some((1_000_000, 10_000_000))]),
            Valid,
        );
        check(open(|open| open.own_late[0] = Some((TIMER_NS, 300_000))), Valid);
        check(open(|open| open.own_late[0] = Some((TIMER_NS + 1, 300_000))), GeneratorLimited);
        check(open(|open| open.own_late = [None; 4]), TooShort);
        check(open(|open| open.backlog_growth = 14), ServerLimited);
        check(open(|open| open.backlog_growth = -500), Valid);
        check(|facts| facts.open = None, Valid);
    }

    #[test]
    fn what_the_machine_made_late_does_no_harm_while_it_is_a_small_part() {
        let late = |late| open(move |open| (open.excused, open.late) = (300, late));
        let of = |thousandths: u64| Some((thousandths * 10_000, 10_000_000));
        check(late([of(100), of(100), of(100), of(900)]), Verdict::Valid);
        check(late([None, of(100), of(100), of(900)]), Verdict::Valid);
        check(late([of(101), of(100), of(100), of(100)]), Verdict::MachineLimited);
        check(late([of(100), of(101), of(100), of(100)]), Verdict::MachineLimited);
        // A tail that the server made long hides nothing.
        check(late([of(1), of(1), of(101), of(100)]), Verdict::MachineLimited);
        // A hundredth of all is not seen by p90.
        check(late([None, None, of(1), of(1)]), Verdict::MachineLimited);
    }

    #[test]
    fn the_worst_comes_first_and_the_rest_is_said_too() {
        let mut facts = good();
        (facts.interrupted, facts.unanswered, facts.cpu_share_max) = (true, 3, 1.0);
        facts.faults[0].1 = 401_036;
        let judged = judge(&facts);
        assert_eq!((judged.verdict(), judged.verdict().exit_code()), (Verdict::Broken, 4));
        let reasons = judged.reasons();
        assert_eq!(reasons[0], "lost 401036");
        let kinds: Vec<&str> =
            reasons[1..].iter().map(|why| why.split_once(':').unwrap().0).collect();
        assert_eq!(kinds, ["unanswered", "interrupted", "generator-limited"]);
    }

    #[test]
    fn every_verdict_has_an_exit_code_of_its_own() {
        use Verdict::{
            Broken, GeneratorLimited, Interrupted, MachineLimited, ServerLimited, SloMissed,
            TargetDown, TooShort, Unanswered, Valid,
        };
        let all = [
            (Valid, 0),
            (SloMissed, 3),
            (Broken, 4),
            (GeneratorLimited, 5),
            (TargetDown, 6),
            (ServerLimited, 7),
            (MachineLimited, 8),
            (TooShort, 9),
            (Unanswered, 10),
            (Interrupted, 130),
        ];
        for (verdict, code) in all {
            assert_eq!(verdict.exit_code(), code, "{}", verdict.name());
        }
    }
}
