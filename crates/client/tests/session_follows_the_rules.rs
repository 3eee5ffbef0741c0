//! The rules of one session, one by one, against a scripted other end: login, heartbeats, acks, gaps, retries,
//! refusals, leaving. Time is a number, so nothing waits.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, its numbers are small"
)]

mod common;

use client::ClientError;
use client::limits::{
    ACK_TIMEOUT_MS, LOGIN_TIMEOUT_MS, PUSHES_TIMEOUT_MS, RECONNECT_MS, SENDS_PENDING_MAX,
    SYNC_TIMEOUT_MS,
};
use common::{HEARTBEAT_MS, OFFSET_MS, START_MS, Session, ack, changed, frame};
use common::{hello_reply, login_reply, message, push, refusal, ring_until_sent, with};
use wire::frames::{
    GoingAway, Heartbeat, HeartbeatReply, HelloReply, InboxHead, Login, LogoutReply, PushAck,
    Refusal, Send, SessionEnd, Sync, SyncPage,
};
use wire::{Bytes, Kind, RefusalCode};

fn page(rows: &[u64], inbox_epoch: u64, inbox_head: u64) -> SyncPage {
    let messages = rows.iter().map(|&row| message(row)).collect();
    SyncPage { inbox_epoch, inbox_head, messages }
}

#[test]
fn hello_and_login_go_out_together_with_the_cursor() {
    let mut session = Session::new(5, 9);
    session.machine.on_connected(START_MS, &mut session.out);
    let mut said = Session::new(0, 0);
    said.out = session.out.clone();
    assert_eq!(said.said(), [(Kind::Hello, 1), (Kind::Login, 2)]);
    let login = session.said_last(|frame| frame.read::<Login>().unwrap());
    assert_eq!((login.cursor, login.inbox_epoch, login.device, login.from_head), (5, 9, 1, 0));
}

#[test]
fn a_login_that_is_not_answered_ends_the_connection() {
    let mut session = Session::new(0, 0);
    session.machine.on_connected(START_MS, &mut session.out);
    assert!(matches!(session.ring(), Err(ClientError::LoginTimeout)));
    assert_eq!(session.now_ms, START_MS + LOGIN_TIMEOUT_MS);
}

#[test]
fn another_version_is_a_clear_error() {
    let mut session = Session::new(0, 0);
    session.machine.on_connected(START_MS, &mut session.out);
    let error = session.hear(1, HelloReply { version: 3, ..hello_reply() }).unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("version 3"), "{error}");
    let mut session = Session::new(0, 0);
    session.machine.on_connected(START_MS, &mut session.out);
    let error = session.hear(1, refusal(RefusalCode::UnsupportedVersion, 0)).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    let mut bytes = frame(1, hello_reply());
    bytes[5] = 9;
    let error = session.hear_bytes(&bytes).unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains('9'), "{error}");
}

#[test]
fn missed_rows_come_by_pushes_after_a_login() {
    let mut session = Session::new(2, 9);
    session.log_in(9, 4);
    session.said();
    let bytes: Vec<u8> = (3..=5).flat_map(|row| frame(0, push(row - 1, row))).collect();
    session.hear_bytes(&bytes).unwrap();
    let told = ["logged in 7 head 4", "synced 3", "synced 4", "in sync 4", "pushed 5"];
    assert_eq!(session.told(), told, "the last one is new");
    assert_eq!(session.said(), [(Kind::PushAck, 0)], "nothing was asked for");
    session.ring().unwrap();
    assert_eq!(session.said(), [(Kind::Heartbeat, 3)], "nor is it later");
}

#[test]
fn the_ack_of_a_missed_own_row_ends_the_catching_up() {
    let mut session = Session::logged_in(4, 9, 4);
    let id = session.send(b"x");
    session.machine.on_disconnected();
    session.log_in(9, 5);
    session.told();
    session.hear(3, ack(1, 5)).unwrap();
    assert_eq!(session.told(), [format!("acked {id:?} 1"), "in sync 5".to_owned()]);
    session.hear(0, push(5, 6)).unwrap();
    assert_eq!(session.told(), ["pushed 6"], "this one was not missed");
}

