//! Frames of all kinds, said at every stage of a session.

use super::*;
use crate::canary::is_reserved;
use shard::command::{Begin, Command};
use wire::{
    BODY_BYTES_MAX, Bytes, DeviceId, FRAME_BYTES_MAX, FrameBuffer, Generation, InboxSeq, MessageId,
    RowKind, Scratch, Seq, Uid, encode, encode_extended, frames,
};

const LOGIN: Login = Login { uid: Uid(7), device: DeviceId(1), generation: Generation(1) };

#[track_caller]
fn check(stage: Stage, bytes: &[u8], expect: impl Fn(&Action) -> bool) {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut frames = buffer.read(bytes, FRAME_BYTES_MAX);
    let frame = frames.next(&mut scratch).unwrap().unwrap();
    let login = (stage == Stage::Active).then_some(LOGIN);
    let (action, _) = decide(stage, login, &frame);
    assert!(expect(&action), "{stage:?} {:?} gave {action:?}", frame.header.kind);
}

fn send(to: u64, body: usize) -> Vec<u8> {
    let mut out = vec![];
    let body = Bytes::from(vec![1; body]);
    let conversation = frames::Conversation { kind: 1, a: to.max(7), b: to.min(7) };
    let send = frames::Send { conversation, client_msg_id: [0; 16], kind: 1, flags: 0, body };
    encode(&mut out, 1, send);
    out
}

#[test]
fn nothing_but_hello_and_login_before_login() {
    let closes = |action: &Action| *action == Action::Close(RefusalCode::NotLoggedIn);
    for stage in [Stage::New, Stage::Greeted, Stage::LoggingIn] {
        check(stage, &send(8, 1), closes);
    }
    check(Stage::Closing, &send(8, 1), |action| *action == Action::Ignore);
}

#[test]
fn sends_are_checked() {
    let is_send = |action: &Action| matches!(action, Action::Submit(Command::Send(_)));
    check(Stage::Active, &send(8, 1), is_send);
    let refused = |code| move |action: &Action| *action == Action::Refuse(code);
    check(Stage::Active, &send(7, 1), refused(RefusalCode::BadRecipient));
    check(Stage::Active, &send(0, 1), refused(RefusalCode::BadRecipient));
    assert!(is_reserved(Uid(u64::MAX)));
    check(Stage::Active, &send(u64::MAX, 1), refused(RefusalCode::BadRecipient));
    check(Stage::Active, &send(8, BODY_BYTES_MAX + 1), refused(RefusalCode::BodyTooLarge));
}

#[test]
fn a_send_says_up_to_where_its_writer_has_seen_or_does_not() {
    let conversation = frames::Conversation { kind: 1, a: 8, b: 7 };
    let (client_msg_id, kind, flags, body) = ([0; 16], 1, 0, Bytes::new());
    for (extension, expected) in [(&[][..], 0), (&[41], 41), (&[41, 9], 41)] {
        let (mut out, body) = (vec![], body.clone());
        let conversation = conversation.clone();
        let send = frames::Send { conversation, client_msg_id, kind, flags, body };
        encode_extended(&mut out, 1, send, extension);
        check(
            Stage::Active,
            &out,
            |action| matches!(action, Action::Submit(Command::Send(send)) if send.seen == Seq(expected)),
        );
    }
}

#[test]
fn what_a_later_release_may_mean_is_refused_as_unsupported() {
    let unsupported = |action: &Action| *action == Action::Refuse(RefusalCode::Unsupported);
    let direct = frames::Conversation { kind: 1, a: 8, b: 7 };
    let of_kind = |kind| frames::Conversation { kind, a: 8, b: 0 };
    for (conversation, kind, flags) in [
        (of_kind(4), 1, 0),
        (of_kind(200), 1, 0),
        (of_kind(2), 20, 0),
        (of_kind(2), 1, 1),
        (direct.clone(), 2, 0),
        (direct, 1, 1),
    ] {
        let (mut out, body) = (vec![], Bytes::new());
        let send = frames::Send { conversation, client_msg_id: [0; 16], kind, flags, body };
        encode(&mut out, 1, send);
        check(Stage::Active, &out, unsupported);
    }
    check(Stage::Active, &unknown(0x7f), unsupported);
}

#[test]
fn what_is_said_to_a_group_is_checked() {
    let id = wire::ClientMsgId::new(5, 6);
    let made = wire::ConversationId::made_by(Uid(7), id);
    let said = |a, kind: RowKind, body: Bytes| {
        let (mut out, conversation) = (vec![], frames::Conversation { kind: 2, a, b: 0 });
        let send = frames::Send { conversation, client_msg_id: id.0, kind: kind.0, flags: 0, body };
        encode(&mut out, 1, send);
        out
    };
    let body = |uids: &[u64]| wire::put_uids(uids.iter().copied().map(Uid).collect());
    let is_send = |action: &Action| matches!(action, Action::Submit(Command::Send(_)));
    let refused = |code| move |action: &Action| *action == Action::Refuse(code);
    for (bytes, is_taken) in [
        (said(8, RowKind::MESSAGE, Bytes::new()), true),
        (said(8, RowKind::MEMBERS_ADDED, body(&[9, 300])), true),
        (said(8, RowKind::MEMBER_LEFT, Bytes::new()), true),
        (said(made.home(), RowKind::GROUP_CREATED, body(&[8])), true),
        (said(8, RowKind::MEMBERS_ADDED, Bytes::new()), false),
        (said(8, RowKind::MEMBERS_ADDED, Bytes::from_static(b"not uids")), true),
        (said(8, RowKind::MEMBERS_REMOVED, Bytes::from_static(b"odd")), false),
        (said(8, RowKind::MEMBERS_ADDED, body(&[u64::MAX])), false),
        (said(8, RowKind::MEMBER_LEFT, body(&[7])), false),
    ] {
        match is_taken {
            true => check(Stage::Active, &bytes, is_send),
            false => check(Stage::Active, &bytes, refused(RefusalCode::OutOfRange)),
        }
    }
    let recipient = refused(RefusalCode::BadRecipient);
    check(Stage::Active, &said(8, RowKind::GROUP_CREATED, body(&[8])), recipient);
    check(Stage::Active, &said(1 << 63, RowKind::MESSAGE, Bytes::new()), recipient);
}

