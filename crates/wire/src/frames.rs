//! Every kind of frame, and its payload: integers, byte strings and flat lists of them.
//!
//! A frame's archive is its struct, then its kind as a `u64`: the archive itself says what it is.

mod devices;
mod groups;
mod signals;

pub use devices::*;
pub use groups::*;
pub use signals::*;

use crate::SEND_WINDOW_MAX;
use crate::exact::{Exact, Walk};
use crate::kind::{Kind, VERSION};
use crate::{BODY_BYTES_MAX, FEATURES, FRAME_BYTES_MAX, PAGE_ROWS_MAX, PUSH_WINDOW_MAX};
use bytes::Bytes;
use rkyv::{Archive, Archived, Deserialize, Serialize};

/// A struct that is the payload of one kind of frame.
pub trait Frame: Archive<Archived: Exact> + 'static {
    /// The kind that a header of it carries.
    const KIND: Kind;
}

frame! { /// A conversation, as [`crate::ConversationId`] has it.
Conversation {
    /// What it is: 1 two users, 2 a group, 3 what the system tells one user, 4 what it tells many.
    kind: u8,
    /// The greater uid of two; the group; the user; the topic.
    a: u64,
    /// The smaller uid of two, else 0.
    b: u64,
} }

frame! { /// The first frame of a connection.
Hello = kind {
    /// Lowest version that the client speaks.
    version_min: u8,
    /// Highest version that the client speaks.
    version_max: u8,
    /// Largest frame that the client takes, in bytes; at least [`crate::FRAME_BYTES_MAX`].
    frame_bytes_max: u32,
    /// Bits of what the client knows of: 1, the end of a session is said by [`SessionEnd`]; 2, it wants each [`Signal`].
    features: u64,
} }

frame! { /// Answers [`Hello`]: what is in force on this connection.
HelloReply = kind {
    /// The version to use from here on.
    version: u8,
    /// Send a heartbeat when nothing else was sent for this long, in ms.
    heartbeat_ms: u32,
    /// Largest frame accepted after login, in bytes.
    frame_bytes_max: u32,
    /// Largest body of a message, in bytes.
    body_bytes_max: u32,
    /// Most rows that a page may be asked for.
    page_rows_max: u32,
    /// Pushes that wait for their ack, at most.
    push_window_max: u32,
    /// Messages of one conversation that may wait for their ack.
    send_window_max: u32,
    /// Bits of what both sides know of.
    features: u64,
    /// The server's clock, Unix ms.
    server_time_ms: u64,
} }

impl HelloReply {
    /// What a server of this build says to a client that knows of these features: its version, its limits and what both
    /// know of.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn new(heartbeat_ms: u32, features: u64, server_time_ms: u64) -> Self {
        Self {
            version: VERSION,
            heartbeat_ms,
            frame_bytes_max: u32::try_from(FRAME_BYTES_MAX).expect("small"),
            body_bytes_max: u32::try_from(BODY_BYTES_MAX).expect("small"),
            page_rows_max: PAGE_ROWS_MAX,
            push_window_max: u32::try_from(PUSH_WINDOW_MAX).expect("small"),
            send_window_max: SEND_WINDOW_MAX,
            features: features & FEATURES,
            server_time_ms,
        }
    }
}

frame! { /// Who the client is, and what it has.
Login = kind {
    /// The device, chosen by the client once and kept.
    device: u64,
    /// The last inbox row that this device has; 0 for none.
    cursor: u64,
    /// The epoch that the cursor is of; 0 for none.
    inbox_epoch: u64,
    /// 1: begin at the inbox's head, whatever the cursor says; 0: at the cursor.
    from_head: u8,
    /// A JWT whose `sub` is the uid in decimal.
    token: Bytes,
} }

frame! { /// Answers [`Login`].
LoginReply = kind {
    /// The user.
    uid: u64,
    /// The login's number; a higher one of the same device replaces it.
    generation: u64,
    /// The inbox's epoch.
    inbox_epoch: u64,
    /// The last inbox row.
    inbox_head: u64,
    /// The row after which pushes begin: the client's cursor from here on. If it is not the one that the client gave, the
    /// client takes it, and forgets what it has above it.
    cursor: u64,
    /// The server's clock, Unix ms.
    server_time_ms: u64,
} }

