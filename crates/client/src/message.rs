//! What the application gets, as values of its own.

use wire::frames::{
    ArchivedContact, ArchivedContactReply, ArchivedContactsPage, ArchivedHistoryPage,
    ArchivedMessage,
};
use wire::{Bytes, ClientMsgId, InboxSeq, MessageId, Seq, Uid};

/// A message as it stands in an inbox or a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in this user's inbox; 0 in a history page.
    pub inbox_seq: InboxSeq,
    /// The sender.
    pub from: Uid,
    /// The recipient.
    pub to: Uid,
    /// Its place in the conversation.
    pub seq: Seq,
    /// The server's id of it.
    pub message_id: MessageId,
    /// When the server took it, Unix ms.
    pub time_ms: u64,
    /// The sender's id of it.
    pub client_msg_id: ClientMsgId,
    /// As the sender sent it.
    pub body: Bytes,
}

/// A send that is durable, in both inboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The client's id of it.
    pub client_msg_id: ClientMsgId,
    /// The server's id of it.
    pub message_id: MessageId,
    /// Its place in the conversation.
    pub seq: Seq,
    /// When the server took it, Unix ms.
    pub time_ms: u64,
}

/// The user's side of one 1:1 conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The newest message.
    pub recent: Message,
    /// When the user last read, Unix ms; 0 for never.
    pub read_time_ms: u64,
    /// The rest.
    pub state: ContactState,
}

/// What the user did with a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactState {
    /// The other user.
    pub peer: Uid,
    /// Read up to here.
    pub read_seq: Seq,
    /// Messages that the user has not read.
    pub unread: u64,
    /// Hidden until its next message.
    pub is_deleted: bool,
}

/// Some contacts, ascending by peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactsPage {
    /// The contacts.
    pub contacts: Vec<Contact>,
    /// Where the next page starts, if there is one.
    pub next_after_peer: Option<Uid>,
}

impl From<&ArchivedMessage> for Message {
    fn from(message: &ArchivedMessage) -> Self {
        Self {
            inbox_seq: InboxSeq(message.inbox_seq.to_native()),
            from: Uid(message.from.to_native()),
            to: Uid(message.to.to_native()),
            seq: Seq(message.seq.to_native()),
            message_id: MessageId(message.message_id.to_native()),
            time_ms: message.time_ms.to_native(),
            client_msg_id: ClientMsgId(message.client_msg_id),
            body: Bytes::copy_from_slice(message.body.as_slice()),
        }
    }
}

impl From<&ArchivedContactReply> for ContactState {
    fn from(reply: &ArchivedContactReply) -> Self {
        Self {
            peer: Uid(reply.peer.to_native()),
            read_seq: Seq(reply.read_seq.to_native()),
            unread: reply.unread.to_native(),
            is_deleted: reply.is_deleted != 0,
        }
    }
}

impl From<&ArchivedContact> for Contact {
    fn from(contact: &ArchivedContact) -> Self {
        Self {
            recent: (&contact.recent).into(),
            read_time_ms: contact.read_time_ms.to_native(),
            state: ContactState {
                peer: Uid(contact.peer.to_native()),
                read_seq: Seq(contact.read_seq.to_native()),
                unread: contact.unread.to_native(),
                is_deleted: contact.is_deleted != 0,
            },
        }
    }
}

impl From<&ArchivedContactsPage> for ContactsPage {
    fn from(page: &ArchivedContactsPage) -> Self {
        let next = page.next_after_peer.to_native();
        Self {
            contacts: page.contacts.iter().map(Contact::from).collect(),
            next_after_peer: (next != 0).then_some(Uid(next)),
        }
    }
}

pub(crate) fn history(page: &ArchivedHistoryPage) -> Vec<Message> {
    page.messages.iter().map(Message::from).collect()
}
