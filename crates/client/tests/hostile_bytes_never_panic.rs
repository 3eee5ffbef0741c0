//! Whatever a server sends, in whatever state of the session, the machine reads it or ends the connection: random bytes,
//! valid frames of every kind with values at their edges, and such frames with a byte changed.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, its numbers are small"
)]

mod common;

use client::machine::Turn;
use common::{START_MS, Session, changed, frame, hello_reply, message};
use proptest::prelude::*;
use wire::frames::*;
use wire::{Bytes, Scratch};

/// The states that a session can be in.
fn session(state: u8) -> Session {
    let mut session = match state {
        0 => Session::new(4, 9),
        1 => Session::logged_in(4, 9, 4),
        2 => Session::logged_in(4, 9, u64::MAX),
        _ => Session::logged_in(u64::MAX, 9, u64::MAX),
    };
    if state == 0 {
        session.machine.on_connected(START_MS, &mut session.out);
    }
    session.send(b"x");
    session
}

fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..12, Just(u64::MAX), Just(u64::MAX - 1), Just(1 << 63), any::<u64>()]
}

prop_compose! {
    fn any_frame()(kind in 0..28, a in edge(), b in edge(), c in edge(), rows in prop::collection::vec(edge(), 0..5),
        request_id in 0_u64..6, text in prop::collection::vec(any::<u8>(), 0..9)) -> Vec<u8> {
        let text = Bytes::from(text);
        let small = u32::try_from(b & 0xffff_ffff).unwrap();
        let code = u16::try_from(a % 30).unwrap();
        let byte = u8::try_from(a % 3).unwrap();
        let mut row = message(a);
        row.body = text.clone();
        let messages: Vec<_> = rows.iter().map(|&row| message(row)).collect();
        let conversation = Conversation { kind: byte, a, b };
        let chat = Chat {
            conversation: conversation.clone(), recent: row.clone(), read_time_ms: c, read_seq: a, unread: b, version: c, is_hidden: byte,
        };
        match kind {
            0 => frame(request_id, Hello { version_min: byte, version_max: byte, frame_bytes_max: small, features: a }),
            1 => frame(request_id, HelloReply { version: byte, heartbeat_ms: small, server_time_ms: c, ..hello_reply() }),
            2 => frame(request_id, Login { device: a, cursor: b, inbox_epoch: c, from_head: byte, token: text }),
            3 => frame(request_id, LoginReply { uid: a, generation: b, inbox_epoch: a, inbox_head: b, cursor: c, server_time_ms: c }),
            4 => frame(request_id, Logout { generation: a }),
            5 => frame(request_id, LogoutReply { generation: a }),
            6 => frame(request_id, Heartbeat { time_ms: a }),
            7 => frame(request_id, HeartbeatReply { time_ms: a, inbox_epoch: b, inbox_head: c }),
            8 => frame(request_id, Send { conversation, client_msg_id: [3; 16], kind: byte, flags: code, body: text }),
            9 => frame(request_id, SendAck { message_id: a, seq: b, time_ms: c, inbox_seq: b }),
            10 => frame(request_id, Push { previous: b, message: row }),
            11 => frame(request_id, PushAck { inbox_seq: a }),
            12 => frame(request_id, Sync { cursor: a, limit: small }),
            13 => frame(request_id, SyncPage { inbox_epoch: 9, inbox_head: b, messages }),
            14 => frame(request_id, SyncPage { inbox_epoch: a, inbox_head: b, messages }),
            15 => frame(request_id, HistoryPage { conversation, messages }),
            16 => frame(request_id, ChatsPage { next_after: conversation, version: c, chats: vec![chat] }),
            17 => frame(request_id, ChatReply { conversation, read_seq: b, unread: c, version: a, is_hidden: byte }),
            18 => frame(request_id, Refusal { code, retry_after_ms: small, text }),
            19 => frame(request_id, GoingAway { code, reconnect_after_ms: small, jitter_ms: small }),
            20 => frame(request_id, MarkRead { conversation, seq: b }),
            21 => frame(request_id, hello_reply()),
            22 => frame(request_id, InboxHead { inbox_epoch: 9, inbox_head: b }),
            23 => frame(request_id, InboxHead { inbox_epoch: a, inbox_head: b }),
            24 => frame(request_id, SessionEnd { code, next: byte, wait_ms: small, jitter_ms: small, text }),
            27 => frame(request_id, Signal { conversation, uid: a, seq: b, ttl_ms: small, kind: byte % 9 }),
            25 => changed(frame(request_id, PushAck { inbox_seq: a }), 0x7f, &[a]),
            26 => changed(frame(request_id, PushAck { inbox_seq: a }), 0xff, &[]),
            _ => frame(request_id, Push { previous: a, message: message(a.wrapping_add(1)) }),
        }
    }
}

/// Reads pieces until the machine ends the connection, rings its timers meanwhile, then starts another connection.
fn hear(mut session: Session, pieces: &[Vec<u8>]) {
    let mut scratch = Scratch::default();
    for bytes in pieces {
        let turn = Turn { now_ms: session.now_ms, out: &mut session.out, scratch: &mut scratch };
        if session.machine.on_bytes(bytes, turn, &mut |_| {}).is_err() {
            break;
        }
        if let Some(ms) = session.machine.next_timer_ms() {
            session.now_ms = session.now_ms.max(ms);
            if session.machine.on_timer(session.now_ms, &mut session.out).is_err() {
                break;
            }
        }
    }
    session.machine.on_disconnected();
    session.machine.reconnect_delay_ms();
    session.machine.on_connected(session.now_ms, &mut session.out);
    assert!(session.machine.sends_pending() <= 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(state in 0_u8..4, pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4)) {
        hear(session(state), &pieces);
    }

    #[test]
    fn frames_of_every_kind(state in 0_u8..4, pieces in prop::collection::vec(any_frame(), 1..8)) {
        hear(session(state), &pieces);
    }

    #[test]
    fn a_session_from_its_start(pieces in prop::collection::vec(any_frame(), 0..6), epoch in edge(), head in edge()) {
        let mut session = Session::new(4, 9);
        session.log_in(epoch, head);
        hear(session, &pieces);
    }

    #[test]
    fn changed_bytes(state in 0_u8..4, bytes in any_frame(), at in any::<prop::sample::Index>(), xor in 1_u8.., cut in any::<prop::sample::Index>()) {
        let mut bytes = bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= xor;
        let (head, tail) = bytes.split_at(cut.index(bytes.len()));
        hear(session(state), &[head.to_vec(), tail.to_vec()]);
    }
}
