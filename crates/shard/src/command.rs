//! What goes into a shard and what comes out, as values.

use crate::partition::Partition;
use crate::rows::{ChatRow, Completion, InboxRow, MessageRow, Read, Row, Ticket};
use bytes::Bytes;
use wire::{
    ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq, MessageId, RefusalCode, RowKind,
    Seq, Uid,
};

/// One session of one entry: where answers and pushes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The entry's number.
    pub entry: u16,
    /// The entry's key of the session, never given twice. It says nothing of how the client is connected.
    pub connection: u64,
}

/// A request that wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// Who asked.
    pub session: Session,
    /// The number that whoever passes the request on gives it, its own for each; no client chose it. 0: no answer is wanted.
    pub request_id: u64,
}

/// A user's device as logged in; a command with an old generation does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub uid: Uid,
    /// The device.
    pub device: DeviceId,
    /// The login.
    pub generation: Generation,
}

/// The two clocks at the time of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, Unix ms: stamps messages, judges the time in ids.
    pub unix_ms: u64,
    /// Monotonic, ms from any start: timers.
    pub mono_ms: u64,
}

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
}

/// After which row of the inbox the pushes to a session begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// After this one of the inbox of this epoch. After none, if it is another inbox, or does not reach so far.
    After(InboxSeq, u64),
    /// After the last one.
    Head,
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
        };
        Needs { partition, store, answer, bytes }
    }

    /// The partition whose owner it is for.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.needs().partition
    }

    /// Whether this is what answers it; a refusal answers everything. What comes over a link is to be asked.
    #[must_use]
    pub fn is_answered_by(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Refused { .. } => self.needs().answer,
            Answer::LoggedIn { .. } => matches!(self, Self::Login { .. }),
            Answer::LoggedOut(_) => matches!(self, Self::Logout(_)),
            Answer::Acked { .. } => matches!(self, Self::Send(_)),
            Answer::Head { .. } => matches!(self, Self::Heartbeat { .. }),
            Answer::News(_) => matches!(self, Self::Register(_)),
            Answer::Closed(_) => matches!(self, Self::Register(_)),
            Answer::Inbox { .. } => matches!(self, Self::Sync { .. }),
            Answer::History { .. } => matches!(self, Self::History { .. }),
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
}

/// One input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// From an entry.
    Command(Command, ReplyTo),
    /// From a shard.
    Mail(Mail),
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
    },
    /// The session is over.
    LoggedOut(Generation),
    /// The message is durable in all its inboxes.
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
    /// A page of the inbox.
    Inbox {
        /// The last committed inbox row.
        head: InboxSeq,
        /// The rows.
        rows: Vec<InboxRow>,
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
}

/// Everything that a step takes.
#[derive(Debug, Default)]
pub struct Inputs {
    /// From entries and shards, in order of arrival.
    pub inputs: Vec<Input>,
    /// From the store.
    pub completions: Vec<Completion>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each command with what answers it.
    fn pairs() -> Vec<(Command, Option<Answer>)> {
        let login = Login { uid: Uid(1), device: DeviceId(2), generation: Generation(3) };
        let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
        let (uid, device, limit, head) = (Uid(1), DeviceId(2), 1, InboxSeq(4));
        let send = Send {
            conversation,
            sender: uid,
            device,
            client_msg_id: ClientMsgId([5; 16]),
            kind: RowKind::MESSAGE,
            flags: 0,
            body: Bytes::from_static(b"hello"),
        };
        let acked = Answer::Acked {
            message_id: MessageId(1),
            seq: Seq(1),
            time_ms: 1,
            inbox_seq: InboxSeq(1),
        };
        let change = ChatChange::Hide;
        let chat = Answer::Chat(ChatRow::empty(uid, conversation));
        vec![
            (
                Command::Login { uid, device, from: Begin::Head },
                Some(Answer::LoggedIn { login, inbox_head: head, cursor: head }),
            ),
            (Command::Logout(login), Some(Answer::LoggedOut(Generation(3)))),
            (Command::Register(login), Some(Answer::News(head))),
            (Command::Send(send), Some(acked)),
            (Command::PushAck(login, head), None),
            (Command::Heartbeat { uid, time_ms: 1 }, Some(Answer::Head { head, time_ms: 1 })),
            (Command::Sync { uid, after: head, limit }, Some(Answer::Inbox { head, rows: vec![] })),
            (
                Command::History { conversation, before: None, limit },
                Some(Answer::History { conversation, rows: vec![] }),
            ),
            (
                Command::Chats { uid, after: None, limit },
                Some(Answer::Chats { version: 1, chats: vec![], more: false }),
            ),
            (Command::ChangeChat { uid, conversation, change }, Some(chat)),
        ]
    }

    #[test]
    fn a_command_is_answered_by_its_own_answer_or_a_refusal() {
        let pairs = pairs();
        for (at, (command, own)) in pairs.iter().enumerate() {
            assert_eq!(command.needs().answer, own.is_some());
            for (other, (_, answer)) in pairs.iter().enumerate() {
                let Some(answer) = answer else { continue };
                assert_eq!(command.is_answered_by(answer), at == other, "{command:?} {answer:?}");
            }
            let refused = Answer::Refused { code: RefusalCode::Busy, retry_after_ms: 1 };
            assert_eq!(command.is_answered_by(&refused), own.is_some());
        }
    }

    #[test]
    fn only_a_registration_is_answered_by_the_end_of_its_session() {
        let closed = Answer::Closed(RefusalCode::SessionReplaced);
        for (command, _) in pairs() {
            let is_registration = matches!(command, Command::Register(_));
            assert_eq!(command.is_answered_by(&closed), is_registration, "{command:?}");
        }
    }
}
