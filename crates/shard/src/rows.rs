//! What the store holds, as values. It does not know how a store lays them out.

use crate::group::{Entry, GroupRow, MarkRow};
use crate::limits::PREVIEW_BYTES_MAX;
use crate::offline::{DeadRow, OwedRow, PushPlace, PushToken};
use bytes::Bytes;
use wire::{BODY_BYTES_MAX, ClientMsgId, ConversationId, Generation, InboxSeq, MessageId};
use wire::{RowKind, Seq, Uid};
use xxhash_rust::xxh3::xxh3_64;

/// What identifies everything in a log before a row: a hash of the ids of all rows before it. A row that a former owner
/// wrote late, behind others than those it was taken after, does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chain(pub u64);

impl Chain {
    /// The chain of what follows a row: of all that the row's own tells of, and the row, named by numbers that no other
    /// row of the log has together.
    #[must_use]
    pub fn after(self, numbers: &[u64]) -> Self {
        Self(numbers.iter().fold(self.0, |chain, number| mix(chain ^ mix(*number))))
    }
}

pub(crate) use wire::mix;

/// One row of a conversation's log: a message, or another kind of row in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Where it belongs.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: Seq,
    /// Messages up to and with this row.
    pub number: u64,
    /// The server's id of it.
    pub message_id: MessageId,
    /// Who sent it.
    pub sender: Uid,
    /// When the server took it, Unix ms; never falls within a conversation.
    pub time_ms: u64,
    /// What it is.
    pub kind: RowKind,
    /// Bits that its sender set. None has a meaning yet.
    pub flags: u16,
    /// Of the rows before it, by their message ids.
    pub chain: Chain,
    /// The sender's id of it.
    pub client_msg_id: ClientMsgId,
    /// As it was sent.
    pub body: Bytes,
    /// Up to where its sender had seen the conversation; 0: it did not say.
    pub seen: Seq,
}

/// Whether a conversation is possible, and this user's if its id names users.
#[must_use]
pub fn is_of(conversation: ConversationId, uid: Uid) -> bool {
    let is_open = conversation.users().next().is_none();
    conversation.is_possible() && (is_open || conversation.names(uid))
}

impl MessageRow {
    /// Whether a correct shard can have made it.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        let is_sender = self.conversation.peer_of(self.sender).is_some();
        let is_direct = self.conversation.users().count() == 2;
        self.conversation.is_possible()
            && (is_sender || !is_direct)
            && self.body.len() <= BODY_BYTES_MAX
    }

    /// What it says of who is in a group.
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        Entry { seq: self.seq, sender: self.sender, kind: self.kind, body: &self.body }
    }

    /// The chain of the row after it.
    #[must_use]
    pub fn next_chain(&self) -> Chain {
        self.chain.after(&[self.message_id.0])
    }
}

/// A message of user 1 to user 2, for tests of whatever carries or keeps rows.
///
/// # Panics
/// Never.
#[must_use]
pub fn sample(seq: u64, body_bytes: usize) -> MessageRow {
    MessageRow {
        conversation: ConversationId::direct(Uid(1), Uid(2)).expect("two users"),
        seq: Seq(seq),
        number: seq,
        message_id: MessageId(seq),
        sender: Uid(1),
        time_ms: 7,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain(seq),
        client_msg_id: ClientMsgId::new(1_000 + seq, 0),
        body: Bytes::from(vec![7; body_bytes]),
        seen: Seq(0),
    }
}

/// A row of a user's inbox, in its order: a copy of a conversation's row, one that points to it, or a mark: what the user
/// has read or hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Whose inbox.
    pub uid: Uid,
    /// Its place there.
    pub inbox_seq: InboxSeq,
    /// Bits: [`InboxRow::POINTS`].
    pub flags: u8,
    /// Of the rows before it, by their conversations and seqs.
    pub chain: Chain,
    /// The conversation's row. In a mark ([`RowKind::READ`], [`RowKind::HIDDEN`]) `seq` is the place up to which it is read, `number`
    /// how many messages are unread behind that, `message_id` [`InboxRow::mark_id`].
    pub message: MessageRow,
}

