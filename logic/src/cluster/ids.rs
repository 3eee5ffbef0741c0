//! The names and counts of a cluster. They know no table and no clock.

use super::limits::{EPOCH_BITS, REVISION_BITS};
use wire::{InboxSeq, Seq};

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

/// A moment on a node's own monotonic clock, in ms from any start, rounded down. The clock must go on while the
/// machine is suspended (`CLOCK_BOOTTIME`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Never.
    pub const NEVER: Self = Self(u64::MAX);

    /// So many ms later.
    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// ms since `earlier`, 0 if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A place in a log: a conversation's [`Seq`] or an inbox's [`InboxSeq`]. Dense, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl From<Seq> for Position {
    fn from(seq: Seq) -> Self {
        Self(seq.0)
    }
}

impl From<InboxSeq> for Position {
    fn from(seq: InboxSeq) -> Self {
        Self(seq.0)
    }
}

impl From<Position> for Seq {
    fn from(position: Position) -> Self {
        Self(position.0)
    }
}

impl From<Position> for InboxSeq {
    fn from(position: Position) -> Self {
        Self(position.0)
    }
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