#[test]
fn missed_rows_are_asked_for_if_their_pushes_stop() {
    let mut session = Session::new(2, 9);
    session.log_in(9, 6);
    session.now_ms += 100;
    session.hear(0, push(2, 3)).unwrap();
    session.hear(0, push(4, 5)).unwrap();
    assert_eq!(session.told(), ["logged in 7 head 6", "synced 3"], "4 may still come");
    session.said();
    session.ring().unwrap();
    assert_eq!(session.now_ms, START_MS + 100 + PUSHES_TIMEOUT_MS);
    let sync = session.said_last(|frame| frame.read::<Sync>().unwrap());
    assert_eq!(sync.cursor, 3);
    session.hear(3, page(&[4, 5, 6], 9, 6)).unwrap();
    assert_eq!(session.told(), ["synced 4", "synced 5", "synced 6", "in sync 6"]);
}

#[test]
fn a_login_without_pushes_syncs_page_by_page() {
    let mut session = Session::new(2, 9);
    session.log_in(9, 6);
    assert_eq!(session.told(), ["logged in 7 head 6"]);
    session.said();
    session.ring().unwrap();
    let sync = session.said_last(|frame| frame.read::<Sync>().unwrap());
    assert_eq!((sync.cursor, sync.limit), (2, 256));
    session.hear(3, page(&[3, 4], 9, 6)).unwrap();
    assert_eq!(session.told(), ["synced 3", "synced 4"]);
    assert_eq!(session.said(), [(Kind::Sync, 4), (Kind::PushAck, 0)]);
    session.hear(4, page(&[5, 6], 9, 6)).unwrap();
    assert_eq!(session.told(), ["synced 5", "synced 6", "in sync 6"]);
    let ack = session.said_last(|frame| frame.read::<PushAck>().unwrap());
    assert_eq!(ack.inbox_seq, 6);
}

#[test]
fn pushes_are_delivered_once_and_acked_once_a_piece() {
    let mut session = Session::logged_in(4, 9, 4);
    let bytes: Vec<u8> = [(4, 5), (5, 6), (5, 6), (6, 8)]
        .iter()
        .flat_map(|&(previous, row)| frame(0, push(previous, row)))
        .collect();
    session.hear_bytes(&bytes).unwrap();
    assert_eq!(session.told(), ["pushed 5", "pushed 6", "duplicate 6", "pushed 8"]);
    let ack = session.said_last(|frame| frame.read::<PushAck>().unwrap());
    assert_eq!(ack.inbox_seq, 8);
    session.hear(0, push(4, 5)).unwrap();
    assert_eq!(session.told(), ["duplicate 5"]);
    let ack = session.said_last(|frame| frame.read::<PushAck>().unwrap());
    assert_eq!(ack.inbox_seq, 8, "a duplicate is acknowledged again");
}

#[test]
fn a_gap_is_healed_by_one_sync() {
    let mut session = Session::logged_in(4, 9, 4);
    session.hear(0, push(5, 6)).unwrap();
    session.hear(0, push(6, 7)).unwrap();
    assert_eq!(session.told(), ["gap 4 to 6"]);
    assert_eq!(session.said(), [(Kind::Sync, 3)]);
    session.hear(3, page(&[5, 6], 9, 6)).unwrap();
    assert_eq!(session.told(), ["synced 5", "synced 6"]);
    assert_eq!(session.said(), [(Kind::Sync, 4), (Kind::PushAck, 0)], "7 was dropped meanwhile");
    session.hear(4, page(&[7], 9, 7)).unwrap();
    assert_eq!(session.told(), ["synced 7", "in sync 7"]);
}

