//! Ids are made on the clock that the server tells, whatever the client's own shows. A message that is refused for the time
//! in its id gets another one if nobody can have stored it, and else waits until the server's clock has come so far.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, its numbers are small"
)]

mod common;

use client::limits::REFUSED_WAIT_MS;
use common::{OFFSET_MS, START_MS, Session};
use wire::frames::{HeartbeatReply, Refusal, Send};
use wire::{Bytes, CLOCK_SKEW_MS_MAX, ClientMsgId, Kind, RefusalCode};

const HOUR_MS: u64 = 3_600_000;
/// What the server's clock shows when a session begins.
const SERVER_MS: u64 = START_MS + OFFSET_MS;

fn refusal(code: RefusalCode, retry_after_ms: u32) -> Refusal {
    Refusal { code: code as u16, retry_after_ms, text: Bytes::from_static(b"no") }
}

fn made_ms(id: ClientMsgId) -> u64 {
    id.unix_ms().unwrap()
}

/// The send that is written at the next timer.
fn next_send(session: &mut Session) -> ClientMsgId {
    session.said();
    session.ring().unwrap();
    let send = session.said_last(|frame| frame.read::<Send>().unwrap());
    ClientMsgId(send.client_msg_id)
}

#[test]
fn heartbeats_and_refusals_tell_the_clock() {
    let mut session = Session::logged_in(0, 9, 0);
    let beat = HeartbeatReply { time_ms: START_MS, inbox_epoch: 9, inbox_head: 0 };
    session.hear_with(5, beat.clone(), &[SERVER_MS - HOUR_MS]).unwrap();
    assert_eq!(made_ms(session.send(b"x")), SERVER_MS - HOUR_MS);
    session.hear(6, beat).unwrap();
    assert_eq!(made_ms(session.send(b"x")), SERVER_MS - HOUR_MS, "one that tells none");
    let refused = refusal(RefusalCode::IdInFuture, 1);
    session.hear_with(99, refused, &[SERVER_MS - 2 * HOUR_MS]).unwrap();
    session.now_ms += 7;
    assert_eq!(made_ms(session.send(b"x")), SERVER_MS - 2 * HOUR_MS + 7);
}

#[test]
fn a_message_that_was_written_once_and_refused_for_its_time_gets_another_id() {
    for (code, server_ms) in [
        (RefusalCode::IdInFuture, SERVER_MS - 48 * HOUR_MS),
        (RefusalCode::IdTooOld, SERVER_MS + 48 * HOUR_MS),
    ] {
        let mut session = Session::logged_in(0, 9, 0);
        let former = session.send(b"x");
        session.hear_with(3, refusal(code, 7_200_000), &[server_ms]).unwrap();
        let told = session.told();
        let id = next_send(&mut session);
        assert_eq!(
            told,
            [format!("{former:?} is {id:?}"), format!("refused Some({code:?}), again")]
        );
        assert_eq!(made_ms(id), server_ms);
        assert_eq!(session.now_ms, START_MS + REFUSED_WAIT_MS);
    }
}

#[test]
fn a_message_that_may_be_stored_keeps_its_id_and_waits_for_the_servers_clock() {
    let mut session = Session::logged_in(0, 9, 0);
    let id = session.send(b"x");
    session.machine.on_disconnected();
    session.log_in(9, 0);
    session.said();
    let hint_ms = u32::try_from(2 * HOUR_MS - CLOCK_SKEW_MS_MAX).unwrap();
    let early = refusal(RefusalCode::IdInFuture, hint_ms);
    session.hear_with(3, early.clone(), &[SERVER_MS - 2 * HOUR_MS]).unwrap();
    assert!(!session.told().iter().any(|event| event.contains(" is ")));
    while session.said().iter().all(|(kind, _)| *kind != Kind::Send) {
        session.ring().unwrap();
        let beat = HeartbeatReply { time_ms: 0, inbox_epoch: 9, inbox_head: 0 };
        session.hear(50, beat).unwrap();
    }
    assert_eq!(session.now_ms, START_MS + u64::from(hint_ms), "when the hint is over");
    // The clock is set right meanwhile, and told.
    session.hear_with(3, early, &[session.now_ms + OFFSET_MS - 2 * HOUR_MS]).unwrap();
    let beat = HeartbeatReply { time_ms: 0, inbox_epoch: 9, inbox_head: 0 };
    session.hear_with(51, beat, &[session.now_ms + OFFSET_MS]).unwrap();
    assert_eq!(next_send(&mut session), id);
    session.hear_with(3, refusal(RefusalCode::IdTooOld, 0), &[SERVER_MS]).unwrap();
    assert_eq!(session.told().last().unwrap(), "refused Some(IdTooOld)", "it is for others to say");
}

#[test]
fn what_a_client_with_a_wrong_clock_wrote_before_its_first_login_is_of_the_servers_time() {
    for wrong_ms in [0, 86_400_000 * 400, START_MS - 24 * HOUR_MS, 2 * START_MS] {
        let mut session = Session::new(0, 9);
        session.now_ms = wrong_ms;
        let former = session.send(b"x");
        assert_eq!(made_ms(former), wrong_ms);
        session.now_ms = wrong_ms + 5;
        session.machine.on_connected(session.now_ms, &mut session.out);
        session.hear(2, common::hello_reply()).unwrap();
        session.hear(3, common::login_reply(9, 0, 0)).unwrap();
        let send = session.said_last(|frame| frame.read::<Send>().unwrap());
        let id = ClientMsgId(send.client_msg_id);
        assert_eq!(made_ms(id), SERVER_MS, "the client's clock shows {wrong_ms}");
        assert!(session.told().contains(&format!("{former:?} is {id:?}")));
    }
}

#[test]
fn a_server_of_before_tells_no_clock_and_its_hint_is_kept() {
    let mut session = Session::logged_in(0, 9, 0);
    let id = session.send(b"x");
    session.hear(3, refusal(RefusalCode::IdInFuture, 9_000)).unwrap();
    assert_eq!(next_send(&mut session), id);
    assert_eq!(session.now_ms, START_MS + 9_000);
}
