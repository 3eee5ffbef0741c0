//! What an entry asks of a shard, and what it is told. All that is to be known of a command stands here, and here only: what it
//! needs, what answers it, whether it can be meant, and how a link says it.

#[cfg(test)]
mod tests;

pub use crate::mail::{Delivery, Effects, Input, Inputs, Mail, Now};
pub use crate::session::{Login, ReplyTo, Session};

use crate::group::{self, Member};
use crate::partition::Partition;
use crate::rows::{ChatRow, InboxRow, MessageRow, is_of};
use bytes::Bytes;
use wire::{
    BODY_BYTES_MAX, CHAT_BYTES, ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq,
    MESSAGE_BYTES, MessageId, PAGE_BYTES_MAX, PAGE_ROWS_MAX, RefusalCode, RowKind, Seq, Uid,
};

/// A message on its way into a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// Where to.
    pub conversation: ConversationId,
    /// The sender.
    pub sender: Uid,
    /// The sending device: its own message is not pushed to it.
    pub device: DeviceId,
    /// The client's id.
    pub client_msg_id: ClientMsgId,
    /// What it is.
    pub kind: RowKind,
    /// Bits that the sender set.
    pub flags: u16,
    /// The body.
    pub body: Bytes,
    /// Up to where the sender has seen the conversation; 0: it did not say.
    pub seen: Seq,
}

/// After which row of the inbox the pushes to a session begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// After a row. After none, if it is of another inbox.
    After {
        /// The row.
        row: InboxSeq,
        /// The epoch of its inbox.
        epoch: u64,
        /// The message that the device has there; 0: it does not say.
        message_id: MessageId,
    },
    /// After the last one.
    Head,
}

impl Begin {
    /// After a row of which the device does not say what is there.
    #[must_use]
    pub const fn after(row: InboxSeq, epoch: u64) -> Self {
        Self::After { row, epoch, message_id: MessageId(0) }
    }
}

/// Commands over links: number and fields, for whoever writes and reads them. Both are for ever: a field is added at the end,
/// and a number is used once.
#[macro_export]
macro_rules! commands {
    ($with:ident) => {
        $with! { Command {
            1 = Login { uid, device, from },
            2 = Logout(login),
            3 = Register(login),
            4 = Send(send),
            5 = PushAck(login, inbox_seq),
            6 = Heartbeat { uid, time_ms },
            7 = Sync { uid, after, limit },
            8 = History { conversation, before, limit },
            9 = Chats { uid, after, limit },
            10 = ChangeChat { uid, conversation, change },
            32 = GroupHistory { group, uid, before, limit },
            33 = GroupMembers { group, uid, after, limit },
        }}
    };
}

/// Answers over links, as [`commands!`].
#[macro_export]
macro_rules! answers {
    ($with:ident) => {
        $with! { Answer {
            1 = LoggedIn { login, inbox_head, cursor; inbox_tail },
            2 = LoggedOut(generation),
            3 = Acked { message_id, seq, time_ms, inbox_seq },
            4 = Push { previous, row },
            5 = Head { head, time_ms },
            6 = News(head),
            7 = Inbox { head, rows; tail },
            8 = History { conversation, rows },
            9 = Chats { version, chats, more },
            10 = Chat(row),
            11 = Refused { code, retry_after_ms },
            12 = Closed(code),
            32 = GroupMembers { group, count, members },
        }}
    };
}

/// What an entry asks of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To the user's shard. Answered by [`Answer::LoggedIn`].
    Login {
        /// The user.
        uid: Uid,
        /// The device.
        device: DeviceId,
        /// Where pushes begin.
        from: Begin,
    },
    /// To the user's shard: the session is over. Answered by [`Answer::LoggedOut`].
    Logout(Login),
    /// To the user's shard: the session goes on, though the shard's owner is another now. Answered by [`Answer::News`], or
    /// by [`Answer::Closed`] if the device logged in elsewhere meanwhile.
    Register(Login),
    /// To the conversation's shard. Answered by [`Answer::Acked`].
    Send(Send),
    /// To the user's shard. Not answered.
    PushAck(Login, InboxSeq),
    /// To the user's shard. Answered by [`Answer::Head`].
    Heartbeat {
        /// The user.
        uid: Uid,
        /// The client's clock, to give back.
        time_ms: u64,
    },
    /// To the user's shard. Answered by [`Answer::Inbox`].
    Sync {
        /// The user.
        uid: Uid,
        /// Rows after this one.
        after: InboxSeq,
        /// Rows at most.
        limit: usize,
    },
    /// To the conversation's shard. Answered by [`Answer::History`].
    History {
        /// The conversation.
        conversation: ConversationId,
        /// Messages before this one; `None`: the newest.
        before: Option<Seq>,
        /// Rows at most.
        limit: usize,
    },
    /// To the user's shard. Answered by [`Answer::Chats`].
    Chats {
        /// The user.
        uid: Uid,
        /// Chats above this conversation; `None`: from the first.
        after: Option<ConversationId>,
        /// Rows at most.
        limit: usize,
    },
    /// To the user's shard. Answered by [`Answer::Chat`].
    ChangeChat {
        /// The user.
        uid: Uid,
        /// The conversation.
        conversation: ConversationId,
        /// What changes.
        change: ChatChange,
    },
    /// To the group's shard. Answered by [`Answer::History`] with what the user may read.
    GroupHistory {
        /// The group.
        group: ConversationId,
        /// Who asks.
        uid: Uid,
        /// Entries before this one; `None`: the newest.
        before: Option<Seq>,
        /// Rows at most.
        limit: usize,
    },
    /// To the group's shard. Answered by [`Answer::GroupMembers`].
    GroupMembers {
        /// The group.
        group: ConversationId,
        /// Who asks.
        uid: Uid,
        /// Members above this one; 0: from the first.
        after: Uid,
        /// Members at most.
        limit: usize,
    },
}

