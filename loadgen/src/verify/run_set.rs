//! A set of counts that mostly has no holes: sorted runs. It knows nothing of messages.

/// Counts, as runs `first..=last`, ascending and apart.
#[derive(Clone, Debug, Default)]
pub struct RunSet {
    runs: Vec<(u64, u64)>,
}

impl RunSet {
    /// Adds a count. Whether it was new.
    pub fn insert(&mut self, count: u64) -> bool {
        // The run that begins at or before `count` is the last one but for counts out of order.
        let after = match self.runs.last() {
            Some((first, _)) if *first <= count => self.runs.len(),
            _ => self.runs.partition_point(|(first, _)| *first <= count),
        };
        if after > 0 && self.runs[after - 1].1 >= count {
            return false;
        }
        let joins_before = after > 0 && self.runs[after - 1].1 + 1 == count;
        let joins_after = self.runs.get(after).is_some_and(|(first, _)| *first == count + 1);
        match (joins_before, joins_after) {
            (true, true) => {
                self.runs[after - 1].1 = self.runs[after].1;
                self.runs.remove(after);
            }
            (true, false) => self.runs[after - 1].1 = count,
            (false, true) => self.runs[after].0 = count,
            (false, false) => self.runs.insert(after, (count, count)),
        }
        true
    }

    /// Whether it has a count.
    #[must_use]
    pub fn contains(&self, count: u64) -> bool {
        let after = self.runs.partition_point(|(first, _)| *first <= count);
        after > 0 && self.runs[after - 1].1 >= count
    }

    /// How many of `first` to `last` it has.
    pub fn count_between(&self, first: u64, last: u64) -> u64 {
        let from = self.runs.partition_point(|(_, end)| *end < first);
        let runs = self.runs[from..].iter().take_while(|(start, _)| *start <= last);
        runs.map(|(start, end)| (end.min(&last) + 1).saturating_sub(*start.max(&first))).sum()
    }

    /// What it has, as runs `first, last`, ascending.
    pub fn runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.runs.iter().copied()
    }

    /// The counts from 1 to `last` that are not in it.
    pub fn missing(&self, last: u64) -> impl Iterator<Item = u64> + '_ {
        let starts = std::iter::once(1).chain(self.runs.iter().map(|(_, end)| end + 1));
        let ends = self.runs.iter().map(|(first, _)| first - 1).chain(std::iter::once(last));
        starts.zip(ends).flat_map(move |(start, end)| start..=end.min(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::collections::BTreeSet;

    #[test]
    fn it_is_a_set() {
        for seed in 0..200 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut runs, mut model) = (RunSet::default(), BTreeSet::new());
            for _ in 0..60 {
                let count = random.random_range(1..40u64);
                assert_eq!(runs.insert(count), model.insert(count), "seed {seed}");
            }
            for count in 1..42 {
                assert_eq!(runs.contains(count), model.contains(&count), "seed {seed}");
            }
            for (first, last) in [(1, 45), (7, 7), (5, 20), (39, 80), (9, 8)] {
                let has = (first..=last).filter(|count| model.contains(count)).count() as u64;
                assert_eq!(runs.count_between(first, last), has, "seed {seed}");
            }
            let missing: Vec<u64> = (1..=45).filter(|count| !model.contains(count)).collect();
            assert_eq!(runs.missing(45).collect::<Vec<_>>(), missing, "seed {seed}");
            assert!(runs.runs.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
