//! Frames with values that a reader can follow: the test vectors. User 9 reads them, on its device 3.

use super::AnyFrame;
use wire::frames::*;
use wire::{Bytes, ClientMsgId, MessageId, Next, RefusalCode};

const NOW_MS: u64 = 1_790_000_000_000;

const DIRECT: Conversation = Conversation { kind: 1, a: 9, b: 7 };
const GROUP: Conversation = Conversation { kind: 2, a: 500, b: 0 };
const SYSTEM: Conversation = Conversation { kind: 3, a: 9, b: 0 };

fn id(seq: u64) -> [u8; 16] {
    let random = 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10;
    ClientMsgId::new(NOW_MS - 40, random + u128::from(seq)).0
}

/// A message of user 7 to user 9.
fn message(inbox_seq: u64, seq: u64, body: &'static [u8]) -> Message {
    Message {
        inbox_seq,
        conversation: DIRECT,
        seq,
        number: seq,
        sender: 7,
        message_id: MessageId::new(1, 2, seq).0,
        time_ms: NOW_MS,
        client_msg_id: id(seq),
        kind: 1,
        row_flags: 0,
        flags: 0,
        body: Bytes::from_static(body),
    }
}

/// What the system tells user 9.
fn notice(inbox_seq: u64, seq: u64) -> Message {
    let told = message(inbox_seq, seq, b"your parcel is on its way");
    Message { conversation: SYSTEM, sender: 0, ..told }
}

/// A group's message whose row holds only the beginning of the body. Some rows before it are no messages.
fn beginning(inbox_seq: u64, seq: u64) -> Message {
    let whole = message(inbox_seq, seq, b"the minutes of our meet");
    Message { conversation: GROUP, number: seq - 3, sender: 11, row_flags: 1, ..whole }
}

fn chat(conversation: Conversation, recent: Message, unread: u64) -> Chat {
    Chat {
        conversation,
        read_time_ms: NOW_MS - 5000,
        read_seq: recent.seq - unread,
        unread,
        version: 6 + unread,
        is_hidden: 0,
        recent,
    }
}

/// User 9 has read or hidden its conversation with user 7.
fn mark(inbox_seq: u64, kind: u8, seq: u64, unread: u64) -> Message {
    let (sender, message_id, client_msg_id) = (9, 0, [0; 16]);
    let row = message(inbox_seq, seq, b"");
    Message { number: unread, sender, message_id, client_msg_id, kind, ..row }
}

/// One of each kind, in the order of [`wire::Kind::ALL`].
pub fn all() -> Vec<AnyFrame> {
    [connection(), messages(), pages(), ends()].concat()
}

fn connection() -> Vec<AnyFrame> {
    use AnyFrame as A;
    vec![
        A::Hello(Hello { version_min: 2, version_max: 2, frame_bytes_max: 65_536, features: 0 }),
        A::HelloReply(HelloReply {
            version: 2,
            heartbeat_ms: 60_000,
            frame_bytes_max: 65_536,
            body_bytes_max: 32_768,
            page_rows_max: 256,
            push_window_max: 256,
            send_window_max: 64,
            features: 0,
            server_time_ms: NOW_MS,
        }),
        A::Login(Login {
            device: 3,
            cursor: 41,
            inbox_epoch: 1,
            from_head: 0,
            token: Bytes::from_static(b"header.claims.mac"),
        }),
        A::LoginReply(LoginReply {
            uid: 9,
            generation: 12,
            inbox_epoch: 1,
            inbox_head: 43,
            cursor: 41,
            server_time_ms: NOW_MS,
        }),
        A::Logout(Logout { generation: 12 }),
        A::LogoutReply(LogoutReply { generation: 12 }),
        A::Heartbeat(Heartbeat { time_ms: NOW_MS }),
        A::HeartbeatReply(HeartbeatReply { time_ms: NOW_MS, inbox_epoch: 1, inbox_head: 43 }),
        A::Renew(Renew { token: Bytes::from_static(b"header.later.mac") }),
        A::RenewReply(RenewReply { until_ms: NOW_MS + 3_600_000 }),
    ]
}

