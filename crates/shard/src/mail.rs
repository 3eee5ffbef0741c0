//! What goes into a step of a shard and what comes out, beside commands and answers; and what shards say to each other.

use crate::command::{Answer, Command};
use crate::notification::{Notification, Notified};
use crate::partition::Partition;
use crate::rows::{Completion, MessageRow, Read, Row, Ticket, is_of};
use crate::session::ReplyTo;
use wire::{ConversationId, DeviceId, InboxSeq, RefusalCode, Seq, Uid};

/// The two clocks at the time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, Unix ms: stamps messages, judges the time in ids.
    pub unix_ms: u64,
    /// Monotonic, ms from any start: timers.
    pub mono_ms: u64,
}

/// What shards say to each other. The same between processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// To a user's shard: this message is durable in its conversation; put it in the user's inbox.
    Append {
        /// Whose inbox.
        uid: Uid,
        /// The message.
        message: MessageRow,
        /// The sending device, if this is its first way; `None` when the message comes from the store.
        device: Option<DeviceId>,
    },
    /// To a user's shard: this entry of a group is durable; put it in the user's inbox if what the user is owed before it is
    /// there. Answered by [`Mail::Confirm`], or not: then it is offered again.
    Offer {
        /// Whose inbox.
        uid: Uid,
        /// The entry.
        message: MessageRow,
        /// The sending device, if this is its first way.
        device: Option<DeviceId>,
        /// The entry that was offered before it; 0: all before it is confirmed.
        previous: Seq,
    },
    /// Answers [`Mail::Append`], to the conversation's shard: the inbox has everything up to it, durably.
    Confirm {
        /// Whose inbox.
        uid: Uid,
        /// The conversation.
        conversation: ConversationId,
        /// Which message.
        seq: Seq,
        /// Its place in the inbox, if still known.
        inbox_seq: InboxSeq,
    },
    /// Answers [`Mail::Append`]: not now, and why.
    Decline {
        /// The conversation.
        conversation: ConversationId,
        /// Which message.
        seq: Seq,
        /// Why.
        code: RefusalCode,
    },
    /// To the conversation's shard: the inbox lacks these messages; append them again, in order.
    Pull {
        /// Whose inbox.
        uid: Uid,
        /// The conversation.
        conversation: ConversationId,
        /// From here ...
        from: Seq,
        /// ... up to here, both included.
        to: Seq,
    },
    /// To the conversation's shard: how many messages lie between, that others than this user sent?
    Count {
        /// Whose inbox.
        uid: Uid,
        /// The conversation.
        conversation: ConversationId,
        /// Behind this one ...
        after: Seq,
        /// ... up to here, included.
        to: Seq,
    },
    /// To a user's shard: the peer has read the conversation up to here. Not answered, and not said again before the peer's next
    /// mark.
    PeerRead {
        /// Who is told.
        uid: Uid,
        /// The conversation, of two users.
        conversation: ConversationId,
        /// Up to here; durable in the peer's inbox.
        seq: Seq,
    },
    /// Answers [`Mail::Count`], or its first part.
    Counted {
        /// Whose inbox.
        uid: Uid,
        /// The conversation.
        conversation: ConversationId,
        /// Behind this one ...
        after: Seq,
        /// ... up to here, included.
        through: Seq,
        /// How far it was asked for.
        to: Seq,
        /// How many.
        others: u64,
    },
}

impl Mail {
    /// Whether it is dropped before other mail is: it ends in a signal, and nobody waits for it.
    #[must_use]
    pub fn is_signal(&self) -> bool {
        matches!(self, Self::PeerRead { .. })
    }

    /// Whether a correct shard can have said it.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        match self {
            Self::Append { uid, message, .. } => {
                message.is_possible() && is_of(message.conversation, *uid)
            }
            Self::Offer { message, previous, .. } => {
                message.is_possible() && message.conversation.is_group() && *previous < message.seq
            }
            Self::Confirm { uid, conversation, .. } | Self::Pull { uid, conversation, .. } => {
                is_of(*conversation, *uid)
            }
            Self::Decline { conversation, .. } => conversation.is_possible(),
            Self::Count { uid, conversation, .. } => is_of(*conversation, *uid),
            Self::PeerRead { uid, conversation, .. } => conversation.peer_of(*uid).is_some(),
            Self::Counted { uid, conversation, after, through, to, others } => {
                let places = through.0.checked_sub(after.0);
                is_of(*conversation, *uid)
                    && through <= to
                    && places.is_some_and(|places| *others <= places)
            }
        }
    }
}

/// One input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// From an entry.
    Command(Command, ReplyTo),
    /// From a shard.
    Mail(Mail),
    /// From the shard itself: a group whose mark is open is to be in memory.
    Wake(ConversationId),
    /// From the shard itself: a user may be owed a notification.
    Judge(Uid),
    /// From the receiver of offline push, as answer to one of [`Effects::notifications`].
    Notified(Notified),
}

/// An answer and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Whom. The request id is 0 for pushes and closes.
    pub to: ReplyTo,
    /// What.
    pub answer: Answer,
}

/// What a step wants done, in any order between the lists and in order within one. The driver empties them.
#[derive(Debug, Default)]
pub struct Effects {
    /// At most one: a shard has one commit under way.
    pub commit: Option<(Ticket, Vec<Row>)>,
    /// To be asked after the commit.
    pub reads: Vec<(Ticket, Read)>,
    /// For entries.
    pub deliveries: Vec<Delivery>,
    /// For the shards of other partitions. It may be lost: what matters is said again.
    pub mail: Vec<(Partition, Mail)>,
    /// For the receiver of offline push: at most [`crate::limits::NOTIFICATIONS_MAX`] that are not answered.
    pub notifications: Vec<Notification>,
}

/// Everything that a step takes.
#[derive(Debug, Default)]
pub struct Inputs {
    /// From entries and shards, in order of arrival.
    pub inputs: Vec<Input>,
    /// From the store.
    pub completions: Vec<Completion>,
}
