//! What was measured of messages to groups, by how many members they go to. It knows no groups.

use crate::histograms::{Brief, Latency};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Groups up to so many members are told together.
pub const SIZES: [usize; 3] = [10, 50, wire::GROUP_MEMBERS_MAX];
/// What is measured of each.
const NAMES: [&str; 4] = ["ack", "half", "most", "last"];

/// Distributions of messages to groups; none if there are no groups.
#[derive(Clone, Default)]
pub struct GroupLatencies {
    /// Of 1:1 messages beside them: due to each device of the recipient.
    direct: Latency,
    /// By size, then by name.
    sizes: Vec<[Latency; NAMES.len()]>,
}

/// What was measured of groups up to a size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SizeFigures {
    /// Members at most, and more than the size before has.
    pub members_max: usize,
    /// Due to ack.
    pub ack_ns: Brief,
    /// Due until half of the members who are online have it, without its sender.
    pub half_ns: Brief,
    /// Until 99 % of them.
    pub most_ns: Brief,
    /// Until all of them.
    pub last_ns: Brief,
}

impl GroupLatencies {
    /// Of a run with groups.
    #[must_use]
    pub fn of_groups() -> Self {
        let mut sizes = Vec::new();
        sizes.resize_with(SIZES.len(), Default::default);
        Self { direct: Latency::default(), sizes }
    }

    fn of(&mut self, members: usize) -> Option<&mut [Latency; NAMES.len()]> {
        let at = SIZES.partition_point(|most| *most < members).min(SIZES.len() - 1);
        self.sizes.get_mut(at)
    }

    /// A measured message to so many members is acked.
    pub(super) fn acked(&mut self, members: usize, took_ns: u64) {
        if let Some([ack, ..]) = self.of(members) {
            ack.record(took_ns);
        }
    }

    /// It reached half of them, 99 % and all.
    pub(super) fn reached(&mut self, members: usize, [half, most, last]: [u64; 3]) {
        if let Some([_, to_half, to_most, to_last]) = self.of(members) {
            to_half.record(half);
            to_most.record(most);
            to_last.record(last);
        }
    }

    /// A measured 1:1 message reached a device.
    pub(super) fn direct(&mut self, took_ns: u64) {
        if !self.sizes.is_empty() {
            self.direct.record(took_ns);
        }
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        if self.sizes.is_empty() {
            self.clone_from(other);
            return;
        }
        self.direct.add(&other.direct);
        for (sum, size) in self.sizes.iter_mut().zip(&other.sizes) {
            sum.iter_mut().zip(size).for_each(|(sum, of)| sum.add(of));
        }
    }

    /// Of those names that [`Self::named`] gives them.
    ///
    /// # Errors
    /// That of `of`.
    pub fn read<E>(mut of: impl FnMut(&str) -> Result<Latency, E>) -> Result<Self, E> {
        let mut read = Self::of_groups();
        read.direct = of("direct")?;
        for (size, members) in read.sizes.iter_mut().zip(SIZES) {
            for (latency, name) in size.iter_mut().zip(NAMES) {
                *latency = of(&file_name(members, name))?;
            }
        }
        Ok(read)
    }

    /// With the names of their files.
    #[must_use]
    pub fn named(&self) -> Vec<(String, &Latency)> {
        let sizes = self.sizes.iter().zip(SIZES).flat_map(|(size, members)| {
            size.iter().zip(NAMES).map(move |(latency, name)| (file_name(members, name), latency))
        });
        let direct = (!self.sizes.is_empty()).then(|| ("direct".to_owned(), &self.direct));
        direct.into_iter().chain(sizes).collect()
    }

    /// Until all members have it, by size.
    pub fn last(&self) -> impl Iterator<Item = (usize, &Latency)> {
        SIZES.into_iter().zip(self.sizes.iter().map(|[.., last]| last))
    }

    /// Of 1:1 messages beside groups: due to each device of the recipient.
    #[must_use]
    pub fn direct_brief(&self) -> Brief {
        self.direct.brief()
    }

    /// The distribution of it.
    #[must_use]
    pub fn direct_latency(&self) -> &Latency {
        &self.direct
    }

    /// What was measured of each size.
    pub fn figures(&self) -> impl Iterator<Item = SizeFigures> {
        self.sizes.iter().zip(SIZES).map(|([ack, half, most, last], members_max)| SizeFigures {
            members_max,
            ack_ns: ack.brief(),
            half_ns: half.brief(),
            most_ns: most.brief(),
            last_ns: last.brief(),
        })
    }
}

fn file_name(members: usize, name: &str) -> String {
    format!("group-{members}-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_to_the_size_of_its_group() {
        let (mut sum, mut one) = (GroupLatencies::default(), GroupLatencies::of_groups());
        for members in [2, 10, 11, 50, 51, 200] {
            one.acked(members, 1_000);
            one.reached(members, [1, 2, 3]);
        }
        one.direct(7);
        sum.direct(7);
        sum.add(&one);
        sum.add(&one);
        let counts: Vec<u64> = sum.figures().map(|size| size.last_ns.n).collect();
        assert_eq!((counts, sum.direct_brief().n), (vec![4, 4, 4], 2));
        let read = GroupLatencies::read(|name| {
            let named = sum.named().into_iter().find(|(of, _)| of == name);
            named.map(|(_, latency)| latency.clone()).ok_or(())
        });
        assert!(read.unwrap().figures().eq(sum.figures()));
        assert!(GroupLatencies::default().named().is_empty());
    }
}