fn messages() -> Vec<AnyFrame> {
    use AnyFrame as A;
    vec![
        A::Send(Send {
            conversation: DIRECT,
            client_msg_id: id(5),
            kind: 1,
            flags: 0,
            body: Bytes::from_static(b"hello, world"),
        }),
        A::SendAck(SendAck {
            message_id: MessageId::new(1, 2, 5).0,
            seq: 5,
            time_ms: NOW_MS,
            inbox_seq: 101,
        }),
        A::Push(Push { previous: 41, message: message(43, 5, b"hello, world") }),
        A::PushAck(PushAck { inbox_seq: 43 }),
    ]
}

fn pages() -> Vec<AnyFrame> {
    use AnyFrame as A;
    vec![
        A::Sync(Sync { cursor: 41, limit: 100 }),
        A::SyncPage(SyncPage {
            inbox_epoch: 1,
            inbox_head: 45,
            messages: vec![
                message(42, 4, b"hello"),
                message(43, 5, b"hello, world"),
                beginning(44, 80),
                notice(45, 1),
            ],
        }),
        A::History(History { conversation: DIRECT, before_seq: 6, limit: 2 }),
        A::HistoryPage(HistoryPage {
            conversation: DIRECT,
            messages: vec![message(0, 4, b""), message(0, 5, b"hello, world")],
        }),
        A::Chats(Chats { after: Conversation::NONE, limit: 2 }),
        A::ChatsPage(ChatsPage {
            next_after: SYSTEM,
            version: 8,
            chats: vec![
                chat(DIRECT, message(43, 5, b"hello, world"), 0),
                chat(SYSTEM, notice(45, 1), 1),
            ],
        }),
        A::MarkRead(MarkRead { conversation: SYSTEM, seq: 1 }),
        A::HideChat(HideChat { conversation: DIRECT }),
        A::ChatReply(ChatReply {
            conversation: DIRECT,
            read_seq: 5,
            unread: 0,
            version: 9,
            is_hidden: 1,
        }),
    ]
}

fn ends() -> Vec<AnyFrame> {
    use AnyFrame as A;
    vec![
        A::Refusal(Refusal {
            code: RefusalCode::Busy as u16,
            retry_after_ms: 250,
            text: Bytes::from_static(b"a queue is full"),
        }),
        A::GoingAway(GoingAway {
            code: RefusalCode::Draining as u16,
            reconnect_after_ms: 1000,
            jitter_ms: 30_000,
        }),
        A::GroupMembers(GroupMembers { conversation: GROUP, after_uid: 7, limit: 2 }),
        A::GroupMembersPage(GroupMembersPage {
            conversation: GROUP,
            count: 3,
            members: vec![
                GroupMember { uid: 9, since_seq: 1, is_owner: 1 },
                GroupMember { uid: 11, since_seq: 4, is_owner: 0 },
            ],
        }),
        A::Devices(Devices { after_generation: 12, limit: 8 }),
        A::DevicesPage(DevicesPage {
            devices: vec![
                Device { device: 7_215, generation: 4_294_967_309, silent_s: 0, platform: 7 },
                Device { device: 7_216, generation: 4_294_967_310, silent_s: 40, platform: 0 },
            ],
        }),
        A::EndDevice(EndDevice { device: 7_216 }),
        A::EndDeviceReply(EndDeviceReply { was_logged_in: 1 }),
        A::PushToken(PushToken { token: Bytes::from_static(b"c9f1:APA91bE"), provider: 2 }),
        A::PushTokenReply(PushTokenReply { is_kept: 1 }),
        A::GroupInfo(GroupInfo { conversation: GROUP }),
        A::GroupInfoReply(GroupInfoReply {
            conversation: GROUP,
            seq: 12,
            count: 3,
            muted_until_ms: NOW_MS + 60_000,
            title: Bytes::from_static(b"walks"),
            notice: Bytes::from_static("at nine, by the bridge".as_bytes()),
            roles: vec![
                GroupRole { uid: 9, role: 2, muted_until_ms: 0 },
                GroupRole { uid: 11, role: 1, muted_until_ms: 0 },
                GroupRole { uid: 12, role: 0, muted_until_ms: NOW_MS + 30_000 },
            ],
        }),
        A::InboxHead(InboxHead { inbox_epoch: 1, inbox_head: 45 }),
        A::SessionEnd(SessionEnd {
            code: RefusalCode::SessionReplaced as u16,
            next: Next::StayAway.to_wire(),
            wait_ms: 0,
            jitter_ms: 0,
            text: Bytes::from_static(b"this device logged in elsewhere"),
        }),
        A::Signal(Signal { conversation: DIRECT, uid: 7, seq: 5, ttl_ms: 0, kind: 1 }),
    ]
}

