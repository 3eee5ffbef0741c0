//! One frame of each kind with values that a reader can follow: the test vectors.

use super::AnyFrame;
use wire::frames::*;
use wire::{Bytes, ClientMsgId, RefusalCode};

const NOW_MS: u64 = 1_790_000_000_000;

fn id() -> [u8; 16] {
    ClientMsgId::new(NOW_MS - 40, 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10).0
}

fn message(inbox_seq: u64, seq: u64, body: &'static [u8]) -> Message {
    Message {
        inbox_seq,
        from: 7,
        to: 9,
        seq,
        message_id: 0x0010_0000_0000_0000 + seq,
        time_ms: NOW_MS,
        client_msg_id: id(),
        body: Bytes::from_static(body),
    }
}

/// In the order of [`wire::Kind::ALL`].
pub fn all() -> Vec<AnyFrame> {
    use AnyFrame as A;
    let text = Bytes::from_static(b"the queue is full");
    let contact = |peer, read_seq, unread| Contact {
        peer,
        recent: message(0, read_seq + unread, b"see you"),
        read_time_ms: NOW_MS - 5000,
        read_seq,
        unread,
        is_deleted: 0,
    };
    vec![
        A::Hello(Hello { version_min: 1, version_max: 1 }),
        A::HelloReply(HelloReply {
            version: 1,
            heartbeat_ms: 60_000,
            frame_bytes_max: 65_536,
            server_time_ms: NOW_MS,
        }),
        A::Login(Login {
            device: 3,
            cursor: 41,
            inbox_epoch: 1,
            token: Bytes::from_static(b"header.claims.mac"),
        }),
        A::LoginReply(LoginReply {
            uid: 9,
            generation: 12,
            inbox_epoch: 1,
            inbox_head: 43,
            server_time_ms: NOW_MS,
        }),
        A::Logout(Logout { generation: 12 }),
        A::LogoutReply(LogoutReply { generation: 12 }),
        A::Heartbeat(Heartbeat { time_ms: NOW_MS }),
        A::HeartbeatReply(HeartbeatReply { time_ms: NOW_MS, inbox_epoch: 1, inbox_head: 43 }),
        A::Send(Send { to: 9, client_msg_id: id(), body: Bytes::from_static(b"hello, world") }),
        A::SendAck(SendAck {
            message_id: 0x0010_0000_0000_0005,
            seq: 5,
            time_ms: NOW_MS,
            inbox_seq: 101,
        }),
        A::Push(Push { previous: 41, message: message(43, 5, b"hello, world") }),
        A::PushAck(PushAck { inbox_seq: 43 }),
        A::Sync(Sync { cursor: 41, limit: 100 }),
        A::SyncPage(SyncPage {
            inbox_epoch: 1,
            inbox_head: 43,
            messages: vec![message(42, 4, b"hello"), message(43, 5, b"hello, world")],
        }),
        A::History(History { peer: 7, before_seq: 6, limit: 2 }),
        A::HistoryPage(HistoryPage {
            peer: 7,
            messages: vec![message(0, 4, b""), message(0, 5, b"hello, world")],
        }),
        A::Contacts(Contacts { after_peer: 0, limit: 2 }),
        A::ContactsPage(ContactsPage {
            next_after_peer: 8,
            contacts: vec![contact(7, 5, 0), contact(8, 1, 2)],
        }),
        A::MarkRead(MarkRead { peer: 7, seq: 5 }),
        A::DeleteContact(DeleteContact { peer: 7 }),
        A::ContactReply(ContactReply { peer: 7, read_seq: 5, unread: 0, is_deleted: 1 }),
        A::Refusal(Refusal { code: RefusalCode::Busy as u16, retry_after_ms: 250, text }),
        A::GoingAway(GoingAway {
            code: RefusalCode::Draining as u16,
            reconnect_after_ms: 1000,
            jitter_ms: 30_000,
        }),
    ]
}