#[test]
fn an_unknown_note_is_skipped_at_every_stage() {
    for stage in [Stage::New, Stage::Greeted, Stage::LoggingIn, Stage::Active] {
        check(stage, &unknown(0xfe), |action| *action == Action::Ignore);
    }
    let closes = |action: &Action| *action == Action::Close(RefusalCode::NotLoggedIn);
    check(Stage::New, &unknown(0x7f), closes);
}

/// A frame of a kind that this release does not have.
fn unknown(kind: u8) -> Vec<u8> {
    let mut out = vec![];
    encode(&mut out, 9, frames::PushAck { inbox_seq: 1 });
    out[4] = kind;
    let checksum = crc32fast::hash(&[&out[..16], &out[20..]].concat());
    out[16..20].copy_from_slice(&checksum.to_le_bytes());
    out
}

#[test]
fn what_the_system_tells_is_read_by_its_user_only() {
    let system = |uid| frames::Conversation { kind: 3, a: uid, b: 0 };
    let history = |conversation| {
        let mut out = vec![];
        encode(&mut out, 1, frames::History { conversation, before_seq: 0, limit: 1 });
        out
    };
    check(Stage::Active, &history(system(7)), |action| matches!(action, Action::Submit(_)));
    let refused = |action: &Action| *action == Action::Refuse(RefusalCode::BadRecipient);
    check(Stage::Active, &history(system(8)), refused);
    let (mut out, body) = (vec![], Bytes::new());
    let (conversation, client_msg_id) = (system(7), [0; 16]);
    encode(&mut out, 1, frames::Send { conversation, client_msg_id, kind: 1, flags: 0, body });
    check(Stage::Active, &out, refused);
}

#[test]
fn a_login_says_where_its_pushes_begin() {
    let (row, message_id) = (InboxSeq(41), MessageId(5));
    let has_it = Begin::After { row, epoch: 9, message_id };
    for (from_head, extension, expected) in [
        (0, &[][..], Some(Begin::after(row, 9))),
        (0, &[5], Some(has_it)),
        (1, &[], Some(Begin::Head)),
        (2, &[], None),
    ] {
        let (mut out, token) = (vec![], Bytes::from_static(b"t"));
        let login = frames::Login { device: 1, cursor: 41, inbox_epoch: 9, from_head, token };
        encode_extended(&mut out, 1, login, extension);
        check(Stage::Greeted, &out, |action| match expected {
            Some(begin) => matches!(action, Action::Login { from, .. } if *from == begin),
            None => *action == Action::Close(RefusalCode::OutOfRange),
        });
    }
}

#[test]
fn what_a_server_says_closes() {
    let mut out = vec![];
    encode(&mut out, 0, frames::LogoutReply { generation: 1 });
    check(Stage::Active, &out, |action| *action == Action::Close(RefusalCode::Malformed));
}

#[test]
fn pages_have_limits() {
    for (limit, fits) in [(0, false), (1, true), (256, true), (257, false), (u32::MAX, false)] {
        let mut out = vec![];
        encode(&mut out, 0, frames::Sync { cursor: 0, limit });
        check(Stage::Active, &out, |action| matches!(action, Action::Submit(_)) == fits);
    }
}

#[test]
fn versions_must_overlap() {
    for (version_min, version_max, fits) in
        [(2, 2, true), (0, 9, true), (3, 4, false), (1, 1, false), (2, 1, false)]
    {
        let action = hello(version_min, version_max, 65_536);
        check(Stage::New, &action, |action| {
            matches!(action, Action::Greet { features: u64::MAX }) == fits
        });
    }
    check(Stage::New, &hello(2, 2, 65_535), |action| {
        *action == Action::Close(RefusalCode::OutOfRange)
    });
}

fn hello(version_min: u8, version_max: u8, frame_bytes_max: u32) -> Vec<u8> {
    let mut out = vec![];
    let features = u64::MAX;
    encode(&mut out, 0, frames::Hello { version_min, version_max, frame_bytes_max, features });
    out
}

#[test]
fn a_kind_stands_in_the_table_once() {
    for (at, request) in REQUESTS.iter().enumerate() {
        let after = &REQUESTS[at + 1..];
        assert!(after.iter().all(|other| other.kind != request.kind), "{:?}", request.kind);
    }
}
