//! One canary, told by hand what the shards say.

use super::*;
use logic::limits::PARTITIONS;
use logic::partition::Partition;
use logic::rows::{InboxRow, MessageRow};
use std::collections::BTreeSet;
use wire::{Generation, InboxSeq, MessageId, RefusalCode, Seq};

const EVERY_MS: u64 = 15_000;
const NONE: Traffic = Traffic { acks: 0, pushes: 0 };

fn at(mono_ms: u64) -> Now {
    Now { unix_ms: 1_000_000 + mono_ms, mono_ms }
}

/// A canary whose round began at [`EVERY_MS`], with what it asked.
struct Scene {
    canary: Canary,
    login: Ask,
}

impl Scene {
    fn begun() -> Self {
        let mut canary = Canary::new(EVERY_MS, 7);
        assert_eq!(canary.tick(at(EVERY_MS - 1), NONE), []);
        let login = only(canary.tick(at(EVERY_MS), NONE));
        Self { canary, login }
    }

    fn sent() -> (Self, Ask, Login) {
        let mut scene = Self::begun();
        let Command::Login { uid, device } = scene.login.command else { panic!("no login") };
        let login = Login { uid, device, generation: Generation(1) };
        let asks = scene.hear(scene.login.request_id, &logged_in(login));
        (scene, only(asks), login)
    }

    fn hear(&mut self, request_id: u64, answer: &Answer) -> Vec<Ask> {
        self.canary.on_answer(self.login.connection, request_id, answer, at(EVERY_MS + 10))
    }
}

fn only(mut asks: Vec<Ask>) -> Ask {
    assert_eq!(asks.len(), 1, "{asks:?}");
    asks.remove(0)
}

fn commands(asks: Vec<Ask>) -> Vec<Command> {
    assert!(asks.iter().all(|ask| ask.request_id == 0 && has_connection(ask.connection)));
    asks.into_iter().map(|ask| ask.command).collect()
}

fn logged_in(login: Login) -> Answer {
    Answer::LoggedIn { login, inbox_head: InboxSeq(4) }
}

fn acked() -> Answer {
    let (message_id, seq, inbox_seq) = (MessageId(1), Seq(1), InboxSeq(1));
    Answer::Acked { message_id, seq, time_ms: 0, inbox_seq }
}

fn refused() -> Answer {
    Answer::Refused { code: RefusalCode::StoreFull, retry_after_ms: 1 }
}

/// The push to `uid` of what was sent.
fn push(uid: Uid, sent: &Ask) -> Answer {
    let Command::Send(send) = &sent.command else { panic!("not sent: {sent:?}") };
    let message = MessageRow {
        conversation: send.conversation,
        seq: Seq(1),
        message_id: MessageId(1),
        client_msg_id: send.client_msg_id,
        from: send.from,
        time_ms: 0,
        body: send.body.clone(),
    };
    let row = InboxRow { uid, inbox_seq: InboxSeq(5), message };
    Answer::Push { previous: InboxSeq(4), row: Box::new(row) }
}

#[test]
fn a_round_needs_the_ack_and_the_push_in_any_order() {
    for is_acked_first in [true, false] {
        let (mut scene, sent, login) = Scene::sent();
        assert!(is_reserved(login.uid) && has_connection(sent.connection));
        let push_ack = Command::PushAck(login, InboxSeq(5));
        let logout = Command::Logout(login);
        if is_acked_first {
            assert_eq!(scene.hear(sent.request_id, &acked()), []);
            assert_eq!(scene.canary.ok_ms(), None);
            let asks = scene.hear(0, &push(login.uid, &sent));
            assert_eq!(commands(asks), [push_ack, logout]);
        } else {
            assert_eq!(commands(scene.hear(0, &push(login.uid, &sent))), [push_ack]);
            assert_eq!(scene.canary.ok_ms(), None);
            assert_eq!(commands(scene.hear(sent.request_id, &acked())), [logout]);
        }
        assert_eq!((scene.canary.is_failing(), scene.canary.ok_ms()), (false, Some(15_010)));
        assert_eq!(scene.canary.tick(at(2 * EVERY_MS - 1), NONE), []);
        assert_eq!(scene.canary.tick(at(2 * EVERY_MS), NONE).len(), 1);
    }
}

/// A round in which only some of it happened fails once its time is over, not before, and is soon followed by another.
#[test]
fn what_does_not_come_in_time_is_a_failure() {
    for (is_logged_in, is_acked, is_pushed) in
        [(false, false, false), (true, false, false), (true, true, false), (true, false, true)]
    {
        let (mut scene, sent, login) = Scene::sent();
        if !is_logged_in {
            scene = Scene::begun();
        }
        if is_acked {
            scene.hear(sent.request_id, &acked());
        }
        if is_pushed {
            scene.hear(0, &push(login.uid, &sent));
        }
        let over = EVERY_MS + CANARY_PATIENCE_MS;
        assert_eq!(scene.canary.tick(at(over - 1), NONE), []);
        assert!(!scene.canary.is_failing());
        let logout = is_logged_in.then_some(Command::Logout(login));
        let asks = scene.canary.tick(at(over), NONE);
        assert_eq!(commands(asks), logout.into_iter().collect::<Vec<_>>());
        assert!(scene.canary.is_failing());
        let again = only(scene.canary.tick(at(over + CANARY_RETRY_MS), NONE));
        assert!(matches!(again.command, Command::Login { uid, .. } if uid != login.uid));
        assert_ne!(again.connection, sent.connection);
    }
}

