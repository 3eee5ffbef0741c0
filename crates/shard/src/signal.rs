//! What a user of a 1:1 chat does that its peer is told now, or not at all. Nothing of it is stored.

use crate::rows::is_of;
use wire::{ConversationId, Seq, SignalKind, Uid};

/// A signal: never stored, acknowledged or repeated, and the first to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Whose doing it is.
    pub sender: Uid,
    /// Read up to here; of other kinds 0.
    pub seq: Seq,
    /// Holds for so many ms; 0: until more is told.
    pub ttl_ms: u32,
    /// What it says.
    pub kind: SignalKind,
}

impl Signal {
    /// A user has read a conversation up to a place.
    #[must_use]
    pub fn read(conversation: ConversationId, sender: Uid, seq: Seq) -> Self {
        Self { conversation, sender, seq, ttl_ms: 0, kind: SignalKind::READ }
    }

    /// Whether a correct shard can have said it to this user.
    #[must_use]
    pub fn is_possible(&self, uid: Uid) -> bool {
        is_of(self.conversation, uid) && self.conversation.peer_of(uid) == Some(self.sender)
    }
}
