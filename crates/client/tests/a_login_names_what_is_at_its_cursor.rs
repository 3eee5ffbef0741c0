//! A login names the message at the cursor, as it was pushed, paged or acked, so that a server whose store was put back finds that
//! it has another one there.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use client::Position;
use client::machine::{Credentials, Machine};
use common::{START_MS, Session, message};
use wire::frames::{InboxHead, Login, Message, Push, SendAck, SyncPage};
use wire::{Bytes, CURSOR_MESSAGE_ID, DeviceId, InboxSeq, MessageId};

fn page(rows: &[u64], inbox_head: u64) -> SyncPage {
    let messages = rows.iter().map(|row| message(*row)).collect();
    SyncPage { inbox_epoch: 9, inbox_head, messages }
}

/// What a login says of the message at the cursor, after what was heard.
fn named(hear: impl FnOnce(&mut Session)) -> (u64, u64) {
    let mut session = Session::logged_in(5, 9, 5);
    hear(&mut session);
    session.machine.on_disconnected();
    session.out.clear();
    session.machine.on_connected(START_MS, &mut session.out);
    session.said_last(|frame| {
        (frame.read::<Login>().unwrap().cursor, frame.extended(CURSOR_MESSAGE_ID))
    })
}

#[test]
fn a_login_names_the_message_at_the_cursor() {
    assert_eq!(named(|_| {}), (5, 0), "it was not told");
    let next = Push { previous: 5, message: Message { message_id: 77, ..message(6) } };
    assert_eq!(named(|session| session.hear(0, next.clone()).unwrap()), (6, 77));
    let own = SendAck { message_id: 78, seq: 1, time_ms: START_MS, inbox_seq: 6 };
    let send = |session: &mut Session| {
        session.send(b"hi");
        session.hear(3, own.clone()).unwrap();
    };
    assert_eq!(named(send), (6, 78));
    let paged = |session: &mut Session| {
        session.hear(0, InboxHead { inbox_epoch: 9, inbox_head: 7 }).unwrap();
        session.hear(3, page(&[6, 7], 7)).unwrap();
    };
    assert_eq!(named(paged), (7, 7));
    let behind_the_tail = |session: &mut Session| {
        session.hear(0, next.clone()).unwrap();
        session.hear(0, InboxHead { inbox_epoch: 9, inbox_head: 9 }).unwrap();
        session.hear(3, page(&[], 9)).unwrap();
    };
    assert_eq!(named(behind_the_tail), (9, 0));
    let anew = |session: &mut Session| {
        session.hear(0, next.clone()).unwrap();
        session.hear(0, InboxHead { inbox_epoch: 10, inbox_head: 0 }).unwrap();
    };
    assert_eq!(named(anew), (0, 0));
}

#[test]
fn an_application_gives_the_message_back_that_it_kept() {
    let position = Position { cursor: InboxSeq(5), message_id: MessageId(77), inbox_epoch: 9 };
    let credentials = Credentials { token: Bytes::from_static(b"token"), device: DeviceId(1) };
    let mut session = Session::new(0, 0);
    session.machine = Machine::new(credentials, position, 1);
    session.machine.on_connected(START_MS, &mut session.out);
    assert_eq!(session.said_last(|frame| frame.extended(CURSOR_MESSAGE_ID)), 77);
    assert_eq!(session.machine.position(), position);
}
