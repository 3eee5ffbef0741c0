//! What the peer of a chat was told last of its user. It knows no session.

use wire::ConversationId;

/// What the user was last said to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signaled {
    pub conversation: ConversationId,
    /// When it was said that it does something, in ms of the caller's clock.
    pub at_ms: u64,
    /// It was said that it does so no more.
    pub has_stopped: bool,
}
