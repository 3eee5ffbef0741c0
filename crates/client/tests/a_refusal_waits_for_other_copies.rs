//! A send that was written twice over one connection is refused for good once both copies were: the server judges each when it
//! comes, and one may be taken after the other was refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{Session, ack, refusal, ring_until_sent};
use wire::frames::HeartbeatReply;
use wire::{ClientMsgId, Kind, RefusalCode};

/// A session whose send, request 3, was written twice.
fn written_twice() -> (Session, ClientMsgId) {
    let mut session = Session::logged_in(4, 9, 4);
    let id = session.send(b"x");
    session.said();
    ring_until_sent(&mut session);
    session.told();
    (session, id)
}

#[test]
fn a_refusal_for_good_waits_for_the_answers_to_other_copies() {
    let no = refusal(RefusalCode::NotMember, 0);
    let (mut session, id) = written_twice();
    session.hear(3, no.clone()).unwrap();
    assert_eq!(session.told(), ["refused Some(NotMember), again"]);
    session.hear(3, ack(1, 5)).unwrap();
    assert_eq!(session.told(), [format!("acked {id:?} 1")], "made a member again meanwhile");

    let (mut session, _) = written_twice();
    session.hear(3, no.clone()).unwrap();
    assert_eq!(session.told(), ["refused Some(NotMember), again"]);
    let beat = |time_ms| HeartbeatReply { time_ms, inbox_epoch: 9, inbox_head: 4 };
    for _ in 0..20 {
        session.ring().unwrap();
        assert!(session.said().iter().all(|(kind, _)| *kind != Kind::Send), "it waits");
        session.hear(9, beat(session.now_ms)).unwrap();
    }
    session.told();
    session.hear(3, no.clone()).unwrap();
    assert_eq!(session.told(), ["refused Some(NotMember)"], "all copies were answered");

    let (mut session, _) = written_twice();
    session.hear(3, no.clone()).unwrap();
    session.machine.on_disconnected();
    session.log_in(9, 4);
    session.told();
    session.hear(3, no).unwrap();
    assert_eq!(session.told(), ["refused Some(NotMember)"], "the only copy of this connection");
    assert_eq!(session.machine.sends_pending(), 0);
}

#[test]
fn a_refusal_for_now_counts_as_the_answer_to_a_copy() {
    let (mut session, _) = written_twice();
    session.hear(3, refusal(RefusalCode::Busy, 0)).unwrap();
    session.hear(3, refusal(RefusalCode::Busy, 0)).unwrap();
    while !session.said().contains(&(Kind::Send, 3)) {
        session.ring().unwrap();
    }
    session.told();
    session.hear(3, refusal(RefusalCode::GroupFull, 0)).unwrap();
    assert_eq!(session.told(), ["refused Some(GroupFull)"]);
}