/// A change of a group.
fn change(kind: u8, seq: u64, body: impl Into<Bytes>) -> AnyFrame {
    let (conversation, client_msg_id, flags) = (GROUP, id(seq), 0);
    AnyFrame::Send(Send { conversation, client_msg_id, kind, flags, body: body.into() })
}

/// More of some kinds, each with what is particular about it.
pub fn more() -> Vec<(&'static str, AnyFrame)> {
    use AnyFrame as A;
    let later = Message {
        conversation: Conversation { kind: 200, a: 77, b: 5 },
        number: 5,
        kind: 200,
        row_flags: 0x80,
        flags: 0x8000,
        ..message(44, 6, b"who knows")
    };
    vec![
        (
            "first",
            A::Login(Login {
                device: 3,
                cursor: 0,
                inbox_epoch: 0,
                from_head: 1,
                token: Bytes::from_static(b"header.claims.mac"),
            }),
        ),
        ("system", A::Push(Push { previous: 44, message: notice(45, 1) })),
        (
            "add",
            change(17, 6, Bytes::from_static(&[9, 0, 0, 0, 0, 0, 0, 0, 11, 1, 0, 0, 0, 0, 0, 0])),
        ),
        (
            "role",
            change(21, 7, Bytes::from_static(&[1, 0, 0, 0, 0, 0, 0, 0, 11, 1, 0, 0, 0, 0, 0, 0])),
        ),
        ("mute", change(22, 8, [(NOW_MS + 30_000).to_le_bytes(), 12_u64.to_le_bytes()].concat())),
        ("rename", change(23, 9, Bytes::from_static(b"walks"))),
        ("empty", A::SyncPage(SyncPage { inbox_epoch: 1, inbox_head: 45, messages: vec![] })),
        ("empty", A::HistoryPage(HistoryPage { conversation: DIRECT, messages: vec![] })),
        (
            "empty",
            A::ChatsPage(ChatsPage { next_after: Conversation::NONE, version: 8, chats: vec![] }),
        ),
        ("read", A::Push(Push { previous: 43, message: mark(44, 2, 4, 1) })),
        (
            "hidden",
            A::SyncPage(SyncPage {
                inbox_epoch: 1,
                inbox_head: 45,
                messages: vec![mark(45, 3, 5, 0)],
            }),
        ),
        // Values that a later release may send: another kind of row and of conversation, other flags, another code.
        ("later", A::Push(Push { previous: 43, message: later })),
        (
            "later",
            A::SessionEnd(SessionEnd {
                code: 65_000,
                next: 200,
                wait_ms: 1000,
                jitter_ms: 30_000,
                text: Bytes::new(),
            }),
        ),
        (
            "typing",
            A::Signal(Signal { conversation: DIRECT, uid: 0, seq: 0, ttl_ms: 6000, kind: 2 }),
        ),
        (
            "later",
            A::Signal(Signal { conversation: DIRECT, uid: 7, seq: 9, ttl_ms: 50, kind: 200 }),
        ),
        ("later", A::Refusal(Refusal { code: 65_000, retry_after_ms: 500, text: Bytes::new() })),
    ]
}
