//! For how long a fault was felt: by what loadgen says of each tenth of a second.

use std::fmt;
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// One row of `steps.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    unix_ms: u64,
    acked: u64,
    refused: u64,
    ack_max_ms: u64,
}

/// The time, as steps have it.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Acks that took longer were delayed.
const DELAYED_MS: u64 = 500;
/// How long a step is.
const STEP_MS: u64 = 100;
/// Refusals that are no further apart are of one time: whoever was refused tries again within it.
const REFUSED_APART_MS: u64 = 500;

/// Reads loadgen's `steps.csv`.
pub fn parse(csv: &str) -> Result<Vec<Step>> {
    csv.lines().skip(1).map(|row| step(row).with_context(|| format!("no step: {row}"))).collect()
}

fn step(row: &str) -> Option<Step> {
    let mut cells = row.split(',').map(|cell| cell.parse::<u64>().ok());
    let mut next = || cells.next()?;
    let (unix_ms, _sent) = (next()?, next()?);
    Some(Step { unix_ms, acked: next()?, refused: next()?, ack_max_ms: next()? })
}

/// What sends felt in a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Felt {
    /// Steps in it.
    steps: usize,
    /// Steps without any ack.
    silent: usize,
    /// Steps with an ack that was delayed.
    delayed: usize,
    /// Refusals.
    refused: u64,
    /// The longest time in which they went on.
    pub refused_ms: u64,
    /// The middle and the largest of the steps' longest acks, of those steps that have a delayed one; else of all, in ms.
    p50_ms: u64,
    /// See there.
    pub max_ms: u64,
}

impl Felt {
    /// In that time, Unix ms.
    pub fn within(steps: &[Step], time: &Range<u64>) -> Self {
        let steps: Vec<&Step> = steps.iter().filter(|it| time.contains(&it.unix_ms)).collect();
        let longest = |least_ms: u64| {
            let acked = steps.iter().filter(|it| it.acked > 0 && it.ack_max_ms > least_ms);
            let mut longest: Vec<u64> = acked.map(|it| it.ack_max_ms).collect();
            longest.sort_unstable();
            longest
        };
        let delayed = longest(DELAYED_MS);
        let told = if delayed.is_empty() { longest(0) } else { delayed.clone() };
        Self {
            steps: steps.len(),
            silent: steps.iter().filter(|it| it.acked == 0).count(),
            delayed: delayed.len(),
            refused: steps.iter().map(|it| it.refused).sum(),
            refused_ms: longest_refusal(&steps),
            p50_ms: told.get(told.len() / 2).copied().unwrap_or(0),
            max_ms: told.last().copied().unwrap_or(0),
        }
    }
}

/// The longest time in which refusals went on, whoever was refused.
fn longest_refusal(steps: &[&Step]) -> u64 {
    let mut time: Option<Range<u64>> = None;
    let mut longest = 0;
    for step in steps.iter().filter(|it| it.refused > 0) {
        let end = step.unix_ms + STEP_MS;
        let goes_on = time.take().filter(|it| step.unix_ms <= it.end + REFUSED_APART_MS);
        let start = goes_on.map_or(step.unix_ms, |it| it.start);
        longest = longest.max(end - start);
        time = Some(start..end);
    }
    longest
}

impl fmt::Display for Felt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, silent, delayed, refused, refused_ms, p50_ms, max_ms } = self;
        write!(
            f,
            "of {steps} steps of 100 ms {silent} without an ack, {delayed} with one delayed; \
             {refused} refusals, for {refused_ms} ms at most; longest ack of a step: p50 {p50_ms} ms, max {max_ms} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_delays_and_refusals_are_told_apart() {
        let csv = "unix_ms,sent,acked,refused,ack_max_ms\n\
                   1000,9,9,0,20\n1100,9,0,3,0\n1200,0,9,0,700\n1300,0,1,0,900\n1400,9,9,0,30\n";
        let steps = parse(csv).unwrap();
        let felt = Felt::within(&steps, &(1_100..1_400));
        let (p50_ms, max_ms) = (900, 900);
        let refused_ms = 100;
        let expected =
            Felt { steps: 3, silent: 1, delayed: 2, refused: 3, refused_ms, p50_ms, max_ms };
        assert_eq!(felt, expected);
        let calm = Felt::within(&steps, &(1_400..2_000));
        assert_eq!((calm.delayed, calm.p50_ms, calm.max_ms), (0, 30, 30));
        assert!(parse("head\n1,2,x").is_err());
    }

    #[test]
    fn refusals_go_on_while_they_are_not_far_apart() {
        let refused_at = |times: &[u64]| {
            let step =
                |unix_ms: &u64| Step { unix_ms: *unix_ms, acked: 1, refused: 1, ack_max_ms: 1 };
            let steps: Vec<_> = times.iter().map(step).collect();
            Felt::within(&steps, &(0..10_000)).refused_ms
        };
        assert_eq!(refused_at(&[]), 0);
        assert_eq!(refused_at(&[100]), 100);
        assert_eq!(refused_at(&[100, 700, 1_300]), 1_300);
        assert_eq!(refused_at(&[100, 800, 900]), 200);
    }
}