frame! { /// Ends the session.
Logout = kind {
    /// The session's generation.
    generation: u64,
} }

frame! { /// Answers [`Logout`].
LogoutReply = kind {
    /// The session's generation.
    generation: u64,
} }

frame! { /// Are you there? Either side may ask.
Heartbeat = kind {
    /// The asker's clock, Unix ms; comes back.
    time_ms: u64,
} }

frame! { /// Answers [`Heartbeat`]. From a client the inbox fields are 0. A server adds its clock, Unix ms: see [`crate::SERVER_TIME`].
HeartbeatReply = kind {
    /// The asker's `time_ms`.
    time_ms: u64,
    /// The inbox's epoch.
    inbox_epoch: u64,
    /// The last inbox row: a device that has less has missed a push.
    inbox_head: u64,
} }

frame! { /// A newer token of the same user. Answered by [`RenewReply`].
Renew = kind {
    /// The token, as in [`Login`].
    token: Bytes,
} }

frame! { /// Answers [`Renew`]: the session lasts at least as long as that.
RenewReply = kind {
    /// When the token is believed no more, Unix ms.
    until_ms: u64,
} }

frame! { /// The inbox reaches this far: a device that has less has missed a push. A note, not answered.
InboxHead = kind {
    /// The inbox's epoch.
    inbox_epoch: u64,
    /// The last inbox row.
    inbox_head: u64,
} }

frame! { /// A message to a conversation.
Send = kind {
    /// Where to.
    conversation: Conversation,
    /// A UUIDv7, kept across retries. Two conversations may use one id.
    client_msg_id: [u8; 16],
    /// A [`crate::RowKind`]: 1, a message; 16 to 19 and 21 to 25, a change of a group. Others are refused as Unsupported.
    kind: u8,
    /// 0. Other bits are refused as Unsupported.
    flags: u16,
    /// Opaque to the server; of a change of a group what its kind wants: uids, ascending, 8 bytes each, or a text.
    body: Bytes,
} }

frame! { /// The message is durable, in all inboxes that it is for. A retry gets the same answer.
SendAck = kind {
    /// The server's id of the message.
    message_id: u64,
    /// Its place in the conversation.
    seq: u64,
    /// When the server took it, Unix ms.
    time_ms: u64,
    /// The sender's own inbox row of it; if it follows the device's cursor, the cursor moves to it. 0 in the
    /// answer to some retries: the row then comes with the next page or is skipped by the next push.
    inbox_seq: u64,
} }

frame! { /// A message as it stands in an inbox or a conversation.
Message {
    /// Its place in the reader's inbox; 0 in a history page.
    inbox_seq: u64,
    /// Where it belongs.
    conversation: Conversation,
    /// Its place in the conversation.
    seq: u64,
    /// Messages in the conversation up to and with this row. Rows of other kinds are not counted.
    number: u64,
    /// Who sent it.
    sender: u64,
    /// The server's id of it.
    message_id: u64,
    /// When the server took it, Unix ms.
    time_ms: u64,
    /// The sender's id of it.
    client_msg_id: [u8; 16],
    /// A [`crate::RowKind`]: 1, a message; 16 to 25, a row of a group. A client skips others that it does not know, and
    /// acknowledges them. In rows of kind 2 and 3 `seq` is the place up to which the user has read, `number` how many messages
    /// are unread behind it.
    kind: u8,
    /// Bits of the reader's row: 1, `body` is only the beginning, and the whole is in the history. Others are ignored.
    row_flags: u8,
    /// Bits of the message; none has a meaning yet. Others are ignored.
    flags: u16,
    /// As the sender sent it.
    body: Bytes,
} }

frame! { /// A message for this device. Rows that the device itself sent are not pushed to it, so the rows between
/// `previous` and this one are its own: it is next if `previous` is not above the device's cursor.
Push = kind {
    /// The inbox row that was pushed to this device before this one.
    previous: u64,
    /// The message.
    message: Message,
} }