/// What a command needs to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The partition whose owner it is for.
    pub partition: Partition,
    /// It reads or writes the store, so it is refused while the store does not answer.
    pub store: bool,
    /// It is answered.
    pub answer: bool,
    /// Bytes that it takes beside its fixed size.
    pub bytes: usize,
}

impl Command {
    /// What it needs: the one place that says so of each command.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let user = |uid| (Partition::of_user(uid), 0);
        let conversation = |conversation, bytes| (Partition::of_conversation(conversation), bytes);
        let ((partition, bytes), store, answer) = match self {
            Self::Login { uid, .. } => (user(*uid), false, true),
            Self::Logout(login) | Self::Register(login) => (user(login.uid), false, true),
            Self::Send(send) => (conversation(send.conversation, send.body.len()), true, true),
            Self::PushAck(login, _) => (user(login.uid), false, false),
            Self::Heartbeat { uid, .. } => (user(*uid), false, true),
            Self::Sync { uid, .. } | Self::Chats { uid, .. } => (user(*uid), true, true),
            Self::History { conversation: id, .. } => (conversation(*id, 0), true, true),
            Self::ChangeChat { uid, .. } => (user(*uid), true, true),
            Self::GroupHistory { group, .. } | Self::GroupMembers { group, .. } => {
                (conversation(*group, 0), true, true)
            }
        };
        Needs { partition, store, answer, bytes }
    }

    /// The partition whose owner it is for.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.needs().partition
    }

    /// Whether a correct entry can have said it; what is done with it may rely on that.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        match self {
            Self::Send(send) => {
                let is_group = send.conversation.is_group();
                is_of(send.conversation, send.sender)
                    && send.body.len() <= BODY_BYTES_MAX
                    && (!is_group || group::is_possible(send.kind, &send.body))
            }
            Self::GroupHistory { group, limit, .. } | Self::GroupMembers { group, limit, .. } => {
                group.is_possible() && group.is_group() && is_limit(*limit)
            }
            Self::History { conversation, limit, .. } => {
                conversation.is_possible() && is_limit(*limit)
            }
            Self::Sync { limit, .. } => is_limit(*limit),
            Self::Chats { after, limit, .. } => {
                after.is_none_or(ConversationId::is_possible) && is_limit(*limit)
            }
            Self::ChangeChat { uid, conversation, .. } => is_of(*conversation, *uid),
            Self::Login { .. } | Self::Logout(_) | Self::Register(_) => true,
            Self::PushAck(..) | Self::Heartbeat { .. } => true,
        }
    }

    /// Whether this is what answers it; a refusal answers everything. What comes over a link is to be asked.
    #[must_use]
    pub fn is_answered_by(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Refused { .. } => self.needs().answer,
            Answer::LoggedIn { .. } => matches!(self, Self::Login { .. }),
            Answer::LoggedOut(_) => matches!(self, Self::Logout(_)),
            Answer::Acked { .. } => matches!(self, Self::Send(_)),
            Answer::GroupMembers { .. } => matches!(self, Self::GroupMembers { .. }),
            Answer::Head { .. } => matches!(self, Self::Heartbeat { .. }),
            Answer::News(_) => matches!(self, Self::Register(_)),
            Answer::Closed(_) => matches!(self, Self::Register(_)),
            Answer::Inbox { .. } => matches!(self, Self::Sync { .. }),
            Answer::History { .. } => {
                matches!(self, Self::History { .. } | Self::GroupHistory { .. })
            }
            Answer::Chats { .. } => matches!(self, Self::Chats { .. }),
            Answer::Chat(_) => matches!(self, Self::ChangeChat { .. }),
            Answer::Push { .. } => false,
        }
    }
}

/// What a user does to a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatChange {
    /// Read up to here.
    Read(Seq),
    /// Hidden until its next message.
    Hide,
}

