//! What of its inbox a device has.

use wire::{InboxSeq, MessageId};

/// What of its inbox a device has, as the application keeps it; the default of a device that has nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The `inbox_seq` of the last message that the application has kept; 0 for none.
    pub cursor: InboxSeq,
    /// The `message_id` of that message: a server that has another one there knows that its store was put back. 0: not kept, or
    /// that row is no message.
    pub message_id: MessageId,
    /// The epoch of the row ([`crate::Received::LoggedIn`], [`crate::Received::InboxReset`]); 0 for none.
    pub inbox_epoch: u64,
}
