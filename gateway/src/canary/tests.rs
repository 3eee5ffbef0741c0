//! One canary, told by hand what the shards say.

use super::*;
use shard::limits::PARTITIONS;
use shard::rows::{Chain, InboxRow, MessageRow};
use std::collections::BTreeSet;
use wire::{Generation, InboxSeq, MessageId, RefusalCode, Seq};

const EVERY_MS: u64 = 15_000;
const NONE: Traffic = Traffic { acks: 0, pushes: 0 };
const ALL: fn(Partition) -> bool = |_| true;

fn at(mono_ms: u64) -> Now {
    Now { unix_ms: 1_000_000 + mono_ms, mono_ms }
}

/// A canary whose round began at [`EVERY_MS`], with the user that is to be logged in.
struct Scene {
    canary: Canary,
    receiver: Uid,
    device: DeviceId,
}

impl Scene {
    fn begun() -> Self {
        let mut canary = Canary::new(EVERY_MS, 7);
        assert_eq!(canary.tick(at(EVERY_MS - 1), NONE, ALL), []);
        let asks = canary.tick(at(EVERY_MS), NONE, ALL);
        let [
            Ask::Begin,
            Ask::Request(Command::Login { uid, device, from: Begin::Head, .. }, Some(LOGIN)),
        ] = asks[..]
        else {
            panic!("no login: {asks:?}")
        };
        Self { canary, receiver: uid, device }
    }

    fn sent() -> (Self, Send, Login) {
        let mut scene = Self::begun();
        let (uid, device) = (scene.receiver, scene.device);
        let login = Login { uid, device, generation: Generation(1) };
        let mut asks = scene.hear(LOGIN, &logged_in(login));
        let Some(Ask::Request(Command::Send(send), Some(SEND))) = asks.pop() else {
            panic!("nothing was sent")
        };
        assert_eq!(asks, []);
        (scene, send, login)
    }

    fn hear(&mut self, request_id: u64, answer: &Answer) -> Vec<Ask> {
        self.canary.on_answer(request_id, answer, at(EVERY_MS + 10))
    }

    /// The next round, refused.
    fn fail_again(&mut self) {
        let next = at(EVERY_MS + 10 + CANARY_RETRY_MS);
        assert_eq!(self.canary.tick(next, NONE, ALL).len(), 2);
        assert_eq!(self.canary.on_answer(LOGIN, &refused(), next), [Ask::End]);
    }
}

fn push_ack(login: Login) -> Ask {
    Ask::Request(Command::PushAck(login, InboxSeq(5)), None)
}

fn logged_in(login: Login) -> Answer {
    let inbox_head = InboxSeq(4);
    Answer::LoggedIn { login, inbox_head, cursor: inbox_head, inbox_tail: InboxSeq(1) }
}

fn acked() -> Answer {
    let (message_id, seq, inbox_seq) = (MessageId(1), Seq(1), InboxSeq(1));
    Answer::Acked { message_id, seq, time_ms: 0, inbox_seq }
}

fn refused() -> Answer {
    Answer::Refused { code: RefusalCode::StoreFull, retry_after_ms: 1 }
}

/// The push to `uid` of what was sent.
fn push(uid: Uid, send: &Send) -> Answer {
    let message = MessageRow {
        conversation: send.conversation,
        seq: Seq(1),
        message_id: MessageId(1),
        client_msg_id: send.client_msg_id,
        sender: send.sender,
        number: 1,
        kind: send.kind,
        flags: send.flags,
        chain: Chain(0),
        time_ms: 0,
        body: send.body.clone(),
        seen: Seq(0),
    };
    let row = InboxRow { uid, inbox_seq: InboxSeq(5), flags: 0, chain: Chain(0), message };
    Answer::Push { previous: InboxSeq(4), row: Box::new(row) }
}

#[test]
fn a_round_needs_the_ack_and_the_push_in_any_order() {
    for is_acked_first in [true, false] {
        let (mut scene, sent, login) = Scene::sent();
        assert!(is_reserved(login.uid) && is_reserved(sent.sender));
        if is_acked_first {
            assert_eq!(scene.hear(SEND, &acked()), []);
            assert_eq!(scene.canary.ok_ms(), None);
            assert_eq!(scene.hear(0, &push(login.uid, &sent)), [push_ack(login), Ask::End]);
        } else {
            assert_eq!(scene.hear(0, &push(login.uid, &sent)), [push_ack(login)]);
            assert_eq!(scene.canary.ok_ms(), None);
            assert_eq!(scene.hear(SEND, &acked()), [Ask::End]);
        }
        assert_eq!((scene.canary.is_failing(), scene.canary.ok_ms()), (false, Some(15_010)));
        assert_eq!(scene.canary.tick(at(2 * EVERY_MS - 1), NONE, ALL), []);
        assert_eq!(scene.canary.tick(at(2 * EVERY_MS), NONE, ALL).len(), 2);
    }
}