impl InboxRow {
    /// The flag of a row whose message's body is only the beginning: the whole is in the conversation.
    pub const POINTS: u8 = 1;

    /// Whether a correct shard can have made it.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.message.is_possible() && is_of(self.message.conversation, self.uid)
    }

    /// The id of a mark: a hash of its place, its time in Unix ms, and its conversation. Another mark at that place, in a store that
    /// was put back, has another; a device names it when it logs in. Never 0, below 2^63. In rows of earlier releases it is the place.
    #[must_use]
    pub fn mark_id(
        (uid, inbox_seq): (Uid, InboxSeq),
        time_ms: u64,
        conversation: ConversationId,
    ) -> MessageId {
        let (kind, a, b) = conversation.parts();
        let mut bytes = [0; 48];
        let fields = [uid.0, inbox_seq.0, time_ms, kind.into(), a, b];
        for (bytes, field) in bytes.chunks_exact_mut(8).zip(fields) {
            bytes.copy_from_slice(&field.to_le_bytes());
        }
        MessageId((xxh3_64(&bytes) >> 1).max(1))
    }

    /// Whether it is no row of the conversation, but says what the user has read or hidden.
    #[must_use]
    pub fn is_mark(&self) -> bool {
        matches!(self.message.kind, RowKind::READ | RowKind::HIDDEN)
    }

    /// As it is stored: of a group's message, or what it announces, with a long body only the beginning. What changes a group's members is whole, for
    /// a chat is read up to where its user joined.
    #[must_use]
    pub fn stored(&self) -> Self {
        let mut row = self.clone();
        let message = &row.message;
        let is_cut = matches!(message.kind, RowKind::MESSAGE | RowKind::ANNOUNCED);
        let is_groups = message.conversation.is_group() && is_cut;
        if is_groups && message.body.len() > PREVIEW_BYTES_MAX {
            row.flags |= Self::POINTS;
            // A copy: a slice would keep the whole.
            row.message.body = Bytes::copy_from_slice(&row.message.body[..PREVIEW_BYTES_MAX]);
        }
        row
    }

    /// The chain of the row after it.
    #[must_use]
    pub fn next_chain(&self) -> Chain {
        let (kind, a, b) = self.message.conversation.parts();
        self.chain.after(&[kind.into(), a, b, self.message.seq.0])
    }
}

/// A conversation in a user's list. Derived from the inbox, whose rows also say what its user has read and hidden.
///
/// The newest message's content is not repeated here: it is the inbox row `recent_inbox_seq`, or, when that has gone, the
/// conversation's at `recent_seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatRow {
    /// Whose list.
    pub uid: Uid,
    /// Which conversation.
    pub conversation: ConversationId,
    /// Seq of the newest message.
    pub recent_seq: Seq,
    /// Its place in the user's inbox.
    pub recent_inbox_seq: InboxSeq,
    /// Its number.
    pub recent_number: u64,
    /// Read up to here.
    pub read_seq: Seq,
    /// Messages up to the newest that are read, or the user's own. Unread = `recent_number - read_number`.
    pub read_number: u64,
    /// When the user last read, Unix ms.
    pub read_time_ms: u64,
    /// The version of the list in which it last changed.
    pub version: u64,
    /// Hidden after the newest message.
    pub is_hidden: bool,
    /// Of two users: the other one has read up to here, as far as it was told. It may be ahead of what is in this user's inbox.
    pub peer_read_seq: Seq,
}

impl ChatRow {
    /// A chat that has no message yet.
    #[must_use]
    pub fn empty(uid: Uid, conversation: ConversationId) -> Self {
        Self {
            uid,
            conversation,
            recent_seq: Seq(0),
            recent_inbox_seq: InboxSeq(0),
            recent_number: 0,
            read_seq: Seq(0),
            read_number: 0,
            read_time_ms: 0,
            version: 0,
            is_hidden: false,
            peer_read_seq: Seq(0),
        }
    }

