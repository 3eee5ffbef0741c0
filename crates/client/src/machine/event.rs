//! What a session tells its driver. Frames are lent as they lie in the receive buffer.

use crate::message::Signal;
use wire::frames::{
    ArchivedChatReply, ArchivedChatsPage, ArchivedDevicesPage, ArchivedGroupInfoReply,
    ArchivedGroupMembersPage, ArchivedHistoryPage, ArchivedMessage,
};
use wire::{ClientMsgId, ConversationId, Generation, InboxSeq, MessageId};
use wire::{RefusalCode, Seq, Uid};

/// Something that the driver or the application may want to know.
pub enum Event<'a> {
    /// The session is up. Queued sends were written.
    LoggedIn {
        /// Who the token is for.
        uid: Uid,
        /// The login's number.
        generation: Generation,
        /// The inbox's epoch; the application keeps it beside its cursor.
        inbox_epoch: u64,
        /// The last inbox row; what is above the cursor follows.
        inbox_head: InboxSeq,
    },
    /// The inbox started anew (another epoch, or it is shorter than this device's cursor): its messages come again
    /// from its first row, so forget what was known of its rows.
    InboxReset {
        /// The new epoch; keep it beside the cursor.
        inbox_epoch: u64,
    },
    /// The next message, in inbox order, each once. Messages that this device sent come only if it was away since.
    Message {
        /// The message.
        message: &'a ArchivedMessage,
        /// It had been missed: it came by a push after a login, or in a sync.
        via_sync: bool,
    },
    /// A pushed row that was here already. It was dropped, and acknowledged again.
    WireDuplicate {
        /// The row.
        inbox_seq: InboxSeq,
    },
    /// A pushed row came before its predecessors. It was dropped; a sync brings all of them.
    GapDetected {
        /// The last row that is here.
        cursor: InboxSeq,
        /// The row that was pushed.
        inbox_seq: InboxSeq,
    },
    /// The server's inbox has no rows between these two (they are over their time to live): see chats and histories. The cursor is
    /// behind them.
    RowsMissing {
        /// The last row that is here.
        after: InboxSeq,
        /// The next row that there is.
        before: InboxSeq,
    },
    /// Everything up to here has been delivered.
    Synced {
        /// The cursor.
        head: InboxSeq,
    },
    /// A send has another id from here on: it was made on a clock that is not the server's, and is stored nowhere.
    NewId {
        /// The id that it had.
        former: ClientMsgId,
        /// The one that it has.
        client_msg_id: ClientMsgId,
    },
    /// A send is durable. Once for each.
    Acked {
        /// The client's id of it.
        client_msg_id: ClientMsgId,
        /// Where to.
        conversation: ConversationId,
        /// The server's id of it.
        message_id: MessageId,
        /// Its place in the conversation.
        seq: Seq,
        /// When the server took it, Unix ms.
        time_ms: u64,
    },
    /// A request was refused. It may be one that ended before: a send that was repeated is answered twice.
    Refused {
        /// The send that it was, if it was one.
        client_msg_id: Option<ClientMsgId>,
        /// The request.
        request_id: u64,
        /// Why; `None` is a code of a newer server.
        code: Option<RefusalCode>,
        /// Retry not before this many ms.
        retry_after_ms: u32,
        /// For a person.
        text: &'a str,
        /// It is not over: the machine repeats it by itself, or waits for the answer to another copy. Otherwise this is its end.
        will_retry: bool,
    },
    /// Answers a history request.
    HistoryPage {
        /// The request.
        request_id: u64,
        /// Its answer.
        page: &'a ArchivedHistoryPage,
    },
    /// Answers a request for chats.
    ChatsPage {
        /// The request.
        request_id: u64,
        /// Its answer.
        page: &'a ArchivedChatsPage,
        /// Up to where the peer has read each chat of the page, in order; the others are not read by any.
        peer_read: &'a [Seq],
    },
    /// A peer does something now. It may be lost, and is not kept.
    Signal(Signal),
    /// Answers a request to mark a chat as read, or to hide it.
    ChatReply {
        /// The request.
        request_id: u64,
        /// Its answer.
        reply: &'a ArchivedChatReply,
    },
    /// A newer token was taken.
    Renewed {
        /// The request.
        request_id: u64,
        /// The session lasts at least as long as that, Unix ms.
        until_ms: u64,
    },
    /// Answers a request for a group's members.
    GroupMembersPage {
        /// The request.
        request_id: u64,
        /// Its answer.
        page: &'a ArchivedGroupMembersPage,
    },
    /// Answers a request for the user's devices.
    DevicesPage {
        /// The request.
        request_id: u64,
        /// Its answer.
        page: &'a ArchivedDevicesPage,
    },
    /// Answers a request to store by what the device is reached while it is away.
    PushTokenSet {
        /// The request.
        request_id: u64,
        /// It is reached by something now.
        is_kept: bool,
    },
    /// Answers a request to end the session of a device.
    DeviceEnded {
        /// The request.
        request_id: u64,
        /// Whether there was one.
        was_logged_in: bool,
    },
    /// Answers a request for what a group is.
    GroupInfo {
        /// The request.
        request_id: u64,
        /// Its answer.
        reply: &'a ArchivedGroupInfoReply,
    },
    /// A heartbeat was answered.
    HeartbeatReply {
        /// Time since it was asked.
        round_trip_ms: u64,
    },
    /// The server will close the connection. New sends are queued for the next one.
    GoingAway {
        /// Come back not before this many ms ...
        reconnect_after_ms: u32,
        /// ... plus a random part of this many.
        jitter_ms: u32,
    },
    /// The logout was confirmed: close the connection.
    LoggedOut,
}
