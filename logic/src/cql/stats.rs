//! Statements sent, counted by what they are for. Tries count each.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a statement is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Writes a message.
    Message,
    /// Writes where a message is by its sender's id.
    Dedup,
    /// Writes an inbox row.
    Inbox,
    /// Writes a conversation's head.
    Head,
    /// Writes a chat.
    Chat,
    /// Writes a user.
    User,
    /// Writes a group, or its mark.
    Group,
    /// Writes the bound of a partition's ids.
    Bound,
    /// Reads.
    Read,
    /// Compares and sets a lease or an owner, or reads them.
    Ownership,
    /// Asks for a sign of life.
    Probe,
}

/// As many as there are in [`Kind`].
const KINDS: usize = 11;

/// Statements sent so far, by kind.
#[derive(Debug, Default)]
pub struct Stats {
    sent: [AtomicU64; KINDS],
    failed: AtomicU64,
}

impl Stats {
    /// Statements of this kind sent so far.
    #[must_use]
    pub fn sent(&self, kind: Kind) -> u64 {
        self.sent[kind as usize].load(Relaxed)
    }

    /// Statements sent so far.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.sent.iter().map(|sent| sent.load(Relaxed)).sum()
    }

    /// Tries that failed or were not answered in time, of every kind.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    pub(super) fn count(&self, kind: Kind) {
        self.sent[kind as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn count_failed(&self) {
        self.failed.fetch_add(1, Relaxed);
    }
}