/// What an entry is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The login holds.
    LoggedIn {
        /// Its number.
        login: Login,
        /// The last committed inbox row.
        inbox_head: InboxSeq,
        /// The row after which pushes begin.
        cursor: InboxSeq,
        /// The first inbox row that is still there, as far as the device lacks rows; 0: not known.
        inbox_tail: InboxSeq,
    },
    /// The session is over.
    LoggedOut(Generation),
    /// The message is durable in all its inboxes; one to a group is durable, and will be in all that it is for.
    Acked {
        /// The message's id.
        message_id: MessageId,
        /// Its place.
        seq: Seq,
        /// Its time.
        time_ms: u64,
        /// Its place in the sender's inbox, 0 if not known any more.
        inbox_seq: InboxSeq,
    },
    /// A row for the device, after `previous`.
    Push {
        /// The row pushed before.
        previous: InboxSeq,
        /// The row.
        row: Box<InboxRow>,
    },
    /// The last committed inbox row: answers a heartbeat.
    Head {
        /// Its place.
        head: InboxSeq,
        /// From the heartbeat.
        time_ms: u64,
    },
    /// The last committed inbox row, which nobody asked for: answers a registration.
    News(InboxSeq),
    /// A page of a group's members, by uid.
    GroupMembers {
        /// The group.
        group: ConversationId,
        /// How many there are.
        count: u64,
        /// The members.
        members: Vec<Member>,
    },
    /// A page of the inbox.
    Inbox {
        /// The last committed inbox row.
        head: InboxSeq,
        /// The rows.
        rows: Vec<InboxRow>,
        /// The first inbox row that is still there, as far as this page shows it; 0: not known.
        tail: InboxSeq,
    },
    /// A page of a conversation.
    History {
        /// Which.
        conversation: ConversationId,
        /// Its rows.
        rows: Vec<MessageRow>,
    },
    /// A page of chats.
    Chats {
        /// The version of the list.
        version: u64,
        /// The chats with their newest message.
        chats: Vec<(ChatRow, Option<MessageRow>)>,
        /// There may be more.
        more: bool,
    },
    /// A chat after its change.
    Chat(ChatRow),
    /// Refused.
    Refused {
        /// Why.
        code: RefusalCode,
        /// Retry not before this many ms.
        retry_after_ms: u32,
    },
    /// The session is over by the shard's decision.
    Closed(RefusalCode),
}

impl Answer {
    /// Whether it may come though nothing was asked: under request id 0.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::Push { .. } | Self::News(_) | Self::Closed(_))
    }

    /// Bytes of the bodies in it.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        match self {
            Self::Push { row, .. } => row.message.body.len(),
            Self::Inbox { rows, .. } => rows.iter().map(|row| row.message.body.len()).sum(),
            Self::History { rows, .. } => rows.iter().map(|row| row.body.len()).sum(),
            Self::Chats { chats, .. } => recent(chats).map(|row| row.body.len()).sum(),
            Self::Acked { .. } | Self::LoggedIn { .. } | Self::LoggedOut(_) => 0,
            Self::Head { .. } | Self::News(_) | Self::Chat(_) => 0,
            Self::GroupMembers { .. } => 0,
            Self::Refused { .. } | Self::Closed(_) => 0,
        }
    }

    /// Whether a correct shard can have said it: a page has room in a client's frame.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let is_page = |rows: usize, row_bytes: usize| {
            let bytes = rows * row_bytes + self.body_bytes();
            is_limit(rows.max(1)) && bytes <= PAGE_BYTES_MAX
        };
        match self {
            Self::Push { row, .. } => row.is_possible(),
            Self::Inbox { rows, .. } => {
                rows.iter().all(InboxRow::is_possible) && is_page(rows.len(), MESSAGE_BYTES)
            }
            Self::History { rows, .. } => {
                rows.iter().all(MessageRow::is_possible) && is_page(rows.len(), MESSAGE_BYTES)
            }
            Self::Chats { chats, .. } => {
                chats.iter().all(|(row, _)| row.is_possible())
                    && recent(chats).all(MessageRow::is_possible)
                    && is_page(chats.len(), CHAT_BYTES)
            }
            Self::Chat(row) => row.is_possible(),
            Self::GroupMembers { members, .. } => is_limit(members.len().max(1)),
            Self::LoggedIn { .. } | Self::LoggedOut(_) | Self::Acked { .. } => true,
            Self::Head { .. } | Self::News(_) | Self::Refused { .. } | Self::Closed(_) => true,
        }
    }
}

/// Whether a page may have so many rows.
fn is_limit(rows: usize) -> bool {
    u32::try_from(rows).is_ok_and(|rows| (1..=PAGE_ROWS_MAX).contains(&rows))
}

/// The newest messages of chats.
fn recent(chats: &[(ChatRow, Option<MessageRow>)]) -> impl Iterator<Item = &MessageRow> {
    chats.iter().filter_map(|(_, recent)| recent.as_ref())
}
