//! The room of conversations by itself: no inbox and no store.

use super::*;
use crate::command::Session;
use crate::limits::CONVERSATION_WINDOW_MAX;
use crate::partition::{ShardId, Share};
use crate::rows::Read;
use crate::shard::reads::{Count, Purpose};
use bytes::Bytes;
use wire::{ClientMsgId, DeviceId, RowKind};

const A: Uid = Uid(2);
const B: Uid = Uid(1);

struct Room {
    conversations: Conversations,
    step: Step,
}

fn chat() -> ConversationId {
    ConversationId::direct(A, B).unwrap()
}

fn reply(ticket: u64) -> ReplyTo {
    ReplyTo { session: Session { entry: 0, key: 1 }, ticket }
}

impl Room {
    fn new() -> Self {
        let step = Step::of_test();
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let config = ShardConfig::new(share, 1, 1);
        let mut conversations = Conversations::new(&config, step.now(), Plant::from_env());
        conversations.add(chat(), None);
        Self { conversations, step }
    }

    fn send(&self, id: u64, body: &'static str) -> Send {
        self.made(self.step.now().unix_ms, id, body)
    }

    /// With an id that was made at such a time.
    fn made(&self, unix_ms: u64, id: u64, body: &'static str) -> Send {
        Send {
            conversation: chat(),
            sender: A,
            device: DeviceId(1),
            client_msg_id: ClientMsgId::new(unix_ms, id.into()),
            kind: RowKind::MESSAGE,
            flags: 0,
            body: Bytes::from_static(body.as_bytes()),
            seen: Seq(0),
        }
    }

    /// The place of a send, if it is given one now.
    fn place(&mut self, id: u64, body: &'static str) -> Option<u64> {
        let send = self.send(id, body);
        let new = self.conversations.send(send, reply(id), &mut self.step);
        new.map(|message| message.row.seq.0)
    }

    fn next(&mut self) -> Option<u64> {
        self.conversations.next(chat(), &mut self.step).map(|message| message.row.seq.0)
    }

    fn confirm(&mut self, uid: Uid, seq: u64) {
        self.conversations.confirm(chat(), Seq(seq), (uid, InboxSeq(seq)), &mut self.step);
    }

    fn acked(&mut self) -> Vec<u64> {
        let seq = |answer| {
            let Answer::Acked { seq, .. } = answer else { panic!("{answer:?}") };
            seq.0
        };
        self.step.take().0.into_iter().map(seq).collect()
    }
}

#[test]
fn a_message_is_acknowledged_once_it_is_durable_and_all_its_inboxes_have_it() {
    let mut room = Room::new();
    assert_eq!(room.place(1, "a"), Some(1));
    assert_eq!(room.step.take(), (vec![], vec![]));
    room.conversations.on_durable(chat(), Seq(1), &mut room.step);
    assert_eq!(room.step.take().1.len(), 2, "it goes to both inboxes");
    room.confirm(A, 1);
    assert!(room.acked().is_empty());
    room.confirm(B, 1);
    assert_eq!(room.acked(), [1]);
    assert_eq!(room.conversations.in_flight(), 0);
}

#[test]
fn an_inbox_that_was_given_a_message_is_not_sent_it() {
    let mut room = Room::new();
    let send = room.send(1, "a");
    let message = room.conversations.send(send, reply(1), &mut room.step).unwrap();
    message.given = 1;
    room.conversations.on_durable(chat(), Seq(1), &mut room.step);
    let mail = room.step.take().1;
    assert!(matches!(mail[..], [Mail::Append { uid, .. }] if Some(uid) == chat().users().nth(1)));
}

#[test]
fn a_retry_is_answered_with_the_first_and_another_body_is_refused() {
    let mut room = Room::new();
    room.place(1, "a");
    assert_eq!(room.place(1, "a"), None);
    assert_eq!(room.place(1, "b"), None);
    let conflict = Answer::Refused { code: RefusalCode::IdConflict, retry_after_ms: 0 };
    assert_eq!(room.step.take().0, [conflict]);
    room.conversations.on_durable(chat(), Seq(1), &mut room.step);
    [A, B].into_iter().for_each(|uid| room.confirm(uid, 1));
    assert_eq!(room.acked(), [1]);
    room.place(1, "a");
    assert_eq!(room.acked(), [1], "as the first");
}

#[test]
fn sends_above_the_window_wait_in_order() {
    let mut room = Room::new();
    let window = CONVERSATION_WINDOW_MAX as u64;
    for id in 1..=window {
        assert_eq!(room.place(id, "a"), Some(id));
    }
    assert_eq!((room.place(window + 1, "a"), room.place(window + 2, "a")), (None, None));
    assert_eq!(room.next(), None);
    room.conversations.on_durable(chat(), Seq(1), &mut room.step);
    [A, B].into_iter().for_each(|uid| room.confirm(uid, 1));
    assert_eq!((room.next(), room.next()), (Some(window + 1), None));
}

#[test]
fn the_place_of_a_message_that_was_not_written_is_given_again() {
    let mut room = Room::new();
    (1..=2).for_each(|id| assert_eq!(room.place(id, "a"), Some(id)));
    for seq in [2, 1] {
        let code = RefusalCode::StoreFull;
        room.conversations.take_back(chat(), Seq(seq), code, &mut room.step);
    }
    assert_eq!(room.step.take().0.len(), 2, "both are refused");
    assert_eq!(room.conversations.taken_back(), [chat(), chat()]);
    assert_eq!(room.place(1, "a"), Some(1), "its id is new again");
}

