//! The payload of every kind: integers, byte strings and flat lists of them.
//!
//! A frame's archive is the struct below, then its kind as a `u64`: the archive itself says what it is.

use crate::exact::{Exact, Walk};
use crate::{Frame, Kind};
use bytes::Bytes;
use rkyv::{Archive, Archived, Deserialize, Serialize};

macro_rules! frame {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
        #[rkyv(attr(doc = "Archived, as it is on the wire."))]
        #[rkyv(attr(allow(missing_docs, reason = "the fields are those of the struct")))]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Exact for Archived<$name> {
            const HAS_PARTS: bool = true;

            #[inline]
            fn walk(&self, walk: &mut Walk<'_>) {
                let end = walk.start(self);
                $(let end = walk.field(end, &self.$field);)*
                walk.zeros(end, walk.start(self) + size_of::<Self>());
            }
        }
    };
    ($(#[$doc:meta])* $name:ident = kind { $($fields:tt)* }) => {
        frame! { $(#[$doc])* $name { $($fields)* } }
        impl Frame for $name { const KIND: Kind = Kind::$name; }
    };
}

frame! { /// The first frame of a connection.
Hello = kind {
    /// Lowest version that the client speaks.
    version_min: u8,
    /// Highest version that the client speaks.
    version_max: u8,
} }

frame! { /// Answers [`Hello`].
HelloReply = kind {
    /// The version to use from here on.
    version: u8,
    /// Send a heartbeat when nothing else was sent for this long, in ms.
    heartbeat_ms: u32,
    /// Largest frame accepted after login, in bytes.
    frame_bytes_max: u32,
    /// The server's clock, Unix ms.
    server_time_ms: u64,
} }

frame! { /// Who the client is.
Login = kind {
    /// The device, chosen by the client once and kept.
    device: u64,
    /// The last inbox row that this device has; 0 for none.
    cursor: u64,
    /// The epoch that the cursor is of; 0 for none.
    inbox_epoch: u64,
    /// A JWT whose `sub` is the uid in decimal.
    token: Bytes,
} }

frame! { /// Answers [`Login`].
LoginReply = kind {
    /// The user.
    uid: u64,
    /// The login's number; a higher one of the same device replaces it.
    generation: u64,
    /// The inbox's epoch. If it differs from the client's, the client starts again from cursor 0.
    inbox_epoch: u64,
    /// The last inbox row. If it is above the cursor, the client syncs.
    inbox_head: u64,
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

frame! { /// Answers [`Heartbeat`]. From a client the inbox fields are 0.
HeartbeatReply = kind {
    /// The asker's `time_ms`.
    time_ms: u64,
    /// The inbox's epoch.
    inbox_epoch: u64,
    /// The last inbox row: a device that has less has missed a push.
    inbox_head: u64,
} }

frame! { /// A message to a user.
Send = kind {
    /// The recipient.
    to: u64,
    /// A UUIDv7, kept across retries.
    client_msg_id: [u8; 16],
    /// Opaque to the server.
    body: Bytes,
} }

frame! { /// The message is durable, in both inboxes. A retry gets the same answer.
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
    /// The sender.
    from: u64,
    /// The recipient.
    to: u64,
    /// Its place in the conversation.
    seq: u64,
    /// The server's id of the message.
    message_id: u64,
    /// When the server took it, Unix ms.
    time_ms: u64,
    /// The sender's id of it.
    client_msg_id: [u8; 16],
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
    /// The other user.
    peer: u64,
    /// Messages before this seq; 0 for the newest.
    before_seq: u64,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A page of a conversation, ascending; it ends just before `before_seq`.
HistoryPage = kind {
    /// The other user.
    peer: u64,
    /// The messages. Empty: there is nothing older.
    messages: Vec<Message>,
} }

frame! { /// Asks for contacts. Answered by [`ContactsPage`].
Contacts = kind {
    /// Contacts whose uid is above this one; 0 for the first page.
    after_peer: u64,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A contact: the user's side of one 1:1 conversation.
Contact {
    /// The other user.
    peer: u64,
    /// The newest message.
    recent: Message,
    /// When the user last read, Unix ms; 0 for never.
    read_time_ms: u64,
    /// Read up to this seq.
    read_seq: u64,
    /// Messages that the user has not read.
    unread: u64,
    /// 1 if the user deleted the contact after its newest message.
    is_deleted: u8,
} }

frame! { /// A page of contacts, ascending by peer.
ContactsPage = kind {
    /// Ask for the next page after this peer; 0: there is none.
    next_after_peer: u64,
    /// The contacts.
    contacts: Vec<Contact>,
} }

frame! { /// The conversation is read up to `seq`. Answered by [`ContactReply`].
MarkRead = kind {
    /// The other user.
    peer: u64,
    /// Read up to here.
    seq: u64,
} }

frame! { /// Hides a contact until its next message. Answered by [`ContactReply`].
DeleteContact = kind {
    /// The other user.
    peer: u64,
} }

frame! { /// A contact's state after [`MarkRead`] or [`DeleteContact`].
ContactReply = kind {
    /// The other user.
    peer: u64,
    /// Read up to this seq.
    read_seq: u64,
    /// Messages that the user has not read.
    unread: u64,
    /// 1 if deleted.
    is_deleted: u8,
} }

frame! { /// A request was refused, or the connection will close. Carries the request's id.
Refusal = kind {
    /// A [`crate::RefusalCode`].
    code: u16,
    /// Retry not before this many ms; 0 where a retry makes no sense.
    retry_after_ms: u32,
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
