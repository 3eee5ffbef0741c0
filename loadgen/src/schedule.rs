//! When messages are due, from a seed. It knows no clock: times are ns after the start. It never skips and never
//! moves: whoever is late sends at once, and the message keeps the time it was due.

use crate::units::{amount, duration};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How arrivals are spread.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// The same gap between any two.
    Constant,
    /// Exponential gaps: many independent users.
    Poisson,
}

/// A time with a rate that stays or goes up or down evenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// Its length, ns.
    pub length_ns: u64,
    /// Messages a second at its begin.
    pub from: f64,
    /// Messages a second at its end.
    pub to: f64,
}

impl FromStr for Stage {
    type Err = String;

    /// `30s:1k` stays, `30s:1k-5k` goes from one to the other.
    fn from_str(text: &str) -> Result<Self, String> {
        let (length, rates) =
            text.split_once(':').ok_or("write it as 30s:1000 or 30s:1000-5000")?;
        let length_ns = u64::try_from(duration(length)?.as_nanos()).unwrap_or(u64::MAX);
        let (from, to) = rates.split_once('-').unwrap_or((rates, rates));
        let stage = Self { length_ns, from: amount(from)?, to: amount(to)? };
        if length_ns == 0 || stage.from.max(stage.to) <= 0.0 {
            return Err("a stage takes some time and has some messages".into());
        }
        Ok(stage)
    }
}

impl Stage {
    /// Messages that are due in it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    pub fn messages(&self) -> f64 {
        f64::midpoint(self.from, self.to) * self.length_ns as f64 / 1e9
    }

    /// When so many of its messages have been due, ns after its begin.
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    fn time_of(&self, messages: f64) -> f64 {
        // Exactly one: no ramp.
        if self.from.total_cmp(&self.to).is_eq() {
            return messages * (1e9 / self.from);
        }
        let (from, length) = (self.from / 1e9, self.length_ns as f64);
        let growth = (self.to - self.from) / 1e9 / length;
        // Of from * t + growth / 2 * t^2 = messages; below 0 by rounding at the end of a ramp to 0.
        2.0 * messages / (from + (from * from + 2.0 * growth * messages).max(0.0).sqrt())
    }
}

/// The due times of one thread, in order.
pub struct Schedule {
    arrivals: Arrivals,
    /// Each with its begin and the messages before it.
    stages: Vec<(f64, f64, Stage)>,
    /// Messages until the next one: counts of constant arrivals, the sum of exponential gaps of mean
    /// 1 of others. Its 53 bits are good for all that is ever sent.
    next: f64,
    random: StdRng,
}

impl Schedule {
    /// A part of the messages of each stage, one after the other; constant arrivals begin when
    /// `first` messages of the part would have been due.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    pub fn new(arrivals: Arrivals, stages: &[Stage], part: f64, first: f64, seed: u64) -> Self {
        let (mut at_ns, mut before) = (0.0, 0.0);
        let own = stages.iter().map(|stage| {
            let own = Stage { from: stage.from * part, to: stage.to * part, ..*stage };
            let placed = (at_ns, before, own);
            at_ns += own.length_ns as f64;
            before += own.messages();
            placed
        });
        let stages = own.collect();
        let random = StdRng::seed_from_u64(seed);
        let mut new = Self { arrivals, stages, next: first, random };
        if arrivals == Arrivals::Poisson {
            new.next = 0.0;
            new.step();
        }
        new
    }

    /// When the next message is due; `None` after the end.
    #[must_use]
    pub fn peek(&self) -> Option<u64> {
        let is_in = |(_, before, stage): &&(f64, f64, Stage)| self.next < before + stage.messages();
        let (at_ns, before, stage) = self.stages.iter().find(is_in)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ns, from 0 up")]
        Some((at_ns + stage.time_of(self.next - before)) as u64)
    }

    /// Moves on to the message after.
    pub fn step(&mut self) {
        self.next += match self.arrivals {
            Arrivals::Constant => 1.0,
            Arrivals::Poisson => exponential(&mut self.random),
        };
    }
}

/// A gap between arrivals of a Poisson process, in mean gaps.
pub fn exponential(random: &mut impl RngExt) -> f64 {
    // 1 - [0, 1) is above 0: the logarithm is finite.
    -(1.0 - random.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn all(arrivals: Arrivals, stages: &[&str], seed: u64) -> Vec<u64> {
        let stages: Vec<Stage> = stages.iter().map(|text| text.parse().unwrap()).collect();
        let mut schedule = Schedule::new(arrivals, &stages, 1.0, 0.0, seed);
        let mut due = Vec::new();
        while let Some(at) = schedule.peek() {
            due.push(at);
            schedule.step();
        }
        due
    }

    fn due_in(due: &[u64], seconds: std::ops::Range<u64>) -> usize {
        due.iter().filter(|at| seconds.contains(&(**at / SECOND_NS))).count()
    }

    #[test]
    fn constant_arrivals_are_exact() {
        let due = all(Arrivals::Constant, &["10s:1000"], 1);
        assert_eq!(due.len(), 10_000);
        assert_eq!((due[0], due[1], due[9_999]), (0, 1_000_000, 9_999_000_000));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_and_repeat_by_seed() {
        let due = all(Arrivals::Poisson, &["10s:1000"], 7);
        assert_eq!(due, all(Arrivals::Poisson, &["10s:1000"], 7));
        assert_ne!(due, all(Arrivals::Poisson, &["10s:1000"], 8));
        assert!(due.is_sorted());
        // Five standard deviations of a Poisson count of 10,000.
        assert!((9_500..=10_500).contains(&due.len()), "{}", due.len());
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((0.8..1.2).contains(&variance), "an exponential has variance mean^2: {variance}");
    }

    #[test]
    fn stages_follow_each_other_and_a_ramp_goes_evenly() {
        for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
            let due = all(arrivals, &["2s:100", "4s:100-900", "2s:900-0", "1s:500"], 3);
            assert!(due.is_sorted(), "{arrivals:?}");
            // A ramp of four seconds by 800 has 200, 400, 600 and 800 in its seconds, to the mean.
            for (seconds, expected) in [
                (0..2, 200),
                (2..3, 200),
                (3..4, 400),
                (4..5, 600),
                (5..6, 800),
                (6..8, 900),
                (8..9, 500),
            ] {
                let off = due_in(&due, seconds.clone()).abs_diff(expected);
                // Five standard deviations of a Poisson count; a message at each end.
                let bound = if arrivals == Arrivals::Constant { 1 } else { 5 * expected.isqrt() };
                assert!(off <= bound, "{arrivals:?} {seconds:?}: {off} off {expected}");
            }
        }
    }

    #[test]
    fn what_is_no_stage_is_refused() {
        for (text, word) in [
            ("1000", "30s:1000"),
            ("30:1000", "such as 20s"),
            ("30s:fast", "is no number"),
            ("0s:1000", "some time"),
            ("30s:0", "some messages"),
            ("30s:-5", "is no number"),
        ] {
            let refused = text.parse::<Stage>().unwrap_err();
            assert!(refused.contains(word), "{text}: {refused}");
        }
        let stage = "1.5m:1k-20k".parse::<Stage>().unwrap();
        assert_eq!(stage, Stage { length_ns: 90 * SECOND_NS, from: 1_000.0, to: 20_000.0 });
    }
}
