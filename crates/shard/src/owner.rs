//! Who owns a partition: nodes, their lives, and the epochs of ownership. It knows no table and no clock.

use crate::partition::Partition;

/// Bits of an epoch, in a timestamp as in a message's id: a million changes of a partition's owner.
pub const EPOCH_BITS: u32 = 20;
/// Bits of a row's revision in a timestamp: 1,000 million commits of one owner, 24 days of 500 a second without a change.
pub const REVISION_BITS: u32 = 30;

const _: () = assert!(EPOCH_BITS + REVISION_BITS <= 50);
const _: () = assert!(EPOCH_BITS < 32 && REVISION_BITS < 32);

/// A logic node, by the number its operator gave it; kept across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// Counts the lives of a node: each join that its lease row has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u32);

impl Incarnation {
    /// The life after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One life of one node: who may hold a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// The node.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: Incarnation,
}

/// Counts the owners of a partition. 0 is before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch of the next owner.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// What a write of this epoch carries as `USING TIMESTAMP`, in the store's unit of a microsecond. `revision` counts
    /// what this epoch wrote to the row before: 0 for a log's row, which an epoch writes once.
    ///
    /// Every one of them lies before the year 2006, so a store that refuses timestamps of the future takes them.
    #[must_use]
    pub fn timestamp_us(self, revision: u32) -> i64 {
        assert!(self.0 < 1 << EPOCH_BITS, "an epoch fits its bits");
        assert!(revision < 1 << REVISION_BITS, "a revision fits its bits");
        i64::from(self.0) << REVISION_BITS | i64::from(revision)
    }
}

/// A partition's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerRow {
    /// Of what.
    pub partition: Partition,
    /// Grows by one with each owner.
    pub epoch: Epoch,
    /// Who.
    pub holder: Holder,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_covers_every_revision_of_an_earlier_one() {
        let last = (1 << REVISION_BITS) - 1;
        assert!(Epoch(7).timestamp_us(last) < Epoch(8).timestamp_us(0));
        assert!(Epoch(7).timestamp_us(0) < Epoch(7).timestamp_us(1));
        let year_2006_us = 1_136_073_600_000_000;
        assert!(Epoch((1 << EPOCH_BITS) - 1).timestamp_us(last) < year_2006_us);
    }
}
