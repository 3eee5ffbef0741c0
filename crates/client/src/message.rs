//! What the application gets, as values of its own.

use wire::Uid;
use wire::frames::{
    ArchivedChat, ArchivedChatReply, ArchivedChatsPage, ArchivedDevice, ArchivedDevicesPage,
    ArchivedGroupMember, ArchivedGroupMembersPage, ArchivedHistoryPage, ArchivedMessage,
};
use wire::{
    Bytes, ClientMsgId, ConversationId, DeviceId, Generation, InboxSeq, MessageId, Platform,
    ROW_IS_BEGINNING, RowKind, Seq,
};

/// A message as it stands in an inbox or a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in this user's inbox; 0 in a history page.
    pub inbox_seq: InboxSeq,
    /// Where it belongs; `None`: a kind of conversation that this client does not know.
    pub conversation: Option<ConversationId>,
    /// Who sent it.
    pub sender: Uid,
    /// Its place in the conversation.
    pub seq: Seq,
    /// What it is. An application passes over those that it does not know. [`RowKind::READ`] and [`RowKind::HIDDEN`] are no messages: the
    /// user, on one of its devices, has read the conversation up to `seq`, and `number` of its messages are unread behind that.
    pub kind: RowKind,
    /// Messages in the conversation up to and with this one.
    pub number: u64,
    /// The server's id of it.
    pub message_id: MessageId,
    /// When the server took it, Unix ms.
    pub time_ms: u64,
    /// The sender's id of it.
    pub client_msg_id: ClientMsgId,
    /// As the sender sent it; of a change of a group see [`crate::named_users`].
    pub body: Bytes,
    /// `body` is only the beginning: the whole is in the conversation's history, if it can be read still.
    pub is_beginning: bool,
}

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Who.
    pub uid: Uid,
    /// The entry that made it a member: it reads from there on.
    pub since: Seq,
    /// It may remove others.
    pub is_owner: bool,
}

/// Some members of a group, ascending by uid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembersPage {
    /// How many members the group has.
    pub count: u64,
    /// These are some. Empty: there is none above.
    pub members: Vec<GroupMember>,
}

/// A device of the user that is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub device: DeviceId,
    /// Its login: a greater one is later.
    pub generation: Generation,
    /// What it is.
    pub platform: Platform,
    /// How long it has said nothing, in s.
    pub silent_s: u32,
}

/// The devices of a page.
pub(crate) fn devices(page: &ArchivedDevicesPage) -> Vec<Device> {
    page.devices.iter().map(Device::from).collect()
}

impl From<&ArchivedDevice> for Device {
    fn from(device: &ArchivedDevice) -> Self {
        Self {
            device: DeviceId(device.device.to_native()),
            generation: Generation(device.generation.to_native()),
            platform: Platform(device.platform),
            silent_s: device.silent_s.to_native(),
        }
    }
}

impl From<&ArchivedGroupMembersPage> for GroupMembersPage {
    fn from(page: &ArchivedGroupMembersPage) -> Self {
        let member = |member: &ArchivedGroupMember| GroupMember {
            uid: Uid(member.uid.to_native()),
            since: Seq(member.since_seq.to_native()),
            is_owner: member.is_owner != 0,
        };
        let members = page.members.iter().map(member).collect();
        Self { count: page.count.to_native(), members }
    }
}

/// A send that is durable, in all inboxes that it is for.
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

/// What the peer of a 1:1 chat does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Which chat.
    pub conversation: ConversationId,
    /// The peer.
    pub uid: Uid,
    /// What it does.
    pub does: Doing,
}

/// See [`Signal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It has read up to here. Of several the greatest counts.
    Read(Seq),
    /// It types, until another signal or message of it comes, or so many ms are over.
    Typing(u32),
    /// It records, as long.
    Recording(u32),
    /// It does neither any more.
    Nothing,
}

/// A conversation in the user's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chat {
    /// The newest message.
    pub recent: Message,
    /// When the user last read, Unix ms; 0 for never.
    pub read_time_ms: u64,
    /// Up to where the peer has read a 1:1 chat, as far as the server was told; 0: nothing. It grows without the chat's version.
    pub peer_read_seq: Seq,
    /// The rest.
    pub state: ChatState,
}

/// What the user did with a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatState {
    /// Which; `None`: a kind of conversation that this client does not know.
    pub conversation: Option<ConversationId>,
    /// Read up to here.
    pub read_seq: Seq,
    /// Messages that the user has not read.
    pub unread: u64,
    /// The version of the user's list in which it last changed.
    pub version: u64,
    /// Hidden until its next message.
    pub is_hidden: bool,
}

/// Some chats, ascending by conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatsPage {
    /// The chats.
    pub chats: Vec<Chat>,
    /// The version of the user's list.
    pub version: u64,
    /// Where the next page starts, if there is one.
    pub next_after: Option<ConversationId>,
}

impl From<&ArchivedMessage> for Message {
    fn from(message: &ArchivedMessage) -> Self {
        Self {
            inbox_seq: InboxSeq(message.inbox_seq.to_native()),
            conversation: message.conversation.id(),
            sender: Uid(message.sender.to_native()),
            seq: Seq(message.seq.to_native()),
            kind: RowKind(message.kind),
            number: message.number.to_native(),
            message_id: MessageId(message.message_id.to_native()),
            time_ms: message.time_ms.to_native(),
            client_msg_id: ClientMsgId(message.client_msg_id),
            body: Bytes::copy_from_slice(message.body.as_slice()),
            is_beginning: message.row_flags & ROW_IS_BEGINNING != 0,
        }
    }
}

impl From<&ArchivedChatReply> for ChatState {
    fn from(reply: &ArchivedChatReply) -> Self {
        Self {
            conversation: reply.conversation.id(),
            read_seq: Seq(reply.read_seq.to_native()),
            unread: reply.unread.to_native(),
            version: reply.version.to_native(),
            is_hidden: reply.is_hidden != 0,
        }
    }
}

impl Chat {
    fn new(chat: &ArchivedChat, peer_read_seq: Seq) -> Self {
        Self {
            recent: (&chat.recent).into(),
            read_time_ms: chat.read_time_ms.to_native(),
            peer_read_seq,
            state: ChatState {
                conversation: chat.conversation.id(),
                read_seq: Seq(chat.read_seq.to_native()),
                unread: chat.unread.to_native(),
                version: chat.version.to_native(),
                is_hidden: chat.is_hidden != 0,
            },
        }
    }
}

impl ChatsPage {
    /// Of a page, and what it tells of its first chats' peers.
    pub(crate) fn new(page: &ArchivedChatsPage, peer_read: &[Seq]) -> Self {
        let peer_read = peer_read.iter().copied().chain(std::iter::repeat(Seq(0)));
        Self {
            chats: page
                .chats
                .iter()
                .zip(peer_read)
                .map(|(chat, seq)| Chat::new(chat, seq))
                .collect(),
            version: page.version.to_native(),
            next_after: page.next_after.id(),
        }
    }
}

pub(crate) fn history(page: &ArchivedHistoryPage) -> Vec<Message> {
    page.messages.iter().map(Message::from).collect()
}
