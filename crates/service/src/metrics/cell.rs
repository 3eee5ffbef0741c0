//! Numbers that one thread writes and any thread reads: no lock prefix, no shared cache line while unread.
//!
//! Adding is a load and a store, so a second writer of the same cell would lose counts. Each cell's
//! owner is the core or the storage thread that its set belongs to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Counts many.
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// Sets the count to one that is kept elsewhere.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A value that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Values of a label: a closed list.
pub trait Label: Copy + 'static {
    /// The label's name.
    const NAME: &'static str;
    /// Every value.
    const ALL: &'static [Self];
    /// The value as text: lower case, digits, underscores.
    fn text(self) -> String;
    /// Its place in [`Label::ALL`].
    fn index(self) -> usize;
}

/// A counter for each value of a label.
#[derive(Debug)]
pub struct Counters<L> {
    cells: Box<[Counter]>,
    label: std::marker::PhantomData<L>,
}

impl<L: Label> Default for Counters<L> {
    fn default() -> Self {
        let cells = L::ALL.iter().map(|_| Counter::default()).collect();
        Self { cells, label: std::marker::PhantomData }
    }
}

impl<L: Label> Counters<L> {
    /// The counter of a value.
    #[must_use]
    pub fn of(&self, label: L) -> &Counter {
        &self.cells[label.index()]
    }
}

/// The first bucket's upper bound: 2^5 = 32 us, half of the fastest commit measured.
const FIRST_BITS: u32 = 5;
/// Buckets, each twice the one before: 32 us to 2^23 us = 8.4 s. What is longer counts in the sum and in +Inf.
pub const BUCKETS: usize = 19;

/// Times, in buckets of powers of two.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    count: Counter,
    sum_us: Counter,
}

impl Histogram {
    /// Counts a time, in us.
    pub fn observe_us(&self, us: u64) {
        // One less, so that a time equal to a bucket's upper bound counts in that bucket.
        let bits = u64::BITS - us.saturating_sub(1).leading_zeros();
        if let Some(bucket) = self.buckets.get(bits.saturating_sub(FIRST_BITS) as usize) {
            bucket.inc();
        }
        self.sum_us.add(us);
        self.count.inc();
    }

    /// Upper bound of a bucket, in us.
    #[must_use]
    pub fn bound_us(bucket: usize) -> u64 {
        1 << (FIRST_BITS as usize + bucket)
    }

    /// Counts of the buckets (not cumulative), of all, and the sum in us.
    #[must_use]
    pub fn read(&self) -> ([u64; BUCKETS], u64, u64) {
        (std::array::from_fn(|i| self.buckets[i].get()), self.count.get(), self.sum_us.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(us: u64, bucket: Option<usize>) {
        let histogram = Histogram::default();
        histogram.observe_us(us);
        let (buckets, count, sum) = histogram.read();
        assert_eq!(buckets.iter().position(|n| *n == 1), bucket, "{us}");
        assert_eq!((count, sum), (1, us));
        if let Some(bucket) = bucket {
            assert!(us <= Histogram::bound_us(bucket));
            assert!(bucket == 0 || us > Histogram::bound_us(bucket - 1));
        }
    }

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        for (us, bucket) in [(0, 0), (1, 0), (32, 0), (33, 1), (64, 1), (65, 2), (8_388_608, 18)] {
            check(us, Some(bucket));
        }
        check(8_388_609, None);
        check(u64::MAX, None);
    }
}
