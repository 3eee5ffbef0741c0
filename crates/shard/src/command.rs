//! What an entry asks of a shard, and what it is told. All that is to be known of a command stands here, and here only: what it
//! needs, what answers it, whether it can be meant, and how a link says it.

#[cfg(test)]
mod tests;

pub use crate::answer::{Answer, DeviceState};
pub use crate::mail::{Delivery, Effects, Input, Inputs, Mail, Now};
pub use crate::session::{Login, ReplyTo, Session};
pub use crate::signal::Signal;

use crate::group;
use crate::offline::is_token;
use crate::page::is_limit;
use crate::partition::Partition;
use crate::rows::is_of;
use bytes::Bytes;
use wire::{
    BODY_BYTES_MAX, ClientMsgId, ConversationId, ConversationKind, DeviceId, Generation, InboxSeq,
    MessageId, Platform, RefusalCode, RowKind, Seq, Uid,
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
            1 = Login { uid, device, from; platform, issued_s },
            2 = Logout(login),
            3 = Register { login; platform },
            4 = Send(send),
            5 = PushAck(login, inbox_seq),
            6 = Heartbeat { uid, time_ms },
            7 = Sync { uid, after, limit },
            8 = History { conversation, before, limit },
            9 = Chats { uid, after, limit },
            10 = ChangeChat { uid, conversation, change },
            11 = Devices { uid, after, limit },
            12 = EndDevices { uid, device, code },
            13 = Revoke { uid, tokens_s },
            14 = Signal { uid, signal },
            15 = Believe { uid, issued_s },
            16 = Tell(send),
            17 = SetPushToken { login, provider, token },
            18 = Dead { partition, after, limit },
            19 = Replay { uid },
            32 = GroupHistory { group, uid, before, limit },
            33 = GroupMembers { group, uid, after, limit },
            34 = GroupInfo { group, uid },
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
            13 = Devices(devices),
            14 = Ended { count },
            15 = Signal { uid, signal },
            16 = Believed,
            17 = PushTokenSet { is_kept },
            18 = Dead(dead),
            19 = Replayed { count },
            32 = GroupMembers { group, count, members },
            33 = GroupInfo { group, info },
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
        /// What the device is.
        platform: Platform,
        /// When its token was made, in Unix seconds; 0: the token does not say.
        issued_s: u64,
    },
    /// To the user's shard: the session is over. Answered by [`Answer::LoggedOut`].
    Logout(Login),
    /// To the user's shard: the session goes on, though the shard's owner is another now. Answered by [`Answer::News`], or
    /// by [`Answer::Closed`] if the device logged in elsewhere meanwhile, or the user's tokens were taken back.
    Register {
        /// The session.
        login: Login,
        /// What its device is.
        platform: Platform,
    },
    /// To the conversation's shard. Answered by [`Answer::Acked`].
    Send(Send),
    /// To the user's shard: what an account of the system tells a user. Answered by [`Answer::Acked`].
    Tell(Send),
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
    /// To the user's shard. Answered by [`Answer::Devices`].
    Devices {
        /// The user.
        uid: Uid,
        /// Devices of logins above this one; 0: from the first.
        after: Generation,
        /// Devices at most.
        limit: usize,
    },
    /// To the user's shard: ends sessions that are there; the devices may come back. Answered by [`Answer::Ended`].
    EndDevices {
        /// The user.
        uid: Uid,
        /// Of which device; `None`: of all.
        device: Option<DeviceId>,
        /// What they are told.
        code: RefusalCode,
    },
    /// To the user's shard: whether a token is believed still, for what is asked without a login. Answered by
    /// [`Answer::Believed`].
    Believe {
        /// The user.
        uid: Uid,
        /// When it was made, in Unix seconds; 0: it does not say.
        issued_s: u64,
    },
    /// To the user's shard: believes no token any more that was made up to a time, or does not say when, and ends every
    /// session. Answered by [`Answer::Ended`] once that is durable.
    Revoke {
        /// The user.
        uid: Uid,
        /// The time, in Unix seconds.
        tokens_s: u64,
    },
    /// To the user's shard: by what a device is reached while it is away. Answered by [`Answer::PushTokenSet`] once that is
    /// durable.
    SetPushToken {
        /// Its session.
        login: Login,
        /// Which provider reaches it.
        provider: u8,
        /// By what. Empty: by nothing any more.
        token: Bytes,
    },
    /// To the shard of a partition: what the receiver of offline push did not take of the shard's users. Answered by
    /// [`Answer::Dead`].
    Dead {
        /// Any of the shard's.
        partition: Partition,
        /// Of users above this one; 0: from the first.
        after: Uid,
        /// Rows at most.
        limit: usize,
    },
    /// To the user's shard: asks the receiver again for what it did not take. Answered by [`Answer::Replayed`].
    Replay {
        /// Whose.
        uid: Uid,
    },
    /// To the shard of the peer: a signal for its devices, as far as they are there. Not answered.
    Signal {
        /// The peer of whoever says it.
        uid: Uid,
        /// What it is told.
        signal: Signal,
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
    /// To the group's shard. Answered by [`Answer::GroupInfo`].
    GroupInfo {
        /// The group.
        group: ConversationId,
        /// Who asks.
        uid: Uid,
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
    /// A login of which nothing more is known.
    #[must_use]
    pub fn login(uid: Uid, device: DeviceId, from: Begin) -> Self {
        Self::Login { uid, device, from, platform: Platform::UNKNOWN, issued_s: 0 }
    }

    /// A session of whose device nothing more is known goes on.
    #[must_use]
    pub fn register(login: Login) -> Self {
        Self::Register { login, platform: Platform::UNKNOWN }
    }

    /// What it needs: the one place that says so of each command.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let user = |uid| (Partition::of_user(uid), 0);
        let conversation = |conversation, bytes| (Partition::of_conversation(conversation), bytes);
        let ((partition, bytes), store, answer) = match self {
            Self::Login { uid, .. } => (user(*uid), false, true),
            Self::Logout(login) | Self::Register { login, .. } => (user(login.uid), false, true),
            Self::Devices { uid, .. } | Self::EndDevices { uid, .. } => (user(*uid), false, true),
            Self::Revoke { uid, .. } => (user(*uid), true, true),
            Self::Believe { uid, .. } => (user(*uid), false, true),
            Self::SetPushToken { login, .. } => (user(login.uid), true, true),
            Self::Dead { partition, .. } => ((*partition, 0), true, true),
            Self::Replay { uid } => (user(*uid), true, true),
            Self::Send(send) | Self::Tell(send) => {
                (conversation(send.conversation, send.body.len()), true, true)
            }
            Self::PushAck(login, _) => (user(login.uid), false, false),
            Self::Heartbeat { uid, .. } => (user(*uid), false, true),
            Self::Signal { uid, .. } => (user(*uid), false, false),
            Self::Sync { uid, .. } | Self::Chats { uid, .. } => (user(*uid), true, true),
            Self::History { conversation: id, .. } => (conversation(*id, 0), true, true),
            Self::ChangeChat { uid, .. } => (user(*uid), true, true),
            Self::GroupHistory { group, .. }
            | Self::GroupMembers { group, .. }
            | Self::GroupInfo { group, .. } => (conversation(*group, 0), true, true),
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
            Self::Tell(send) => {
                let is_message = send.kind == RowKind::MESSAGE && send.body.len() <= BODY_BYTES_MAX;
                send.conversation.is_possible()
                    && send.conversation.kind() == ConversationKind::System
                    && send.sender.is_account()
                    && is_message
            }
            Self::GroupHistory { group, limit, .. } | Self::GroupMembers { group, limit, .. } => {
                group.is_possible() && group.is_group() && is_limit(*limit)
            }
            Self::GroupInfo { group, .. } => group.is_possible() && group.is_group(),
            Self::History { conversation, limit, .. } => {
                conversation.is_possible() && is_limit(*limit)
            }
            Self::Sync { limit, .. } | Self::Devices { limit, .. } => is_limit(*limit),
            Self::Chats { after, limit, .. } => {
                after.is_none_or(ConversationId::is_possible) && is_limit(*limit)
            }
            Self::ChangeChat { uid, conversation, .. } => is_of(*conversation, *uid),
            Self::Signal { uid, signal } => signal.is_possible(*uid),
            Self::EndDevices { code, .. } => code.ends_devices(),
            Self::Login { .. } | Self::Logout(_) | Self::Register { .. } => true,
            Self::Revoke { .. } | Self::Believe { .. } | Self::Replay { .. } => true,
            Self::SetPushToken { token, .. } => is_token(token),
            Self::Dead { limit, .. } => is_limit(*limit),
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
            Answer::Acked { .. } => matches!(self, Self::Send(_) | Self::Tell(_)),
            Answer::GroupMembers { .. } => matches!(self, Self::GroupMembers { .. }),
            Answer::GroupInfo { .. } => matches!(self, Self::GroupInfo { .. }),
            Answer::Head { .. } => matches!(self, Self::Heartbeat { .. }),
            Answer::News(_) => matches!(self, Self::Register { .. }),
            Answer::Closed(_) => matches!(self, Self::Register { .. }),
            Answer::Devices(_) => matches!(self, Self::Devices { .. }),
            Answer::Believed => matches!(self, Self::Believe { .. }),
            Answer::PushTokenSet { .. } => matches!(self, Self::SetPushToken { .. }),
            Answer::Dead(_) => matches!(self, Self::Dead { .. }),
            Answer::Replayed { .. } => matches!(self, Self::Replay { .. }),
            Answer::Ended { .. } => {
                matches!(self, Self::EndDevices { .. } | Self::Revoke { .. })
            }
            Answer::Inbox { .. } => matches!(self, Self::Sync { .. }),
            Answer::History { .. } => {
                matches!(self, Self::History { .. } | Self::GroupHistory { .. })
            }
            Answer::Chats { .. } => matches!(self, Self::Chats { .. }),
            Answer::Chat(_) => matches!(self, Self::ChangeChat { .. }),
            Answer::Push { .. } | Answer::Signal { .. } => false,
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
