//! Bounds on latency as people write them: `e2e.p99<20ms`. It knows distributions, not where they come from.

use crate::histograms::{Latencies, Latency};
use crate::units::duration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A bound on one figure of one distribution.
#[derive(Clone, Debug, PartialEq, JsonSchema)]
#[schemars(with = "String")]
pub struct Slo {
    /// A name of [`Latencies::named`].
    latency: &'static str,
    figure: Figure,
    bound_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    /// Of 100.
    Percentile(f64),
    Max,
}

/// A bound beside what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// The bound, as it was written.
    pub slo: String,
    /// What must not be reached, ns.
    pub bound_ns: u64,
    /// What was measured, ns; `None`: too few samples to tell.
    pub value_ns: Option<u64>,
}

impl Measured {
    /// Whether it was kept; none: too few samples to tell.
    #[must_use]
    pub fn is_kept(&self) -> Option<bool> {
        self.value_ns.map(|value_ns| value_ns < self.bound_ns)
    }
}

impl Slo {
    /// Its figure in what was measured.
    #[must_use]
    pub fn measure(&self, latencies: &Latencies) -> Measured {
        let named = latencies.named().into_iter().find(|(name, _)| *name == self.latency);
        let value_ns = named.and_then(|(_, latency)| self.figure.of(latency));
        Measured { slo: self.to_string(), bound_ns: self.bound_ns, value_ns }
    }
}

impl Figure {
    fn of(self, latency: &Latency) -> Option<u64> {
        match self {
            Self::Percentile(percent) => latency.quantile(percent / 100.0),
            Self::Max => (!latency.0.is_empty()).then(|| latency.0.max()),
        }
    }
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('<').and_then(|(of, bound)| Some((of.split_once('.')?, bound)));
        let Some(((name, figure), bound)) = parts else {
            return Err("write it as e2e.p99<20ms".into());
        };
        let latencies = Latencies::default();
        let names = latencies.named().map(|(name, _)| name);
        let Some(latency) = names.into_iter().find(|known| *known == name.trim()) else {
            return Err(format!("{:?} is none of {}", name.trim(), names.join(", ")));
        };
        let percent = figure.trim().strip_prefix('p').and_then(|percent| percent.parse().ok());
        let figure = match (figure.trim(), percent) {
            ("max", _) => Figure::Max,
            (_, Some(percent)) if percent > 0.0 && percent < 100.0 => Figure::Percentile(percent),
            (other, _) => return Err(format!("{other:?} is neither max nor such as p99 or p99.9")),
        };
        let bound_ns = u64::try_from(duration(bound.trim())?.as_nanos()).unwrap_or(u64::MAX);
        Ok(Self { latency, figure, bound_ns })
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latency, figure, bound_ns } = self;
        let bound = Duration::from_nanos(*bound_ns);
        match figure {
            Figure::Percentile(percent) => write!(f, "{latency}.p{percent}<{bound:?}"),
            Figure::Max => write!(f, "{latency}.max<{bound:?}"),
        }
    }
}

impl Serialize for Slo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Slo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_read_and_measured() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|us| latencies.e2e.record(us * 1_000));
        let of = |text: &str| text.parse::<Slo>().unwrap().measure(&latencies);
        let p99 = of("e2e.p99<20ms");
        assert_eq!((p99.slo.as_str(), p99.bound_ns), ("e2e.p99<20ms", 20_000_000));
        assert!(p99.value_ns.unwrap().abs_diff(990_000) < 1_000, "{p99:?}");
        assert_eq!(of("e2e.p99.9<20ms").value_ns, None, "one sample lies beyond it");
        assert!(of(" e2e.max < 1s ").value_ns.unwrap() >= 1_000_000);
        assert_eq!(of("ack.max<1s").value_ns, None);
        let slo: Slo = "e2e.p99.9<20ms".parse().unwrap();
        assert_eq!(slo.to_string().parse(), Ok(slo));
    }

    #[test]
    fn what_is_no_bound_is_refused_and_says_what_would_be() {
        for (text, word) in [
            ("", "e2e.p99<20ms"),
            ("e2e.p99", "e2e.p99<20ms"),
            ("e2e<20ms", "e2e.p99<20ms"),
            ("sent.p99<20ms", "none of sched, held"),
            ("e2e.p100<20ms", "neither max"),
            ("e2e.p0<20ms", "neither max"),
            ("e2e.mean<20ms", "neither max"),
            ("e2e.p99<20", "such as 20s"),
        ] {
            let refused = text.parse::<Slo>().unwrap_err();
            assert!(refused.contains(word), "{text}: {refused}");
        }
    }
}