    /// Whether a correct shard can have made it.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        is_of(self.conversation, self.uid)
            && self.read_seq <= self.recent_seq
            && self.read_number <= self.recent_number
    }

    /// Up to where the peer has read what is in this user's inbox.
    #[must_use]
    pub fn peer_read(&self) -> Seq {
        self.peer_read_seq.min(self.recent_seq)
    }

    /// Others' messages behind what the user has read.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.recent_number - self.read_number
    }
}

/// What is kept of a user beside its inbox and chats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Who.
    pub uid: Uid,
    /// The chat rows tell of every inbox row up to this one.
    pub chats_through: InboxSeq,
    /// The version of the list of chats: it grows with each change, and may skip.
    pub chats_version: u64,
    /// What was taken back of it.
    pub revoked: Revoked,
    /// How far it was judged for offline push; `None`: it has no token.
    pub push: Option<PushPlace>,
}

impl UserRow {
    /// A user of whom nothing was kept yet.
    #[must_use]
    pub fn empty(uid: Uid) -> Self {
        let revoked = Revoked::default();
        Self { uid, chats_through: InboxSeq(0), chats_version: 0, revoked, push: None }
    }
}

/// What of a user is believed no more. Neither part ever goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    /// Tokens that were made up to this Unix second.
    pub tokens_s: u64,
    /// Logins up to this one.
    pub logins: Generation,
}

impl Revoked {
    /// Whether a token that was made then, in Unix seconds, was taken back; 0: it does not say when.
    #[must_use]
    pub fn has_token(self, issued_s: u64) -> bool {
        self != Self::default() && issued_s <= self.tokens_s
    }

    /// Whether a login is believed no more.
    #[must_use]
    pub fn has_login(self, generation: Generation) -> bool {
        generation <= self.logins
    }
}

/// One write. Rows of a batch with the same key overwrite in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most rows are the large ones")]
pub enum Row {
    /// Also written under its sender, conversation and `client_msg_id`, for [`Read::ByClientMsgId`].
    Message(MessageRow),
    /// A row of an inbox.
    Inbox(InboxRow),
    /// A chat.
    Chat(ChatRow),
    /// A user.
    User(UserRow),
    /// A group.
    Group(GroupRow),
    /// Whether a group is to be loaded though nobody asks.
    Mark(MarkRow),
    /// A device's token for offline push.
    PushToken(PushToken),
    /// Whether a user is to be looked at though nobody asks.
    Owed(OwedRow),
    /// What a receiver of offline push did not take.
    Dead(DeadRow),
}

/// One question to the store. Pages hold at most `limit` rows and, but for the first row, `bytes_max` of bodies and of what
/// the rows take beside them ([`wire::MESSAGE_BYTES`], [`wire::CHAT_BYTES`], [`wire::CHAT_ADDED_BYTES`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Everything to load a user: its row, and the inbox rows above `chats_through`. Answer: [`Found::User`].
    User {
        /// Who.
        uid: Uid,
    },
    /// Everything to load a conversation: its newest row. Nothing of it is being written. Answer:
    /// [`Found::Messages`], none or one.
    Conversation {
        /// Which.
        conversation: ConversationId,
    },
    /// Everything to load a group: its row, and the entries from the position there on. Nothing of it is being written.
    /// Answer: [`Found::Group`].
    Group {
        /// Which.
        group: ConversationId,
    },
    /// Groups whose mark is open, ascending, after `after`. Answer: [`Found::Marks`].
    Marks {
        /// Exclusive lower end; `None`: from the first.
        after: Option<ConversationId>,
        /// Groups at most.
        limit: usize,
    },
    /// Users whose mark says that they may be owed a notification, ascending, above one, at most so many. Answer: [`Found::Owing`].
    Owing(Option<Uid>, usize),
    /// What a user may be owed: at most [`crate::limits::OWED_ROWS`] inbox rows after a place, and what belongs to them. Answer: [`Found::Owed`].
    Owed(Uid, InboxSeq),
    /// The tokens of a user. Answer: [`Found::PushTokens`].
    PushTokens(Uid),
    /// What a receiver did not take of users above one, ascending by user and place, at most so many. Answer: [`Found::Dead`].
    Dead(Option<Uid>, usize),
    /// The messages before `before`, ascending. Answer: [`Found::Messages`].
    Messages {
        /// Of which conversation.
        conversation: ConversationId,
        /// Exclusive upper end.
        before: Seq,
        /// Rows at most.
        limit: usize,
        /// Bytes at most.
        bytes_max: usize,
    },
    /// The message that a sender once sent to a conversation under an id. Answer: [`Found::Messages`], none or one.
    ByClientMsgId {
        /// The sender.
        sender: Uid,
        /// Where to.
        conversation: ConversationId,
        /// Its id.
        client_msg_id: ClientMsgId,
    },
    /// Inbox rows after `after`, ascending. Answer: [`Found::Inbox`].
    Inbox {
        /// Whose.
        uid: Uid,
        /// Exclusive lower end.
        after: InboxSeq,
        /// Rows at most.
        limit: usize,
        /// Bytes at most.
        bytes_max: usize,
    },
    /// The first row of an inbox from `from` up to `head` that is still there: rows go oldest first. Answer: [`Found::Tail`].
    Tail {
        /// Whose.
        uid: Uid,
        /// Inclusive lower end.
        from: InboxSeq,
        /// Inclusive upper end: what is committed.
        head: InboxSeq,
    },
    /// One chat. Answer: [`Found::Chat`].
    Chat {
        /// Whose.
        uid: Uid,
        /// Which conversation.
        conversation: ConversationId,
    },
    /// Chats by conversation, ascending, after `after`. Answer: [`Found::Chats`].
    Chats {
        /// Whose.
        uid: Uid,
        /// Exclusive lower end; `None`: from the first.
        after: Option<ConversationId>,
        /// Rows at most.
        limit: usize,
        /// Bytes at most.
        bytes_max: usize,
    },
}

