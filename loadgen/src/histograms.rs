//! Latency distributions in ns, recorded whole and merged by adding. They know no messages.

use crate::limits::{LATENCY_DIGITS, LATENCY_NS_MAX};
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Samples that must lie beyond a percentile for it to be told.
const SAMPLES_BEYOND_MIN: f64 = 10.0;

/// Percentiles by which two distributions are compared, highest first.
pub const COMPARED: [(&str, f64); 4] =
    [("p99.9", 0.999), ("p99", 0.99), ("p90", 0.9), ("p50", 0.5)];

/// One distribution.
#[derive(Clone)]
pub struct Latency(pub Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        let new = Histogram::new_with_bounds(1, LATENCY_NS_MAX, LATENCY_DIGITS);
        Self(new.expect("the bounds are constants that fit"))
    }
}

impl Latency {
    /// Records a time; over the bound it counts as the bound.
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.clamp(1, LATENCY_NS_MAX));
    }

    /// Adds another's samples.
    pub fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("no bound is below another's");
    }

    /// For a file: HdrHistogram's compressed V2.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        written.expect("memory takes a histogram whose bounds are constants");
        bytes
    }

    /// What [`Self::bytes`] made.
    ///
    /// # Errors
    /// It is something else, in words.
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, String> {
        let mut new = Self::default();
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes)
            .map_err(|error| format!("it is no histogram: {error:?}"))?;
        new.0.add(&read).map_err(|error| format!("it has other bounds: {error:?}"))?;
        Ok(new)
    }

    /// The value at a quantile; `None` when fewer than ten samples lie beyond it.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let beyond = self.0.len() as f64 * (1.0 - quantile);
        // 1.0 - 0.999 is a little below 0.001.
        (beyond + 1e-6 >= SAMPLES_BEYOND_MIN).then(|| self.0.value_at_quantile(quantile))
    }

    /// The percentiles of [`COMPARED`] that can be told of both: this one's value, the other's.
    #[must_use]
    pub fn beside(&self, other: &Self) -> [Option<(u64, u64)>; COMPARED.len()] {
        COMPARED.map(|(_, quantile)| self.quantile(quantile).zip(other.quantile(quantile)))
    }

    /// The few numbers that a summary has.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the mean of whole ns"
    )]
    pub fn brief(&self) -> Brief {
        Brief {
            n: self.0.len(),
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            p999: self.quantile(0.999),
            p9999: self.quantile(0.9999),
            max: self.0.max(),
            mean: if self.0.is_empty() { 0 } else { self.0.mean().round() as u64 },
        }
    }
}

/// A distribution in a few numbers, ns. A percentile that too few samples lie beyond is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Brief {
    /// Samples.
    pub n: u64,
    /// Median.
    pub p50: Option<u64>,
    /// 90 of 100 are not above.
    pub p90: Option<u64>,
    /// 99 of 100 are not above.
    pub p99: Option<u64>,
    /// 999 of 1,000 are not above.
    pub p999: Option<u64>,
    /// 9,999 of 10,000 are not above.
    pub p9999: Option<u64>,
    /// The largest.
    pub max: u64,
    /// The mean; 0 of none.
    pub mean: u64,
}

/// The times of a message that are told apart.
#[derive(Clone, Default)]
pub struct Latencies {
    /// Due until the generator's loop reached it: the generator's own delay, and the machine's.
    pub sched: Latency,
    /// From there until it was written: no session, or one that takes no more for now. The server's
    /// delay.
    pub held: Latency,
    /// Due to durable ack.
    pub ack: Latency,
    /// Due to recipient, each of its devices.
    pub e2e: Latency,
    /// Written to recipient.
    pub raw: Latency,
}

impl Latencies {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        self.sched.add(&other.sched);
        self.held.add(&other.held);
        self.ack.add(&other.ack);
        self.e2e.add(&other.e2e);
        self.raw.add(&other.raw);
    }

    /// Forgets all samples and keeps the memory.
    pub fn clear(&mut self) {
        let Self { sched, held, ack, e2e, raw } = self;
        [sched, held, ack, e2e, raw].into_iter().for_each(|latency| latency.0.reset());
    }

    /// Of five, by name.
    ///
    /// # Errors
    /// That of `of`.
    pub fn read<E>(mut of: impl FnMut(&'static str) -> Result<Latency, E>) -> Result<Self, E> {
        Ok(Self {
            sched: of("sched")?,
            held: of("held")?,
            ack: of("ack")?,
            e2e: of("e2e")?,
            raw: of("raw")?,
        })
    }

    /// With their names.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &Latency); 5] {
        [
            ("sched", &self.sched),
            ("held", &self.held),
            ("ack", &self.ack),
            ("e2e", &self.e2e),
            ("raw", &self.raw),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_is_read_as_it_was_written() {
        let mut latency = Latency::default();
        (0..10_000_u64).for_each(|nth| latency.record(nth * nth * nth));
        let read = Latency::from_bytes(&latency.bytes()).unwrap();
        assert!(read.0 == latency.0);
        for bytes in [&b""[..], b"a page of text that is no histogram"] {
            assert!(Latency::from_bytes(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_percentile_with_too_few_samples_beyond_is_not_told() {
        let mut latency = Latency::default();
        for ns in 1..=999 {
            latency.record(ns);
        }
        assert_eq!(latency.quantile(0.99), None);
        latency.record(1_000);
        assert_eq!(latency.quantile(0.99), Some(990));
        assert_eq!((latency.brief().p999, latency.brief().max), (None, 1_000));
    }

    #[test]
    fn percentiles_that_both_have_are_compared() {
        let of = |n: u64| {
            let mut latency = Latency::default();
            (0..n).for_each(|_| latency.record(n));
            latency
        };
        for (ours, theirs, lacking) in [
            (10_000, 10_000, 0),
            (10_000, 9_999, 1),
            (999, 10_000, 2),
            (99, 99, 3),
            (100_000, 19, COMPARED.len()),
        ] {
            let beside = of(ours).beside(&of(theirs));
            let highest = beside.iter().position(Option::is_some);
            assert_eq!(highest.unwrap_or(COMPARED.len()), lacking, "{ours} and {theirs}");
            assert!(beside[lacking..].iter().all(Option::is_some), "{ours} and {theirs}");
        }
    }

    #[test]
    fn a_time_over_the_bound_counts_as_the_bound() {
        let mut latency = Latency::default();
        latency.record(u64::MAX);
        latency.record(0);
        assert_eq!(latency.0.len(), 2);
    }
}
