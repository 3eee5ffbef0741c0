//! What a receiver of offline push is told, and what becomes of it. It knows no inbox, and no receiver.

use crate::offline::PushToken;
use crate::rows::{Chain, MessageRow};
use bytes::Bytes;
use wire::{InboxSeq, Uid};

/// What a receiver is asked to tell the devices of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whom.
    pub uid: Uid,
    /// Of its inbox, what lies behind this row ...
    pub after: InboxSeq,
    /// ... up to this one.
    pub through: InboxSeq,
    /// The same for the same rows of the same inbox, whoever makes it.
    pub id: u128,
    /// How many of those rows are messages of others that are not read.
    pub count: u64,
    /// Others' messages that the user has not read, in all its chats.
    pub unread: u64,
    /// The newest of those rows; its body is whole or a beginning.
    pub newest: MessageRow,
    /// The user's tokens.
    pub tokens: Vec<PushToken>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notified {
    /// Of whom.
    pub uid: Uid,
    /// Up to where.
    pub through: InboxSeq,
    /// The receiver has it; else it was given up.
    pub is_taken: bool,
    /// Tokens that reach nobody any more.
    pub gone: Vec<Bytes>,
}

/// The id of what is told of an inbox up to a row, in an epoch of inboxes.
#[must_use]
pub fn id(inbox_epoch: u64, uid: Uid, through: InboxSeq) -> u128 {
    let half = |salt| Chain(salt).after(&[inbox_epoch, uid.0, through.0]).0;
    u128::from(half(1)) << u64::BITS | u128::from(half(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_the_rows_and_of_their_inbox() {
        let of = |epoch, uid, through| id(epoch, Uid(uid), InboxSeq(through));
        let first = of(1, 2, 3);
        assert_eq!(first, of(1, 2, 3));
        assert!([of(2, 2, 3), of(1, 3, 3), of(1, 2, 4)].iter().all(|other| *other != first));
        assert_ne!(first >> 64, first & u128::from(u64::MAX), "both halves say something");
    }
}
