//! Which kinds of frames there are, and what their extensions have. It knows no payload.

/// The protocol version of this crate.
pub const VERSION: u8 = 2;

kinds! {
    /// Client: the versions it speaks. The first frame.
    Hello = 0x01,
    /// Server: the version chosen and its limits.
    HelloReply = 0x02,
    /// Client: who it is, and how far its inbox goes.
    Login = 0x03,
    /// Server: the session, and how far the inbox goes.
    LoginReply = 0x04,
    /// Client: the session ends.
    Logout = 0x05,
    /// Server: the session has ended; the connection closes.
    LogoutReply = 0x06,
    /// Either side: are you there?
    Heartbeat = 0x07,
    /// Either side: yes; from the server with the inbox head.
    HeartbeatReply = 0x08,
    /// Client: a newer token for the session.
    Renew = 0x09,
    /// Server: the session may last as long as that.
    RenewReply = 0x0a,
    /// Client: a message.
    Send = 0x10,
    /// Server: the message is durable in all inboxes that it is for.
    SendAck = 0x11,
    /// Server: a message from the inbox.
    Push = 0x12,
    /// Client: everything in the inbox up to here has arrived.
    PushAck = 0x13,
    /// Client: inbox rows after a cursor, please.
    Sync = 0x20,
    /// Server: them.
    SyncPage = 0x21,
    /// Client: a conversation's messages, please.
    History = 0x22,
    /// Server: them.
    HistoryPage = 0x23,
    /// Client: chats, please.
    Chats = 0x24,
    /// Server: them.
    ChatsPage = 0x25,
    /// Client: a conversation is read up to here.
    MarkRead = 0x26,
    /// Client: hide a chat until its next message.
    HideChat = 0x27,
    /// Server: the chat after the change.
    ChatReply = 0x28,
    /// Server: no, and why.
    Refusal = 0x30,
    /// Server: it will close; when to come back. To a client that does not know [`Kind::SessionEnd`] also the end of its session.
    GoingAway = 0x31,
    /// Client: a group's members, please.
    GroupMembers = 0x43,
    /// Server: them.
    GroupMembersPage = 0x44,
    /// Client: what a group is, please.
    GroupInfo = 0x45,
    /// Server: that.
    GroupInfoReply = 0x46,
    /// Client: the user's devices that are logged in, please.
    Devices = 0x61,
    /// Server: them.
    DevicesPage = 0x62,
    /// Client: end the session of a device of the user.
    EndDevice = 0x63,
    /// Server: whether there was one.
    EndDeviceReply = 0x64,
    /// Client: by what its device is reached while it is away.
    PushToken = 0x65,
    /// Server: that is stored.
    PushTokenReply = 0x66,
    /// Server: the inbox reaches this far.
    InboxHead = 0x80,
    /// Server: the session ends now, why, and what the client does next.
    SessionEnd = 0x81,
    /// Either side: what holds for a moment, or is found later anyhow.
    Signal = 0x82,
}

/// Kinds from this one on are notes: nothing answers them, and whoever does not know one skips it.
pub const NOTES_FROM: u8 = 0x80;

/// Where the extensions of [`crate::frames::LoginReply`] and [`crate::frames::SyncPage`] have the inbox's tail: the first row that is still there, one behind the
/// head if none is. 0: it is not told.
pub const INBOX_TAIL: usize = 0;

/// Where the extensions of [`crate::frames::HeartbeatReply`] and [`crate::frames::Refusal`] have the server's clock, Unix ms. 0: it is not told.
pub const SERVER_TIME: usize = 0;

/// Where the extension of [`crate::frames::Login`] has the `message_id` of the row at its cursor; 0: it does not say.
pub const CURSOR_MESSAGE_ID: usize = 0;

/// Where the extension of [`crate::frames::Login`] has what the device is, a [`crate::Platform`]; 0: it does not say.
pub const PLATFORM: usize = 1;

/// Where the extension of [`crate::frames::ChatsPage`] has up to where the peer has read: a number for each chat of the page, in their order.
pub const PEER_READ_SEQS: usize = 0;

/// Where the extension of [`crate::frames::Send`] has the seq up to which its writer has seen the conversation; 0: it does not say.
pub const SEEN_SEQ: usize = 0;
