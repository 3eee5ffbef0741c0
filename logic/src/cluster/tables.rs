//! The rows of the two tables, and how they change: only by compare-and-set of a whole row. It does
//! not know what keeps them; on CQL a change is one lightweight transaction.

use super::ids::Moment;
use shard::owner::{Holder, Incarnation, NodeId, OwnerRow};

/// Whether a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// It holds partitions and takes more.
    Active,
    /// It gives its partitions away and takes none: it will end, or no gateway reaches it.
    Leaving,
    /// This life of the node is over, for good: it left, or others ended it.
    Over,
}

/// A node's lease. One row a node, kept for ever: a node that comes back takes it up with the next incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Whose.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: Incarnation,
    /// Drawn at random by the process. It tells apart two processes that join under one number at
    /// once.
    pub token: u64,
    /// Counts renewals.
    pub beat: u64,
    /// Whether it takes part.
    pub standing: Standing,
}

impl LeaseRow {
    /// The life it speaks of.
    #[must_use]
    pub fn holder(&self) -> Holder {
        Holder { node: self.node, incarnation: self.incarnation }
    }

    /// Rows of a node in the order in which they can follow each other.
    #[must_use]
    pub fn age(&self) -> (Incarnation, u64, bool) {
        (self.incarnation, self.beat, self.standing == Standing::Over)
    }
}

/// "If the row is still `expected`, make it `next`." `None`: if there is no such row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseChange {
    /// What must be there.
    pub expected: Option<LeaseRow>,
    /// What shall be there.
    pub next: LeaseRow,
    /// When the step decided it, thus before it was sent. A renewed lease counts from here.
    pub asked_at: Moment,
}

/// "If the row is still `expected`, make it `next`." `None`: if there is no such row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerChange {
    /// What must be there.
    pub expected: Option<OwnerRow>,
    /// What shall be there.
    pub next: OwnerRow,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<Row> {
    /// It was made.
    Applied,
    /// It was not made; this is there instead.
    Refused(Option<Row>),
    /// No answer in time. It may have been made, may yet be, or never.
    Unknown,
}