frame! { /// Everything up to `inbox_seq` has arrived. Not answered.
PushAck = kind {
    /// The last inbox row of the unbroken run that the device has.
    inbox_seq: u64,
} }

frame! { /// Asks for inbox rows. Answered by [`SyncPage`].
Sync = kind {
    /// Rows after this one.
    cursor: u64,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A page of the inbox, ascending. The client goes on from the last row until it has the head.
SyncPage = kind {
    /// The inbox's epoch.
    inbox_epoch: u64,
    /// The last inbox row there is.
    inbox_head: u64,
    /// The rows.
    messages: Vec<Message>,
} }

frame! { /// Asks for a conversation's messages. Answered by [`HistoryPage`].
History = kind {
    /// Which.
    conversation: Conversation,
    /// Messages before this seq; 0 for the newest.
    before_seq: u64,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A page of a conversation, ascending; it ends just before `before_seq`.
HistoryPage = kind {
    /// Which.
    conversation: Conversation,
    /// The messages. Empty: there is nothing older.
    messages: Vec<Message>,
} }

frame! { /// Asks for chats. Answered by [`ChatsPage`].
Chats = kind {
    /// Chats whose conversation is above this one, by kind, then `a`, then `b`; all 0 for the first page.
    after: Conversation,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A chat: a conversation in a user's list.
Chat {
    /// Which.
    conversation: Conversation,
    /// The newest message.
    recent: Message,
    /// When the user last read, Unix ms; 0 for never.
    read_time_ms: u64,
    /// Read up to this seq.
    read_seq: u64,
    /// Messages that the user has not read.
    unread: u64,
    /// The version of the user's list in which this chat last changed.
    version: u64,
    /// 1 if the user hid the chat after its newest message.
    is_hidden: u8,
} }

frame! { /// A page of chats, ascending by conversation.
ChatsPage = kind {
    /// Ask for the next page after this one; all 0: there is none.
    next_after: Conversation,
    /// The version of the user's list: it grows with each change of a chat.
    version: u64,
    /// The chats.
    chats: Vec<Chat>,
} }

frame! { /// The conversation is read up to `seq`. Answered by [`ChatReply`].
MarkRead = kind {
    /// Which.
    conversation: Conversation,
    /// Read up to here.
    seq: u64,
} }

frame! { /// Hides a chat until its next message. Answered by [`ChatReply`].
HideChat = kind {
    /// Which.
    conversation: Conversation,
} }

frame! { /// A chat's state after [`MarkRead`] or [`HideChat`].
ChatReply = kind {
    /// Which.
    conversation: Conversation,
    /// Read up to this seq.
    read_seq: u64,
    /// Messages that the user has not read.
    unread: u64,
    /// The version of the user's list in which the chat last changed.
    version: u64,
    /// 1 if hidden.
    is_hidden: u8,
} }

frame! { /// A request was refused, or the connection will close. Carries the request's id. A server that refuses an id for
/// its time adds its clock, Unix ms: see [`crate::SERVER_TIME`].
Refusal = kind {
    /// A [`crate::RefusalCode`].
    code: u16,
    /// Retry not before this many ms; 0 where a retry makes no sense.
    retry_after_ms: u32,
    /// For a person; UTF-8.
    text: Bytes,
} }

frame! { /// This session ends now, and its connection closes. A note, not answered. Said to clients that know it.
SessionEnd = kind {
    /// A [`crate::RefusalCode`]: why.
    code: u16,
    /// What the client does next, a [`crate::Next`].
    next: u8,
    /// Come back not before this many ms ...
    wait_ms: u32,
    /// ... plus a random part of this many.
    jitter_ms: u32,
    /// For a person; UTF-8.
    text: Bytes,
} }

frame! { /// The server will close this connection. Finish what is in flight and come back elsewhere.
GoingAway = kind {
    /// A [`crate::RefusalCode`]: why.
    code: u16,
    /// Come back not before this many ms ...
    reconnect_after_ms: u32,
    /// ... plus a random part of this many.
    jitter_ms: u32,
} }

const _: () = assert!(size_of::<ArchivedMessage>() == crate::MESSAGE_BYTES);
const _: () = assert!(size_of::<ArchivedChat>() == crate::CHAT_BYTES);
