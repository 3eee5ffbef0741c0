//! A login's cursor begins the pushes: what the device missed comes without being asked for, in order, its own messages
//! too, as fast as it acknowledges. A login may begin at the head instead; a cursor that the inbox does not have begins
//! anew. A real gateway, frames by hand.

use crate::peer::{Peer, Told, framed, hello, id, send};
use crate::process::Gateway;
use wire::frames::{Login, LoginReply, PushAck};
use wire::{Bytes, PUSH_WINDOW_MAX, RefusalCode};

/// Says hello and a login of user 8 at once, before either is answered.
fn say_login(gateway: &Gateway, (cursor, inbox_epoch): (u64, u64), from_head: u8) -> Peer {
    let token = Bytes::from(gateway.token(8));
    let login = Login { device: 1, cursor, inbox_epoch, from_head, token };
    let mut peer = Peer::connect(gateway);
    peer.say(&[hello(), framed(2, login)].concat());
    peer.hear(|_| ()).expect("hello is answered");
    peer
}

/// The session and what its login was answered.
fn log_in(gateway: &Gateway, at: (u64, u64), from_head: u8) -> (Peer, LoginReply) {
    let mut peer = say_login(gateway, at, from_head);
    let reply = peer.hear(|frame| frame.read::<LoginReply>().unwrap());
    (peer, reply.expect("the login is answered"))
}

/// A gateway where user 7 has sent so many messages to user 8.
fn start(dir: &tempfile::TempDir, messages: u64) -> Gateway {
    let gateway = Gateway::start(dir.path(), &["--user-rate", "0", "--connection-rate", "0"]);
    let mut seven = Peer::logged_in(&gateway, 7, 1);
    for nth in 1..=messages {
        seven.say(&send(nth, (7, 8), id(nth.into()), &nth.to_le_bytes()));
        seven.acked();
    }
    gateway
}

/// The rows that come next, each pushed after the one before it.
#[track_caller]
fn comes(peer: &mut Peer, rows: std::ops::RangeInclusive<u64>) {
    for row in rows {
        let (previous, message) = peer.pushed();
        assert_eq!((previous, message.inbox_seq), (row - 1, row));
    }
}

#[test]
fn what_was_missed_is_pushed_from_the_cursor_on() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir, 5);
    let (mut eight, reply) = log_in(&gateway, (0, 0), 0);
    assert_eq!((reply.cursor, reply.inbox_head), (0, 5));
    comes(&mut eight, 1..=5);
    eight.say(&send(3, (8, 7), id(9), b"its own"));
    assert_eq!(eight.acked().inbox_seq, 6);
    let (mut eight, reply) = log_in(&gateway, (3, reply.inbox_epoch), 0);
    assert_eq!((reply.cursor, reply.inbox_head), (3, 6));
    comes(&mut eight, 4..=5);
    let (_, own) = eight.pushed();
    assert_eq!((own.inbox_seq, own.sender, own.body.as_ref()), (6, 8, &b"its own"[..]));
    let (mut eight, reply) = log_in(&gateway, (6, reply.inbox_epoch), 0);
    assert_eq!((reply.cursor, reply.inbox_head), (6, 6));
    let mut seven = Peer::logged_in(&gateway, 7, 1);
    seven.say(&send(3, (7, 8), id(10), b"new"));
    comes(&mut eight, 7..=7);
}

#[test]
fn more_than_a_window_is_pushed_as_it_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let rows = PUSH_WINDOW_MAX + 50;
    let gateway = start(&dir, rows);
    let (mut eight, _) = log_in(&gateway, (0, 0), 0);
    for row in 1..=rows {
        comes(&mut eight, row..=row);
        eight.say(&framed(0, PushAck { inbox_seq: row }));
    }
}

#[test]
fn a_login_may_begin_at_the_head() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir, 5);
    for at in [(0, 0), (3, 77)] {
        let (mut eight, reply) = log_in(&gateway, at, 1);
        let head = reply.inbox_head;
        assert_eq!(reply.cursor, head);
        let mut seven = Peer::logged_in(&gateway, 7, 1);
        seven.say(&send(3, (7, 8), id(u128::from(head) + 10), b"new"));
        comes(&mut eight, head + 1..=head + 1);
    }
    let mut peer = say_login(&gateway, (0, 0), 2);
    assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::OutOfRange, 0)));
    assert!(peer.ended());
}

#[test]
fn a_cursor_that_the_inbox_does_not_have_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir, 3);
    let (_, reply) = log_in(&gateway, (0, 0), 0);
    let epoch = reply.inbox_epoch;
    for at in [(4, epoch), (u64::MAX, epoch), (2, epoch + 1), (2, 0)] {
        let (mut eight, reply) = log_in(&gateway, at, 0);
        let begins = (reply.cursor, reply.inbox_head, reply.inbox_epoch);
        assert_eq!(begins, (0, 3, epoch), "{at:?}");
        comes(&mut eight, 1..=3);
    }
}