#[test]
fn a_sync_that_is_not_answered_or_refused_is_asked_again() {
    let mut session = Session::logged_in(4, 9, 4);
    session.hear(0, push(5, 6)).unwrap();
    assert_eq!(session.said(), [(Kind::Sync, 3)]);
    session.ring().unwrap();
    assert_eq!(session.now_ms, START_MS + SYNC_TIMEOUT_MS);
    assert_eq!(session.said(), [(Kind::Sync, 4)]);
    session.hear(3, page(&[5, 6], 9, 6)).unwrap();
    session.told();
    session.hear(4, refusal(RefusalCode::Busy, 700)).unwrap();
    assert_eq!(session.told(), ["refused Some(Busy), again"]);
    session.ring().unwrap();
    assert_eq!(session.now_ms, START_MS + SYNC_TIMEOUT_MS + 700);
    assert_eq!(session.said(), [(Kind::Sync, 5)]);
}

#[test]
fn pushes_replace_a_sync_that_was_lost_with_its_connection() {
    let mut session = Session::logged_in(4, 9, 4);
    session.hear(0, push(5, 6)).unwrap();
    assert_eq!(session.said(), [(Kind::Sync, 3)]);
    session.machine.on_disconnected();
    session.log_in(9, 6);
    session.told();
    for row in [5, 6] {
        session.hear(0, push(row - 1, row)).unwrap();
    }
    assert_eq!(session.told(), ["synced 5", "synced 6", "in sync 6"]);
}

#[test]
fn rows_over_their_time_to_live_are_reported_not_waited_for() {
    let mut session = Session::new(2, 9);
    session.log_in(9, 8);
    session.ring().unwrap();
    session.told();
    session.hear(3, page(&[5, 6], 9, 8)).unwrap();
    assert_eq!(session.told(), ["missing 2 to 5", "synced 5", "synced 6"]);
    session.hear(4, page(&[], 9, 8)).unwrap();
    assert_eq!(session.told(), ["missing 6 to 9", "in sync 8"]);
}

#[test]
fn another_epoch_starts_the_inbox_anew() {
    let mut session = Session::new(4, 9);
    session.log_in(10, 2);
    assert_eq!(session.told(), ["reset 10", "logged in 7 head 2"]);
    for row in [1, 2] {
        session.hear(0, push(row - 1, row)).unwrap();
    }
    assert_eq!(session.told(), ["synced 1", "synced 2", "in sync 2"]);
    session.hear(0, HeartbeatReply { time_ms: START_MS, inbox_epoch: 11, inbox_head: 1 }).unwrap();
    assert_eq!(session.told(), ["reset 11", "heartbeat 0"]);
    assert_eq!(session.machine.position().inbox_epoch, 11);
}

#[test]
fn a_cursor_above_the_head_starts_the_inbox_anew() {
    let mut session = Session::new(4, 9);
    session.log_in(9, 1);
    assert_eq!(session.told(), ["reset 9", "logged in 7 head 1"]);
    session.hear(0, push(0, 1)).unwrap();
    assert_eq!(session.told(), ["synced 1", "in sync 1"]);
    assert_eq!((session.machine.cursor().0, session.machine.position().inbox_epoch), (1, 9));
}

#[test]
fn a_first_login_may_begin_at_the_head() {
    let mut session = Session::new(0, 0);
    session.machine.on_connected(START_MS, &mut session.out);
    session.hear(1, hello_reply()).unwrap();
    session.hear(2, login_reply(9, 6, 6)).unwrap();
    session.hear(0, push(6, 7)).unwrap();
    assert_eq!(session.told(), ["logged in 7 head 6", "in sync 6", "pushed 7"]);
}