/// What a [`Read`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A user's row, the end of its inbox, and the rows there above `chats_through`, ascending.
    User {
        /// The row, if there is one.
        row: Option<UserRow>,
        /// The last inbox row's place; 0: the inbox is empty.
        head: InboxSeq,
        /// The chain of the row after it.
        chain: Chain,
        /// Rows that the chats may not tell of yet.
        tail: Vec<InboxRow>,
    },
    /// Messages, ascending.
    Messages(Vec<MessageRow>),
    /// Inbox rows, ascending.
    Inbox(Vec<InboxRow>),
    /// The place of a row that is there; one above `head`: none is.
    Tail(InboxSeq),
    /// The chat, if there is one.
    Chat(Option<ChatRow>),
    /// A group's row, if there is one, and the entries from its position on, ascending: the one there, if there is one, and
    /// all above.
    Group(Option<GroupRow>, Vec<MessageRow>),
    /// Groups whose mark is open, ascending.
    Marks(Vec<ConversationId>),
    /// Users whose mark says that they may be owed something, ascending.
    Owing(Vec<Uid>),
    /// What a user may be owed.
    Owed(Box<Owed>),
    /// Tokens of a user.
    PushTokens(Vec<PushToken>),
    /// What a receiver did not take.
    Dead(Vec<DeadRow>),
    /// Chats with their newest message, ascending.
    Chats(Vec<(ChatRow, Option<MessageRow>)>),
}

/// What lies between two places of an inbox, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// The rows, ascending.
    pub rows: Vec<InboxRow>,
    /// Up to where the user has read each conversation of them.
    pub read: Vec<(ConversationId, Seq)>,
    /// Others' messages that the user has not read, in all its chats, as far as they were counted.
    pub unread: u64,
    /// Its tokens.
    pub tokens: Vec<PushToken>,
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written: free space is below the reserve.
    #[error("store has less free space than its reserve")]
    Full,
    /// The store could not be read in time. It may be, later.
    #[error("store does not answer")]
    Unavailable,
    /// The store failed; whether the batch was written is unknown. The store takes nothing more.
    #[error("store failed: {0}")]
    Failed(String),
}

/// Names a commit or a read until its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What became of a request. Commits complete in the order of their tickets; so do reads; a read
/// sees every commit that was asked for before it and did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The batch is durable, or was refused whole.
    Committed(Ticket, Result<(), StoreError>),
    /// The answer.
    Read(Ticket, Result<Found, StoreError>),
}
