//! The Prometheus text format, version 0.0.4, summed over cores or per core.

use super::cell::{BUCKETS, Counter, Counters, Gauge, Histogram, Label};
use std::fmt::Write;

/// What the table says of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Desc {
    /// Name, unit last; counters end in `_total`.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub help: &'static str,
    /// Whether each core has its own sample.
    pub per_core: bool,
}

/// A kind of metric.
pub trait Metric: Sized {
    /// As Prometheus calls it.
    const TYPE: &'static str;
    /// Appends the samples of all cores.
    fn samples(desc: Desc, cores: &[&Self], out: &mut String);
}

/// Appends help, type and samples.
pub fn render<M: Metric>(desc: Desc, cores: &[&M], out: &mut String) {
    let Desc { name, help, .. } = desc;
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {}", M::TYPE));
    M::samples(desc, cores, out);
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes all that is written");
}

fn values(desc: Desc, values: impl Iterator<Item = u64>, out: &mut String) {
    if desc.per_core {
        for (core, value) in values.enumerate() {
            line(out, format_args!("{}{{core=\"{core}\"}} {value}", desc.name));
        }
    } else {
        line(out, format_args!("{} {}", desc.name, values.sum::<u64>()));
    }
}

impl Metric for Counter {
    const TYPE: &'static str = "counter";
    fn samples(desc: Desc, cores: &[&Self], out: &mut String) {
        values(desc, cores.iter().map(|cell| cell.get()), out);
    }
}

impl Metric for Gauge {
    const TYPE: &'static str = "gauge";
    fn samples(desc: Desc, cores: &[&Self], out: &mut String) {
        values(desc, cores.iter().map(|cell| cell.get()), out);
    }
}

impl<L: Label> Metric for Counters<L> {
    const TYPE: &'static str = "counter";
    fn samples(desc: Desc, cores: &[&Self], out: &mut String) {
        for label in L::ALL {
            let sum: u64 = cores.iter().map(|cells| cells.of(*label).get()).sum();
            line(out, format_args!("{}{{{}=\"{}\"}} {sum}", desc.name, L::NAME, label.text()));
        }
    }
}

impl Metric for Histogram {
    const TYPE: &'static str = "histogram";
    fn samples(desc: Desc, cores: &[&Self], out: &mut String) {
        let Desc { name, .. } = desc;
        let read: Vec<_> = cores.iter().map(|cell| cell.read()).collect();
        let mut below = 0;
        for bucket in 0..BUCKETS {
            below += read.iter().map(|(buckets, ..)| buckets[bucket]).sum::<u64>();
            let bound = seconds(Histogram::bound_us(bucket));
            line(out, format_args!("{name}_bucket{{le=\"{bound}\"}} {below}"));
        }
        // Another thread writes meanwhile: the total must not be read as less than its parts.
        let count = read.iter().map(|(_, count, _)| count).sum::<u64>().max(below);
        let sum = seconds(read.iter().map(|(.., sum_us)| sum_us).sum());
        line(out, format_args!("{name}_bucket{{le=\"+Inf\"}} {count}"));
        line(out, format_args!("{name}_sum {sum}"));
        line(out, format_args!("{name}_count {count}"));
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