#[test]
fn news_of_the_head_is_followed_by_a_sync() {
    let mut session = Session::logged_in(4, 9, 4);
    session.hear(0, InboxHead { inbox_epoch: 9, inbox_head: 4 }).unwrap();
    assert_eq!(session.said(), [], "nothing is missing");
    session.hear(0, InboxHead { inbox_epoch: 9, inbox_head: 5 }).unwrap();
    assert_eq!(session.said(), [(Kind::Sync, 3)]);
    session.hear(0, InboxHead { inbox_epoch: 10, inbox_head: 2 }).unwrap();
    assert_eq!(session.told(), ["reset 10"]);
    let sync = session.said_last(|frame| frame.read::<Sync>().unwrap());
    assert_eq!(sync.cursor, 0);
}

#[test]
fn what_a_later_server_says_is_skipped() {
    const KIND: u8 = 0x7f;
    const NOTE: u8 = 0xff;
    for kind in [KIND, NOTE] {
        let unknown = changed(frame(0, push(4, 5)), kind, &[]);
        let mut session = Session::new(4, 9);
        session.machine.on_connected(START_MS, &mut session.out);
        session.hear_bytes(&unknown).unwrap();
        session.hear(1, hello_reply()).unwrap();
        session.hear_bytes(&unknown).unwrap();
        session.hear(2, login_reply(9, 4, 4)).unwrap();
        session.out.clear();
        session.hear_bytes(&unknown).unwrap();
        assert_eq!(session.told(), ["logged in 7 head 4", "in sync 4"]);
        assert_eq!(session.said(), []);
        session.hear(0, push(4, 5)).unwrap();
        assert_eq!(session.told(), ["pushed 5"], "the session goes on");
    }
}

#[test]
fn a_frame_with_an_extension_is_read_as_without() {
    let mut session = Session::logged_in(4, 9, 4);
    let extended = changed(frame(0, push(4, 5)), Kind::Push as u8, &[1, u64::MAX]);
    let next = frame(0, push(5, 6));
    session.hear_bytes(&[extended, next].concat()).unwrap();
    assert_eq!(session.told(), ["pushed 5", "pushed 6"]);
}

#[test]
fn the_own_row_of_an_ack_moves_the_cursor_without_a_word() {
    let mut session = Session::logged_in(4, 9, 4);
    let id = session.send(b"x");
    session.said();
    session.hear(3, ack(1, 5)).unwrap();
    assert_eq!(session.told(), [format!("acked {id:?} 1")]);
    assert_eq!((session.machine.cursor().0, session.said()), (5, vec![]));
    session.hear(3, ack(1, 0)).unwrap();
    assert_eq!(session.told(), [""; 0], "a second ack is nothing new");
}

#[test]
fn ids_are_made_on_the_servers_clock() {
    let mut session = Session::logged_in(4, 9, 4);
    let id = session.send(b"x");
    assert_eq!(id.unix_ms(), Some(START_MS + OFFSET_MS));
}

#[test]
fn a_send_keeps_its_id_over_timeouts_refusals_and_connections() {
    let mut session = Session::new(4, 9);
    let id = session.send(b"x");
    assert_eq!(session.said(), [], "queued until the login");
    session.log_in(9, 4);
    let sent = session.said_last(|frame| frame.read::<Send>().unwrap());
    let request_id = 1;
    assert_eq!(sent.client_msg_id, id.0);
    let start_ms = session.now_ms;
    for waits in [1, 3] {
        assert_eq!(ring_until_sent(&mut session), sent);
        assert_eq!(session.now_ms, start_ms + waits * ACK_TIMEOUT_MS, "doubled at each");
    }
    session.hear(request_id, refusal(RefusalCode::RateLimited, 5_000)).unwrap();
    assert_eq!(ring_until_sent(&mut session), sent);
    assert_eq!(session.now_ms, start_ms + 3 * ACK_TIMEOUT_MS + 5_000);
    session.machine.on_disconnected();
    assert_eq!(session.machine.next_timer_ms(), None);
    session.log_in(9, 4);
    assert_eq!(session.said_last(|frame| frame.read::<Send>().unwrap()), sent);
    session.told();
    session.hear(request_id, ack(1, 5)).unwrap();
    assert_eq!(session.told(), [format!("acked {id:?} 1")]);
}

