//! The frame about what a peer does now.

use super::{Conversation, Frame};
use crate::exact::{Exact, Walk};
use crate::kind::Kind;
use rkyv::{Archive, Archived, Deserialize, Serialize};

frame! { /// Of a 1:1 chat: what is told now or not at all. Never stored, acknowledged or repeated. A note.
Signal = kind {
    /// Which.
    conversation: Conversation,
    /// Who does it; 0 from a client.
    uid: u64,
    /// Read up to here; of other kinds 0.
    seq: u64,
    /// Holds for so many ms; 0: until more is told.
    ttl_ms: u32,
    /// A [`crate::SignalKind`]. A client skips one that it does not know.
    kind: u8,
} }
