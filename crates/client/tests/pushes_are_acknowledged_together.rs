//! When a client acknowledges what was pushed: gathered, but for what the server waits for. Time is a number.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use client::limits::{ACK_DELAY_MS, ACK_ROWS_MAX};
use common::{Session, push};
use wire::Kind;
use wire::frames::PushAck;

#[test]
fn so_many_or_so_long_or_until_something_is_written() {
    let mut session = Session::logged_in(4, 9, 4);
    let acked =
        |session: &mut Session| session.said_last(|it| it.read::<PushAck>().unwrap()).inbox_seq;
    let rows = u64::from(ACK_ROWS_MAX);
    for row in 5..4 + rows {
        session.hear(0, push(row - 1, row)).unwrap();
        assert_eq!(session.said(), [], "row {row} waits");
    }
    session.hear(0, push(3 + rows, 4 + rows)).unwrap();
    assert_eq!(acked(&mut session), 4 + rows, "so many do not wait");
    let mut row = 4 + rows;
    let mut next = |session: &mut Session| {
        row += 1;
        session.hear(0, push(row - 1, row)).unwrap();
        row
    };
    let first_ms = session.now_ms;
    next(&mut session);
    session.now_ms += ACK_DELAY_MS / 2;
    let last = next(&mut session);
    session.ring().unwrap();
    assert_eq!(session.now_ms, first_ms + ACK_DELAY_MS, "nor longer than this");
    assert_eq!(acked(&mut session), last);
    next(&mut session);
    session.send(b"x");
    assert_eq!(session.said(), [(Kind::Send, 3), (Kind::PushAck, 0)], "nor for nothing");
    next(&mut session);
    session.machine.on_disconnected();
    session.log_in(9, 6 + rows);
    session.hear_bytes(&[]).unwrap();
    assert!(session.said().iter().all(|said| said.0 != Kind::PushAck), "the login said it");
}

#[test]
fn what_the_server_waits_for_is_acknowledged_at_once() {
    let mut session = Session::new(2, 9);
    session.log_in(9, 4);
    session.said();
    session.hear(0, push(2, 3)).unwrap();
    assert_eq!(session.said(), [(Kind::PushAck, 0)], "more was missed than this row");
    session.hear(0, push(3, 4)).unwrap();
    assert_eq!(session.said(), []);
    session.hear(0, push(3, 4)).unwrap();
    assert_eq!(session.said(), [(Kind::PushAck, 0)], "it was pushed again");
    let mut session = Session::logged_in(4, 9, 4);
    session.machine.ack_each();
    for row in 5..8 {
        session.hear(0, push(row - 1, row)).unwrap();
        assert_eq!(session.said(), [(Kind::PushAck, 0)]);
    }
}