#[test]
fn a_refusal_for_good_ends_the_send() {
    let mut session = Session::logged_in(4, 9, 4);
    session.send(b"x");
    session.hear(3, refusal(RefusalCode::IdConflict, 0)).unwrap();
    assert_eq!(session.told(), ["refused Some(IdConflict)"]);
    assert_eq!(session.machine.sends_pending(), 0);
    session.send(b"x");
    let unknown = Refusal { code: 999, retry_after_ms: 0, text: Bytes::from_static(b"\xff") };
    session.hear(4, unknown).unwrap();
    assert_eq!(session.told(), ["refused None"]);
}

#[test]
fn sends_are_bounded() {
    let mut session = Session::logged_in(4, 9, 4);
    for _ in 0..SENDS_PENDING_MAX {
        session.send(b"x");
    }
    let (to, body) = (with(8), Bytes::from_static(b"x"));
    let error = session.machine.send((to, body), START_MS, &mut session.out).unwrap_err();
    assert!(matches!(error, ClientError::SendsPending));
    let body = Bytes::from(vec![0; wire::BODY_BYTES_MAX + 1]);
    let error = session.machine.send((to, body), START_MS, &mut session.out).unwrap_err();
    assert!(matches!(error, ClientError::BodyTooLarge(_)));
}

#[test]
fn heartbeats_are_sent_answered_and_missed() {
    let mut session = Session::logged_in(4, 9, 4);
    session.hear(77, Heartbeat { time_ms: 5 }).unwrap();
    assert_eq!(session.said(), [(Kind::HeartbeatReply, 77)]);
    session.ring().unwrap();
    assert!(session.now_ms <= START_MS + HEARTBEAT_MS);
    assert_eq!(session.said(), [(Kind::Heartbeat, 3)]);
    let time_ms = session.now_ms;
    session.hear(3, HeartbeatReply { time_ms, inbox_epoch: 9, inbox_head: 5 }).unwrap();
    assert_eq!(session.told(), ["heartbeat 0"]);
    assert_eq!(session.said(), [(Kind::Sync, 4)], "the last push was lost");
    session.hear(4, page(&[5], 9, 5)).unwrap();
    session.ring().unwrap();
    assert_eq!(session.now_ms, time_ms + HEARTBEAT_MS);
    assert!(matches!(session.ring(), Err(ClientError::Silent)));
}

#[test]
fn a_closing_refusal_ends_the_connection_and_says_whether_to_come_back() {
    for (code, is_fatal) in [
        (RefusalCode::SessionReplaced, true),
        (RefusalCode::TokenExpired, true),
        (RefusalCode::Unresponsive, false),
        (RefusalCode::NotLoggedIn, false),
    ] {
        let mut session = Session::logged_in(4, 9, 4);
        let error = session.hear(0, refusal(code, 0)).unwrap_err();
        assert_eq!(error.is_fatal(), is_fatal, "{error}");
    }
    let mut session = Session::new(0, 0);
    session.machine.on_connected(START_MS, &mut session.out);
    assert!(!session.hear(2, refusal(RefusalCode::Busy, 9_000)).unwrap_err().is_fatal());
    session.machine.on_disconnected();
    let delay_ms = session.machine.reconnect_delay_ms();
    assert!((9_000..=9_000 + RECONNECT_MS).contains(&delay_ms), "the hint is followed");
}