/// A round in which only some of it happened fails once its time is over, not before, and is soon
/// followed by another. When that fails too, delivery does.
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
            scene.hear(SEND, &acked());
        }
        if is_pushed {
            scene.hear(0, &push(login.uid, &sent));
        }
        let over = EVERY_MS + CANARY_PATIENCE_MS;
        assert_eq!(scene.canary.tick(at(over - 1), NONE, ALL), []);
        assert!(!scene.canary.is_failing());
        assert_eq!(scene.canary.tick(at(over), NONE, ALL), [Ask::End]);
        assert!(!scene.canary.is_failing(), "one pair may be passing on to another node");
        let again_ms = over + CANARY_RETRY_MS;
        let again = scene.canary.tick(at(again_ms), NONE, ALL);
        let [Ask::Begin, Ask::Request(Command::Login { uid, .. }, _)] = again[..] else {
            panic!("no login: {again:?}")
        };
        assert_ne!(uid, login.uid);
        scene.canary.tick(at(again_ms + CANARY_PATIENCE_MS), NONE, ALL);
        assert!(scene.canary.is_failing());
    }
}

#[test]
fn a_refusal_ends_a_round_at_once_and_the_second_is_a_failure() {
    let (mut sent, ..) = Scene::sent();
    for (scene, request) in [(&mut Scene::begun(), LOGIN), (&mut sent, SEND)] {
        assert_eq!(scene.hear(request, &refused()), [Ask::End]);
        assert!(!scene.canary.is_failing());
        scene.fail_again();
        assert!(scene.canary.is_failing());
    }
}

#[test]
fn what_nobody_serves_is_not_tried_and_proves_nothing() {
    let mut canary = Canary::new(EVERY_MS, 7);
    let nobody = |_| false;
    assert_eq!(canary.tick(at(EVERY_MS), NONE, nobody), []);
    let mut scene = Scene::begun();
    for round in 1..10 {
        let now = at(EVERY_MS + round * (CANARY_PATIENCE_MS + CANARY_RETRY_MS));
        assert_eq!(scene.canary.tick(now, NONE, nobody), [Ask::End]);
        let again = at(now.mono_ms + CANARY_RETRY_MS);
        assert_eq!(scene.canary.tick(again, NONE, ALL).len(), 2);
    }
    assert!(!scene.canary.is_failing());
}

#[test]
fn nothing_is_tried_while_clients_have_acks_and_pushes() {
    let mut canary = Canary::new(EVERY_MS, 7);
    let both = Traffic { acks: 5, pushes: 5 };
    assert_eq!(canary.tick(at(EVERY_MS), both, ALL), []);
    assert_eq!(canary.ok_ms(), Some(EVERY_MS));
    // An ack alone proves no push, and the other way round.
    for half in [Traffic { acks: 6, ..both }, Traffic { pushes: 6, ..both }] {
        let mut canary = Canary::new(EVERY_MS, 7);
        canary.tick(at(EVERY_MS), both, ALL);
        assert_eq!(canary.tick(at(2 * EVERY_MS), half, ALL).len(), 2);
    }
}

#[test]
fn a_failure_is_over_when_clients_have_acks_and_pushes() {
    let mut scene = Scene::begun();
    scene.hear(LOGIN, &refused());
    scene.fail_again();
    assert!(scene.canary.is_failing());
    let later = at(3 * EVERY_MS);
    assert_eq!(scene.canary.tick(later, Traffic { acks: 1, pushes: 1 }, ALL), []);
    assert!(!scene.canary.is_failing());
}

#[test]
fn late_and_wrong_answers_count_for_nothing() {
    let (mut scene, sent, login) = Scene::sent();
    assert_eq!(scene.hear(0, &push(Uid(9), &sent)), []);
    assert_eq!(scene.hear(0, &Answer::Closed(RefusalCode::SessionReplaced)), []);
    assert_eq!(scene.hear(0, &push(login.uid, &sent)), [push_ack(login)]);
    assert_eq!(scene.canary.ok_ms(), None, "one of the two is still missing");
    scene.canary.tick(at(EVERY_MS + CANARY_PATIENCE_MS), NONE, ALL);
    assert_eq!(scene.hear(SEND, &acked()), []);
    assert_eq!(scene.canary.ok_ms(), None, "too late");
}

#[test]
fn the_message_of_another_canary_is_acked_and_is_not_its_own() {
    let (mut scene, sent, login) = Scene::sent();
    let mut other = push(login.uid, &sent);
    if let Answer::Push { row, .. } = &mut other {
        row.message.client_msg_id = ClientMsgId::new(1, 1);
    }
    assert_eq!(scene.hear(0, &other), [push_ack(login)]);
    assert_eq!(scene.hear(SEND, &acked()), []);
    assert_eq!(scene.canary.ok_ms(), None);
}

#[test]
fn without_an_interval_nothing_is_tried() {
    let mut canary = Canary::new(0, 7);
    assert_eq!(canary.tick(at(1_000_000), NONE, ALL), []);
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
