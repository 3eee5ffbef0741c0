//! When messages are due, from a seed. It knows no clock: times are ns after the start. It never skips and never
//! moves: whoever is late sends at once, and the message keeps the time it was due.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How arrivals are spread.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// The same gap between any two.
    Constant,
    /// Exponential gaps: many independent users.
    Poisson,
}

/// The due times of one thread, in order.
pub struct Schedule {
    arrivals: Arrivals,
    gap_ns: f64,
    /// Sum of the gaps so far. Its 53 bits are good for 104 days at 1 ns.
    next_ns: f64,
    end_ns: u64,
    random: StdRng,
}

impl Schedule {
    /// `rate` messages a second without end; constant gaps begin at `first_ns`.
    #[must_use]
    pub fn new(arrivals: Arrivals, rate: f64, first_ns: f64, seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        let mut new = Self { arrivals, gap_ns: 1e9 / rate, next_ns: 0.0, end_ns: u64::MAX, random };
        match arrivals {
            Arrivals::Constant => new.next_ns = first_ns,
            Arrivals::Poisson => new.step(),
        }
        new
    }

    /// Ends it there.
    #[must_use]
    pub fn until(self, end_ns: u64) -> Self {
        Self { end_ns, ..self }
    }

    /// When the next message is due; `None` after the end.
    #[must_use]
    pub fn peek(&self) -> Option<u64> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ns, from 0 up")]
        let due = self.next_ns as u64;
        (due < self.end_ns).then_some(due)
    }

    /// Moves on to the message after.
    pub fn step(&mut self) {
        self.next_ns += match self.arrivals {
            Arrivals::Constant => self.gap_ns,
            // 1 - [0, 1) is above 0: the logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.random.random::<f64>()).ln() * self.gap_ns,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(arrivals: Arrivals, seed: u64) -> Vec<u64> {
        let mut schedule = Schedule::new(arrivals, 1000.0, 0.0, seed).until(10_000_000_000);
        let mut due = Vec::new();
        while let Some(at) = schedule.peek() {
            due.push(at);
            schedule.step();
        }
        due
    }

    #[test]
    fn constant_arrivals_are_exact() {
        let due = all(Arrivals::Constant, 1);
        assert_eq!(due.len(), 10_000);
        assert_eq!((due[0], due[1], due[9_999]), (0, 1_000_000, 9_999_000_000));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_and_repeat_by_seed() {
        let due = all(Arrivals::Poisson, 7);
        assert_eq!(due, all(Arrivals::Poisson, 7));
        assert_ne!(due, all(Arrivals::Poisson, 8));
        assert!(due.is_sorted());
        // Five standard deviations of a Poisson count of 10,000.
        assert!((9_500..=10_500).contains(&due.len()), "{}", due.len());
        let gaps: Vec<f64> = due.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((0.8..1.2).contains(&variance), "an exponential has variance mean^2: {variance}");
    }
}