#[test]
fn going_away_finishes_what_is_in_flight_and_queues_the_rest() {
    let mut session = Session::logged_in(4, 9, 4);
    let first = session.send(b"x");
    session.said();
    let (code, reconnect_after_ms, jitter_ms) = (RefusalCode::Draining as u16, 2_000, 1_000);
    session.hear(0, GoingAway { code, reconnect_after_ms, jitter_ms }).unwrap();
    session.send(b"y");
    assert_eq!((session.said(), session.machine.may_leave()), (vec![], false));
    session.hear(3, ack(1, 5)).unwrap();
    assert_eq!(session.told(), ["going away 2000".to_owned(), format!("acked {first:?} 1")]);
    assert!(session.machine.may_leave());
    session.machine.on_disconnected();
    assert!((2_000..=3_000).contains(&session.machine.reconnect_delay_ms()));
    assert_eq!(session.machine.sends_pending(), 1);
}

#[test]
fn who_was_replaced_does_not_come_back() {
    use RefusalCode::{Draining, LoginTimeout, SessionReplaced, TokenExpired};
    use RefusalCode::{TooManyDevices, Unresponsive};
    let going = |code| GoingAway { code, reconnect_after_ms: 0, jitter_ms: 0 };
    for code in [SessionReplaced, TooManyDevices, TokenExpired] {
        let mut session = Session::logged_in(4, 9, 4);
        let error = session.hear(0, going(code as u16)).unwrap_err();
        assert!(error.is_fatal() && error.to_string().contains(&format!("{code:?}")), "{error}");
    }
    const LATER: u16 = 999;
    for code in [Draining as u16, LoginTimeout as u16, Unresponsive as u16, LATER] {
        let mut session = Session::logged_in(4, 9, 4);
        session.hear(0, going(code)).unwrap();
        assert!(session.machine.may_leave(), "it comes back");
    }
}

#[test]
fn the_end_of_a_session_says_whether_to_come_back() {
    let end = |code, next| {
        let text = Bytes::from_static(b"said to a person");
        SessionEnd { code, next, wait_ms: 2_000, jitter_ms: 1_000, text }
    };
    const LATER: u16 = 999;
    let replaced = RefusalCode::SessionReplaced as u16;
    // What the server says counts, not what this release thinks of the code.
    for (code, next, is_over) in
        [(replaced, 2, true), (LATER, 1, true), (replaced, 0, false), (LATER, 200, false)]
    {
        let mut session = Session::logged_in(4, 9, 4);
        session.send(b"x");
        let error = session.hear(0, end(code, next)).unwrap_err();
        assert_eq!(error.is_fatal(), is_over, "{error}");
        assert!(error.to_string().contains("said to a person"), "{error}");
        session.machine.on_disconnected();
        assert_eq!(session.machine.sends_pending(), 1, "it is sent again");
        assert!((2_000..=3_000).contains(&session.machine.reconnect_delay_ms()));
    }
    let mut session = Session::new(4, 9);
    session.machine.on_connected(session.now_ms, &mut session.out);
    let early = session.hear(0, end(RefusalCode::LoginTimeout as u16, 0)).unwrap_err();
    assert!(!early.is_fatal(), "also before the hello is answered");
}

#[test]
fn a_logout_is_confirmed() {
    let mut session = Session::logged_in(4, 9, 4);
    let request_id = session.machine.logout(&mut session.out).unwrap();
    assert_eq!(session.said(), [(Kind::Logout, request_id)]);
    assert!(matches!(session.machine.logout(&mut session.out), Err(ClientError::NotLoggedIn)));
    session.hear(request_id, LogoutReply { generation: 3 }).unwrap();
    assert_eq!(session.told(), ["logged out"]);
}

#[test]
fn a_held_session_takes_nothing_and_syncs_afterwards() {
    let mut session = Session::logged_in(4, 9, 4);
    session.machine.hold(true, START_MS, &mut session.out);
    session.hear(0, push(4, 5)).unwrap();
    assert_eq!((session.told(), session.said()), (vec![], vec![]));
    session.machine.hold(false, START_MS, &mut session.out);
    assert_eq!(session.said(), [(Kind::Sync, 3)]);
    session.hear(3, page(&[5], 9, 5)).unwrap();
    assert_eq!(session.told(), ["synced 5", "in sync 5"]);
}
