//! Whether one of two differs from the other, from pairs of runs that stood side by side: the mean of the
//! logarithms of their ratios, and Student's interval around it. A pair has the machine's mood in both, so it cancels;
//! what is left varies from pair to pair, and the interval tells how much. It knows no servers.

use serde::Serialize;

/// The chance that any of the figures of a comparison shows a difference that is not there.
const FALSE_ALARM: f64 = 0.05;

/// How much more or less the first has than the second, as parts: 0.1 is 10 % more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Difference {
    pub mean: f64,
    /// Ends of the interval.
    pub low: f64,
    pub high: f64,
}

impl Difference {
    /// Of pairs of figures above 0, as one of so many that are looked at together; `None` for less
    /// than two pairs.
    pub fn of(pairs: &[(f64, f64)], figures: usize) -> Option<Self> {
        let logs: Vec<f64> = pairs.iter().map(|(one, other)| (one / other).ln()).collect();
        let degrees = u32::try_from(logs.len()).ok()?.checked_sub(1).filter(|n| *n > 0)?;
        let count = f64::from(degrees) + 1.0;
        let mean = logs.iter().sum::<f64>() / count;
        let square = |log: &f64| (log - mean).powi(2);
        let deviation = (logs.iter().map(square).sum::<f64>() / f64::from(degrees)).sqrt();
        #[allow(clippy::cast_precision_loss, reason = "a handful of figures")]
        let alpha = FALSE_ALARM / figures as f64;
        let half = quantile(degrees, 1.0 - alpha / 2.0) * deviation / count.sqrt();
        let [mean, low, high] = [mean, mean - half, mean + half].map(f64::exp_m1);
        Some(Self { mean, low, high })
    }

    /// The interval is above or below 0.
    pub fn is_found(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Student's t: the value that a part of all is below, one above a half.
fn quantile(degrees: u32, part: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while below(degrees, high) < part {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if below(degrees, middle) < part { low = middle } else { high = middle }
    }
    high
}

/// The part of Student's t that is below a value from 0 up: Simpson's rule after `x = sqrt(n) tan(a)`, which turns the
/// density into `cos(a)^(n-1)` on a finite range.
fn below(degrees: u32, value: f64) -> f64 {
    let steps = 2_000;
    let end = (value / f64::from(degrees).sqrt()).atan();
    let width = end / f64::from(steps);
    let power = degrees.cast_signed() - 1;
    let mut sum = 0.0;
    for step in 0..=steps {
        let weight = match step {
            0 => 1.0,
            step if step == steps => 1.0,
            step if step % 2 == 1 => 4.0,
            _ => 2.0,
        };
        sum += weight * (width * f64::from(step)).cos().powi(power);
    }
    0.5 + norm(degrees) * sum * width / 3.0
}

/// What makes the whole density 1: gamma((n+1)/2) / (sqrt(pi) gamma(n/2)), two steps at a time.
fn norm(degrees: u32) -> f64 {
    let (mut at, mut norm) =
        if degrees % 2 == 1 { (1, 1.0 / std::f64::consts::PI) } else { (2, 0.5) };
    while at < degrees {
        norm *= f64::from(at + 1) / f64::from(at);
        at += 2;
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, part, value) in [
            (1, 0.975, 12.706),
            (2, 0.975, 4.303),
            (5, 0.975, 2.571),
            (7, 0.995, 3.499),
            (10, 0.9995, 4.587),
            (30, 0.975, 2.042),
        ] {
            let found = quantile(degrees, part);
            assert!((found - value).abs() < 0.001, "{degrees} {part}: {found} instead of {value}");
        }
    }

    /// Of 1,000 comparisons of pairs that vary by 5 % each, how many find a difference.
    fn found(factor: f64) -> usize {
        let mut random = StdRng::seed_from_u64(1);
        let mut noise = || {
            let sum: f64 = (0..12).map(|_| random.random::<f64>()).sum();
            1.0 + (sum - 6.0) * 0.05
        };
        let mut comparison = || {
            let pairs: Vec<(f64, f64)> = (0..8).map(|_| (factor * noise(), noise())).collect();
            Difference::of(&pairs, 1).unwrap().is_found()
        };
        (0..1_000).filter(|_| comparison()).count()
    }

    #[test]
    fn what_does_not_differ_is_seldom_found_and_what_does_is() {
        // One in twenty, and what chance makes of it.
        assert!((30..=70).contains(&found(1.0)), "{}", found(1.0));
        assert!(found(1.1) > 850, "{}", found(1.1));
        assert!(found(0.9) > 850, "{}", found(0.9));
    }

    #[test]
    fn a_steady_ratio_is_told_exactly_and_one_pair_tells_nothing() {
        let Difference { mean, low, high } = Difference::of(&[(1.1, 1.0), (2.2, 2.0)], 5).unwrap();
        for value in [mean, low, high] {
            assert!((value - 0.1).abs() < 1e-9, "{mean} {low} {high}");
        }
        assert_eq!(Difference::of(&[(1.1, 1.0)], 5), None);
    }
}
