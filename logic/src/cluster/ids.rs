//! The moments and places of a cluster. They know no table.

use wire::{InboxSeq, Seq};

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
