//! What is known of what a user read of a conversation. It judges nothing.

/// What a user read of one conversation.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// The highest place that a device asked for, or sent as seen.
    pub asked: u64,
    /// The highest that was answered.
    pub answered: u64,
    /// By the inbox that was read at the end: the last mark, ...
    pub read: u64,
    /// ... and the seqs of the friend's messages behind it.
    pub unread: Vec<u64>,
}
