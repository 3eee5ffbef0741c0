//! A row of a log as it is stored, and which partition of the log's table it is in.

use super::limits::CQL_BUCKET_BITS;
use crate::cluster::Position;
use shard::rows::{InboxRow, MessageRow};

/// A row of a log as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub position: Position,
    /// What its writer knew to be committed.
    pub committed: Position,
    /// What.
    pub row: LogRow,
}

/// What a log consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogRow {
    /// Of a conversation.
    Message(MessageRow),
    /// Of an inbox.
    Inbox(InboxRow),
}

impl LogRow {
    /// The message, if it is one.
    #[must_use]
    pub fn into_message(self) -> Option<MessageRow> {
        match self {
            Self::Message(row) => Some(row),
            Self::Inbox(_) => None,
        }
    }

    /// The row of an inbox, if it is one.
    #[must_use]
    pub fn into_inbox(self) -> Option<InboxRow> {
        match self {
            Self::Inbox(row) => Some(row),
            Self::Message(_) => None,
        }
    }
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