#[test]
fn what_does_not_move_is_forwarded_again() {
    let mut room = Room::new();
    room.place(1, "a");
    room.conversations.on_durable(chat(), Seq(1), &mut room.step);
    room.confirm(A, 1);
    room.step.take();
    room.conversations.forward_stalled(&mut room.step);
    assert_eq!(room.step.take().1, []);
    room.step.pass(FORWARD_AGAIN_MS);
    room.conversations.forward_stalled(&mut room.step);
    let mail = room.step.take().1;
    assert!(matches!(mail[..], [Mail::Append { uid: B, .. }]), "{mail:?}");
}

/// A room whose first message is acknowledged, and that message as a retry.
fn with_an_acked_message() -> (Room, Send) {
    let mut room = Room::new();
    let send = room.send(1, "a");
    room.place(1, "a");
    room.conversations.on_durable(chat(), Seq(1), &mut room.step);
    [A, B].into_iter().for_each(|uid| room.confirm(uid, 1));
    assert_eq!(room.acked(), [1]);
    (room, send)
}

#[test]
fn a_retry_of_an_acked_message_is_answered_whatever_the_clock_did_since() {
    for step_ms in [-172_800_000, -10_001, 10_001, 172_800_000] {
        let (mut room, send) = with_an_acked_message();
        room.step.set_clock(step_ms);
        assert!(room.conversations.send(send, reply(2), &mut room.step).is_none());
        assert_eq!(room.acked(), [1], "the clock was set by {step_ms} ms");
    }
}

#[test]
fn a_retry_that_is_only_stored_is_looked_up_before_its_time_is_judged() {
    let (mut room, send) = with_an_acked_message();
    let step_ms = 172_800_000;
    room.step.set_clock(step_ms);
    // Another message makes the room forget what is older.
    room.place(9, "b");
    assert!(room.conversations.send(send.clone(), reply(2), &mut room.step).is_none());
    assert!(matches!(room.step.take_reads()[..], [Read::ByClientMsgId { .. }]));
    // The store has it no more: it may have been there, and is not stored again.
    assert!(room.conversations.on_looked_up((chat(), Seq(1)), None, &mut room.step).is_none());
    let late = Answer::Refused { code: RefusalCode::IdTooOld, retry_after_ms: 0 };
    assert_eq!(room.step.take().0, [late]);
}

#[test]
fn what_a_former_owner_left_where_a_message_is_being_written_is_not_taken_for_stored() {
    let (mut room, retry) = with_an_acked_message();
    room.step.set_clock(172_800_000);
    room.place(9, "b");
    // A former owner gave the retry's id the place that the other message has now, and its row is there until that is covered.
    assert!(room.conversations.send(retry.clone(), reply(2), &mut room.step).is_none());
    let asked = room.step.take_purposes();
    let [Purpose::Id(id, committed)] = asked[..] else { panic!("{asked:?}") };
    let left = MessageRow {
        conversation: chat(),
        seq: Seq(2),
        sender: A,
        client_msg_id: retry.client_msg_id,
        body: retry.body,
        ..crate::rows::sample(2, 0)
    };
    // Read before it was covered, told of after.
    room.conversations.on_durable(chat(), Seq(2), &mut room.step);
    [A, B].into_iter().for_each(|uid| room.confirm(uid, 2));
    assert_eq!(room.acked(), [2]);
    room.conversations.on_looked_up((id, committed), Some(left), &mut room.step);
    let late = Answer::Refused { code: RefusalCode::IdTooOld, retry_after_ms: 0 };
    assert_eq!(room.step.take().0, [late], "it is not stored: it is judged as a new one");
}

#[test]
fn a_new_message_ahead_of_the_clock_is_refused_until_it_is_not() {
    let mut room = Room::new();
    let send = room.made(room.step.now().unix_ms + CLOCK_SKEW_MS_MAX + 7, 1, "a");
    assert!(room.conversations.send(send.clone(), reply(1), &mut room.step).is_none());
    let early = Answer::Refused { code: RefusalCode::IdInFuture, retry_after_ms: 7 };
    assert_eq!(room.step.take().0, [early]);
    room.step.pass(7);
    assert!(room.conversations.send(send, reply(2), &mut room.step).is_some());
}

#[test]
fn others_messages_between_two_places_are_counted_a_window_at_a_time() {
    let mut room = Room::new();
    let window = CONVERSATION_WINDOW_MAX as u64;
    let rows = |from: u64, to: u64| -> Vec<_> {
        let sender = |seq| if seq % 3 == 0 { A } else { B };
        (from..=to)
            .map(|seq| MessageRow { sender: sender(seq), ..crate::rows::sample(seq, 0) })
            .collect()
    };
    room.conversations.add(chat(), rows(99, 99).last());
    room.conversations.ask_count((A, chat()), (Seq(2), Seq(1_000)), &mut room.step);
    let reads = room.step.take_reads();
    let through = 2 + window;
    assert!(
        matches!(reads[..], [Read::Messages { before, .. }] if before.0 == through + 1),
        "{reads:?}"
    );
    let count = Count {
        uid: A,
        conversation: chat(),
        after: Seq(2),
        through: Seq(through),
        to: Seq(1_000),
    };
    Conversations::on_count_read(count, &rows(1, through), &mut room.step);
    let mail = room.step.take().1;
    let others = (3..=through).filter(|seq| seq % 3 > 0).count() as u64;
    let [Mail::Counted { others: counted, through: up_to, .. }] = mail[..] else {
        panic!("{mail:?}")
    };
    assert_eq!((counted, up_to.0), (others, through));
    room.conversations.ask_count((A, chat()), (Seq(99), Seq(1_000)), &mut room.step);
    assert_eq!(room.step.take_reads(), [], "there is no more");
}
