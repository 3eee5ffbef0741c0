//! What the store holds, as values. It does not know how a store lays them out.

use bytes::Bytes;
use rkyv::{Archive, Deserialize, Serialize};
use wire::{ClientMsgId, Conversation, InboxSeq, MessageId, Seq, Uid};

/// One stored message; one row serves both directions. The seed's `direction` (0 = from the big uid) is
/// whether `from` is [`Conversation::big`].
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Where it belongs.
    pub conversation: Conversation,
    /// Its place there.
    pub seq: Seq,
    /// The server's id of it.
    pub message_id: MessageId,
    /// The sender, one of the conversation's two.
    pub from: Uid,
    /// When the server took it, Unix ms; never falls within a conversation.
    pub time_ms: u64,
    /// The sender's id of it.
    pub client_msg_id: ClientMsgId,
    /// As it was sent.
    pub body: Bytes,
}

/// A user's copy of a message, in the order of the user's inbox.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    /// Whose inbox.
    pub uid: Uid,
    /// Its place there.
    pub inbox_seq: InboxSeq,
    /// The message.
    pub message: MessageRow,
}

/// A user's side of a 1:1 conversation. Derived from the inbox but for what was read and deleted.
///
/// The newest message's content is not repeated here: it is the inbox row `recent_inbox_seq`.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactRow {
    /// Whose contact.
    pub uid: Uid,
    /// The other user.
    pub peer: Uid,
    /// Seq of the newest message.
    pub recent_seq: Seq,
    /// Its place in the user's inbox.
    pub recent_inbox_seq: InboxSeq,
    /// Read up to here. Unread = `recent_seq - read_seq`.
    pub read_seq: Seq,
    /// When the user last read, Unix ms.
    pub read_time_ms: u64,
    /// Deleted after the newest message.
    pub is_deleted: bool,
}

/// What is kept of a user beside its inbox and contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Who.
    pub uid: Uid,
    /// The contact rows tell of every inbox row up to this one.
    pub contacts_through: InboxSeq,
}

/// One write. Rows of a batch with the same key overwrite in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most rows are the large ones")]
pub enum Row {
    /// Also written under (`from`, `client_msg_id`), for [`Read::ByClientMsgId`].
    Message(MessageRow),
    /// A user's copy.
    Inbox(InboxRow),
    /// A contact.
    Contact(ContactRow),
    /// A user.
    User(UserRow),
}

/// One question to the store. Pages hold at most `limit` rows and, but for the first row, `bytes_max` of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Everything to load a user: its row, and the inbox rows above `contacts_through`. Answer: [`Found::User`].
    User {
        /// Who.
        uid: Uid,
    },
    /// Everything to load a conversation: its newest message. Nothing of it is being written. Answer:
    /// [`Found::Messages`], none or one.
    Conversation {
        /// Which.
        conversation: Conversation,
        /// A place that is known to be committed: there a store that keeps no end of a log begins to look for it.
        known: Seq,
    },
    /// The messages before `before`, ascending. Answer: [`Found::Messages`].
    Messages {
        /// Of which conversation.
        conversation: Conversation,
        /// Exclusive upper end.
        before: Seq,
        /// Rows at most.
        limit: usize,
        /// Bytes of bodies at most.
        bytes_max: usize,
    },
    /// The message that a sender once sent under an id. Answer: [`Found::Messages`], none or one.
    ByClientMsgId {
        /// The sender.
        from: Uid,
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
        /// Bytes of bodies at most.
        bytes_max: usize,
    },
    /// One contact. Answer: [`Found::Contact`].
    Contact {
        /// Whose.
        uid: Uid,
        /// The other user.
        peer: Uid,
    },
    /// Contacts by peer, ascending, after `after`. Answer: [`Found::Contacts`].
    Contacts {
        /// Whose.
        uid: Uid,
        /// Exclusive lower end.
        after: Uid,
        /// Rows at most.
        limit: usize,
        /// Bytes of bodies at most.
        bytes_max: usize,
    },
}

/// What a [`Read`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A user's row, and the rows of its inbox above `contacts_through`, ascending; `head` is the last
    /// row of the inbox (0: empty).
    User {
        /// The row, if there is one.
        row: Option<UserRow>,
        /// The last inbox row's place.
        head: InboxSeq,
        /// Rows that the contacts may not tell of yet.
        tail: Vec<InboxRow>,
    },
    /// Messages, ascending.
    Messages(Vec<MessageRow>),
    /// Inbox rows, ascending.
    Inbox(Vec<InboxRow>),
    /// The contact, if there is one.
    Contact(Option<ContactRow>),
    /// Contacts with their newest message, ascending.
    Contacts(Vec<(ContactRow, Option<MessageRow>)>),
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
