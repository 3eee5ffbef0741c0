//! A row of a log as it is stored, and which partition of the log's table it is in.

use super::limits::CQL_BUCKET_BITS;
use crate::cluster::Position;
use shard::rows::Row;

/// A row of a log as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub position: Position,
    /// What its writer knew to be committed.
    pub committed: Position,
    /// [`Row::Message`] or [`Row::Inbox`].
    pub row: Row,
}

/// Which partition of a log's table a place is in.
#[must_use]
pub fn bucket(position: Position) -> u64 {
    position.0 >> CQL_BUCKET_BITS
}

/// The first place of a bucket; behind the last one, the last place of all.
pub fn bucket_start(bucket: u64) -> Position {
    Position(bucket.saturating_mul(1 << CQL_BUCKET_BITS))
}