#[test]
fn a_refusal_is_a_failure_at_once() {
    let mut scene = Scene::begun();
    assert_eq!(scene.hear(scene.login.request_id, &refused()), []);
    assert!(scene.canary.is_failing());
    let (mut scene, sent, login) = Scene::sent();
    assert_eq!(commands(scene.hear(sent.request_id, &refused())), [Command::Logout(login)]);
    assert!(scene.canary.is_failing());
}

#[test]
fn nothing_is_tried_while_clients_have_acks_and_pushes() {
    let mut canary = Canary::new(EVERY_MS, 7);
    let both = Traffic { acks: 5, pushes: 5 };
    assert_eq!(canary.tick(at(EVERY_MS), both), []);
    assert_eq!(canary.ok_ms(), Some(EVERY_MS));
    // An ack alone proves no push, and the other way round.
    for half in [Traffic { acks: 6, ..both }, Traffic { pushes: 6, ..both }] {
        let mut canary = Canary::new(EVERY_MS, 7);
        canary.tick(at(EVERY_MS), both);
        assert_eq!(canary.tick(at(2 * EVERY_MS), half).len(), 1);
    }
}

#[test]
fn a_failure_is_over_when_clients_have_acks_and_pushes() {
    let mut scene = Scene::begun();
    scene.hear(scene.login.request_id, &refused());
    let later = at(EVERY_MS + 10 + CANARY_RETRY_MS);
    assert_eq!(scene.canary.tick(later, Traffic { acks: 1, pushes: 1 }), []);
    assert!(!scene.canary.is_failing());
}

#[test]
fn late_and_wrong_answers_count_for_nothing() {
    let (mut scene, sent, login) = Scene::sent();
    let push_ack = Command::PushAck(login, InboxSeq(5));
    assert_eq!(scene.hear(sent.request_id - 2, &acked()), []);
    assert_eq!(scene.hear(sent.request_id - 2, &refused()), []);
    assert_eq!(scene.hear(0, &push(Uid(9), &sent)), []);
    assert_eq!(scene.hear(0, &Answer::Closed(RefusalCode::SessionReplaced)), []);
    // A second login is not this round's; its session is not left behind.
    let again = Login { generation: Generation(2), ..login };
    let asks = scene.hear(scene.login.request_id, &logged_in(again));
    assert_eq!(commands(asks), [Command::Logout(again)]);
    assert_eq!(commands(scene.hear(0, &push(login.uid, &sent))), [push_ack]);
    assert_eq!(scene.canary.ok_ms(), None, "one of the two is still missing");
    scene.canary.tick(at(EVERY_MS + CANARY_PATIENCE_MS), NONE);
    assert_eq!(scene.hear(sent.request_id, &acked()), []);
    assert!(scene.canary.is_failing(), "too late");
    let asks = scene.hear(scene.login.request_id, &logged_in(again));
    assert_eq!(commands(asks), [Command::Logout(again)]);
}

#[test]
fn the_message_of_another_canary_is_acked_and_is_not_its_own() {
    let (mut scene, sent, login) = Scene::sent();
    let mut other = push(login.uid, &sent);
    if let Answer::Push { row, .. } = &mut other {
        row.message.client_msg_id = ClientMsgId::new(1, 1);
    }
    assert_eq!(commands(scene.hear(0, &other)), [Command::PushAck(login, InboxSeq(5))]);
    assert_eq!(scene.hear(sent.request_id, &acked()), []);
    assert_eq!(scene.canary.ok_ms(), None);
}

#[test]
fn without_an_interval_nothing_is_tried() {
    let mut canary = Canary::new(0, 7);
    assert_eq!(canary.tick(at(1_000_000), NONE), []);
}

#[test]
fn every_partition_is_tried_in_time() {
    let pairs = || (0..CANARY_PAIRS).map(pair);
    let uids: BTreeSet<Uid> = pairs().flat_map(|(sender, receiver)| [sender, receiver]).collect();
    assert_eq!(uids.len() as u64, 2 * CANARY_PAIRS);
    assert!(uids.iter().all(|uid| is_reserved(*uid)));
    assert!(!is_reserved(Uid(u64::MAX - RESERVED_UIDS)) && is_reserved(Uid(u64::MAX)));
    let partitions: BTreeSet<Partition> = uids.into_iter().map(Partition::of_user).collect();
    assert_eq!(partitions.len(), usize::from(PARTITIONS));
}
