//! Rows of the inbox that the server no longer has: what is told of them, and where the session goes on.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, its numbers are small"
)]

mod common;

use common::{START_MS, Session, changed, frame, hello_reply, login_reply, message, push};
use wire::Kind;
use wire::frames::SyncPage;

fn page(rows: &[u64], inbox_epoch: u64, inbox_head: u64) -> SyncPage {
    let messages = rows.iter().map(|&row| message(row)).collect();
    SyncPage { inbox_epoch, inbox_head, messages }
}

/// A login's reply or a page with the inbox's tail.
fn tailed(frame: Vec<u8>, tail: u64) -> Vec<u8> {
    let kind = frame[4];
    changed(frame, kind, &[tail])
}

#[test]
fn a_login_below_the_tail_says_what_is_missing_and_goes_on_from_the_tail() {
    let mut session = Session::new(4, 9);
    session.machine.on_connected(START_MS, &mut session.out);
    session.hear(1, hello_reply()).unwrap();
    session.hear_bytes(&tailed(frame(2, login_reply(9, 9, 4)), 8)).unwrap();
    assert_eq!(session.told(), ["logged in 7 head 9", "missing 4 to 8"]);
    session.hear(0, push(7, 8)).unwrap();
    session.hear(0, push(8, 9)).unwrap();
    assert_eq!(session.told(), ["synced 8", "synced 9", "in sync 9"]);
}

#[test]
fn an_inbox_of_which_nothing_is_left_is_in_sync() {
    for tail in [10, u64::MAX] {
        let mut session = Session::new(4, 9);
        session.machine.on_connected(START_MS, &mut session.out);
        session.hear(1, hello_reply()).unwrap();
        session.said();
        session.hear_bytes(&tailed(frame(2, login_reply(9, 9, 4)), tail)).unwrap();
        assert_eq!(session.told(), ["logged in 7 head 9", "missing 4 to 10", "in sync 9"]);
        assert_eq!((session.machine.cursor().0, session.said()), (9, vec![]));
    }
}

#[test]
fn a_tail_below_the_cursor_is_no_news() {
    for tail in 0..=5 {
        let mut session = Session::new(4, 9);
        session.machine.on_connected(START_MS, &mut session.out);
        session.hear(1, hello_reply()).unwrap();
        session.hear_bytes(&tailed(frame(2, login_reply(9, 9, 4)), tail)).unwrap();
        assert_eq!(session.told(), ["logged in 7 head 9"], "{tail}");
        assert_eq!(session.machine.cursor().0, 4);
    }
}

#[test]
fn a_page_below_the_tail_says_once_what_is_missing() {
    let mut session = Session::logged_in(2, 9, 2);
    session.hear(0, push(7, 8)).unwrap();
    assert_eq!(session.said(), [(Kind::Sync, 3)]);
    session.told();
    session.hear_bytes(&tailed(frame(3, page(&[6, 7, 8], 9, 8)), 6)).unwrap();
    assert_eq!(session.told(), ["missing 2 to 6", "synced 6", "synced 7", "synced 8", "in sync 8"]);
    session.hear(0, push(9, 10)).unwrap();
    session.told();
    session.hear_bytes(&tailed(frame(4, page(&[], 9, 10)), 11)).unwrap();
    assert_eq!(session.told(), ["missing 8 to 11", "in sync 10"]);
    assert_eq!(session.machine.cursor().0, 10);
}

/// What comes is dropped, so nothing of it may count as here.
#[test]
fn a_page_that_is_not_taken_moves_no_cursor() {
    let mut session = Session::logged_in(2, 9, 2);
    session.hear(0, push(7, 8)).unwrap();
    session.machine.hold(true, START_MS, &mut session.out);
    session.told();
    session.hear_bytes(&tailed(frame(3, page(&[6, 7, 8], 9, 8)), 6)).unwrap();
    assert_eq!((session.told(), session.machine.cursor().0), (vec![], 2));
}
