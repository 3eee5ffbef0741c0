//! The generator's verdict on its own run: do the figures speak of the server?

use serde::Serialize;

/// Whose figures they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The server's, at the load that was asked for.
    Valid,
    /// The server's, at less than the load that was asked for.
    ServerLimited,
    /// The generator's own: they mean nothing.
    GeneratorLimited,
}

impl Verdict {
    /// As in a summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::ServerLimited => "server-limited",
            Self::GeneratorLimited => "generator-limited",
        }
    }
}

/// What a verdict is made of.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// Open loop: there was a plan to keep.
    pub open_loop: bool,
    /// 99.9th percentile of lag, if it can be told; without messages due while the whole machine stood still.
    pub own_lag_p999_ns: Option<u64>,
    /// 99.9th percentile of e2e, if it can be told.
    pub e2e_p999_ns: Option<u64>,
    /// The busiest generator thread's share of a core.
    pub cpu_share_max: f64,
    /// Messages due in the measured interval.
    pub planned: u64,
    /// Messages written in it.
    pub written: u64,
    /// Messages acked in it.
    pub acked: u64,
    /// Answers that asked to come again later.
    pub refusals: u64,
}

/// Largest share of e2e's 99.9th percentile that lag's may be, in percent.
const LAG_PERCENT_MAX: u64 = 10;
/// Largest share of a core that a generator thread may use.
const CPU_SHARE_MAX: f64 = 0.85;
/// Least share of the plan that must be written, in percent.
const OFFERED_PERCENT_MIN: u64 = 99;
/// Least share of what was written that must be acked in the same interval, in percent: less, and a backlog grows.
const ACKED_PERCENT_MIN: u64 = 98;
/// Largest share of refusals, in percent.
const REFUSED_PERCENT_MAX: u64 = 1;

/// The verdict, and why.
#[must_use]
pub fn judge(evidence: &Evidence) -> (Verdict, Vec<String>) {
    let Evidence { open_loop, planned, written, acked, refusals, .. } = *evidence;
    let mut own = Vec::new();
    if evidence.cpu_share_max > CPU_SHARE_MAX {
        let percent = evidence.cpu_share_max * 100.0;
        own.push(format!("a generator thread used {percent:.0} % of a core, over 85 %"));
    }
    if let (true, Some(lag), Some(e2e)) =
        (open_loop, evidence.own_lag_p999_ns, evidence.e2e_p999_ns)
        && lag.saturating_mul(100) > e2e.saturating_mul(LAG_PERCENT_MAX)
    {
        own.push(format!("own lag p99.9 of {lag} ns is over 10 % of e2e p99.9, {e2e} ns"));
    }
    if open_loop && written * 100 < planned * OFFERED_PERCENT_MIN {
        own.push(format!(
            "{written} of {planned} planned messages were written in time, under 99 %"
        ));
    }
    if !own.is_empty() {
        return (Verdict::GeneratorLimited, own);
    }
    let mut servers = Vec::new();
    if open_loop && acked * 100 < written * ACKED_PERCENT_MIN {
        servers
            .push(format!("{acked} of {written} messages were acked in the interval, under 98 %"));
    }
    if refusals * 100 > written * REFUSED_PERCENT_MAX {
        servers.push(format!("{refusals} refusals for {written} messages, over 1 %"));
    }
    let verdict = if servers.is_empty() { Verdict::Valid } else { Verdict::ServerLimited };
    (verdict, servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Evidence = Evidence {
        open_loop: true,
        own_lag_p999_ns: Some(100),
        e2e_p999_ns: Some(1_000),
        cpu_share_max: 0.85,
        planned: 1_000,
        written: 990,
        acked: 980,
        refusals: 9,
    };

    #[track_caller]
    fn check(evidence: Evidence, verdict: Verdict) {
        let (judged, why) = judge(&evidence);
        assert_eq!(judged, verdict, "{why:?}");
        assert_eq!(why.len(), usize::from(verdict != Verdict::Valid));
    }

    #[test]
    fn each_reason_is_enough_and_at_its_bound_is_none() {
        use Verdict::{GeneratorLimited, ServerLimited, Valid};
        check(GOOD, Valid);
        check(Evidence { own_lag_p999_ns: Some(101), ..GOOD }, GeneratorLimited);
        check(Evidence { cpu_share_max: 0.86, ..GOOD }, GeneratorLimited);
        check(Evidence { written: 989, ..GOOD }, GeneratorLimited);
        check(Evidence { acked: 900, ..GOOD }, ServerLimited);
        check(Evidence { refusals: 10, ..GOOD }, ServerLimited);
    }

    #[test]
    fn a_closed_loop_has_no_plan_to_miss() {
        let closed =
            Evidence { open_loop: false, own_lag_p999_ns: Some(999), planned: 0, acked: 1, ..GOOD };
        check(closed, Verdict::Valid);
    }
}
