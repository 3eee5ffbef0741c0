//! The room of inboxes by itself: no conversation, no device and no store.

use super::*;
use crate::command::{Answer, ChatChange, ReplyTo, Session};
use crate::limits::{CHAT_FLUSH_MS, INBOX_WINDOW_MAX};
use crate::partition::{ShardId, Share};
use crate::rows::{Chain, Ticket, UserRow, sample};
use wire::InboxSeq;

const UID: Uid = Uid(2);

fn chat() -> ConversationId {
    sample(1, 0).conversation
}

struct Room {
    inboxes: Inboxes,
    step: Step,
}

impl Room {
    /// With an empty inbox and no chat.
    fn new() -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let config = ShardConfig::new(share, 1, 1);
        let inboxes = Inboxes::new(&config, Plant::from_env());
        let mut room = Self { inboxes, step: Step::of_test() };
        assert_eq!(room.inboxes.begin(UID, None, (InboxSeq(0), Chain::default()), vec![]), []);
        assert!(room.inboxes.go_on(UID, &mut room.step));
        room.inboxes.add_chat(UID, chat(), None);
        room
    }

    fn append(&mut self, seq: u64) -> Vec<Mail> {
        self.inboxes.append(UID, sample(seq, 0), None, &mut self.step);
        self.step.take().1
    }

    /// What is gathered goes to the store: the rows, and what they are for.
    fn commit(&mut self) -> (Vec<Row>, Vec<Change>) {
        let rows = self.step.commit.begin(Ticket(1));
        (rows, self.step.commit.durable(Ticket(1)))
    }

    fn row(&self) -> ChatRow {
        self.inboxes.chats[&(UID, chat())].row
    }
}

#[test]
fn messages_get_places_in_the_order_of_their_conversation() {
    let mut room = Room::new();
    assert_eq!(room.append(1), []);
    let mail = room.append(3);
    assert!(matches!(mail[..], [Mail::Pull { from: Seq(2), to: Seq(3), .. }]), "{mail:?}");
    assert_eq!(room.append(2), []);
    let rows = room.commit().0;
    let places = rows.iter().map(|row| {
        let Row::Inbox(row) = row else { panic!("{row:?}") };
        (row.inbox_seq.0, row.message.seq.0)
    });
    assert_eq!(places.collect::<Vec<_>>(), [(1, 1), (2, 2)]);
}

#[test]
fn a_message_is_confirmed_again_once_it_is_durable() {
    let mut room = Room::new();
    room.append(1);
    assert_eq!(room.append(1), []);
    room.inboxes.set_durable(UID, chat(), Seq(1));
    assert_eq!(room.inboxes.show(UID, InboxSeq(1)).committed, InboxSeq(1));
    let mail = room.append(1);
    assert!(matches!(mail[..], [Mail::Confirm { seq: Seq(1), .. }]), "{mail:?}");
}

#[test]
fn an_inbox_with_too_much_in_flight_declines() {
    let mut room = Room::new();
    for seq in 1..=INBOX_WINDOW_MAX {
        assert_eq!(room.append(seq), []);
    }
    let mail = room.append(INBOX_WINDOW_MAX + 1);
    assert!(matches!(mail[..], [Mail::Decline { code: RefusalCode::Busy, .. }]), "{mail:?}");
}

#[test]
fn what_was_not_written_leaves_no_trace() {
    let mut room = Room::new();
    room.append(1);
    let before = room.row();
    room.append(2);
    let changes = room.commit().1;
    let Some(Change::Inbox { row, before: known, .. }) = changes.last() else { panic!() };
    assert_eq!(*known, before);
    room.inboxes.take_back(row, *known);
    assert_eq!(room.row(), before);
    assert_eq!(room.append(2), []);
    assert!(matches!(&room.commit().0[..], [Row::Inbox(row)] if row.inbox_seq == InboxSeq(2)));
}

#[test]
fn changed_chats_are_stored_together_after_a_while() {
    let mut room = Room::new();
    (1..=3).for_each(|seq| assert_eq!(room.append(seq), []));
    room.commit();
    room.inboxes.flush_due(&mut room.step);
    assert!(room.step.commit.is_empty());
    room.step.pass(CHAT_FLUSH_MS);
    room.inboxes.flush_due(&mut room.step);
    let rows = room.commit().0;
    let [Row::Chat(chat), Row::User(user)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((chat.recent_seq, user.chats_through), (Seq(3), InboxSeq(3)));
}

#[test]
fn what_a_user_does_to_a_chat_is_stored_at_once() {
    let mut room = Room::new();
    let reply = ReplyTo { session: Session { entry: 0, connection: 1 }, request_id: 1 };
    let read = ChatChange::Read(Seq(1));
    room.inboxes.change_chat((UID, chat()), read, reply, &mut room.step);
    let refused = Answer::Refused { code: RefusalCode::OutOfRange, retry_after_ms: 0 };
    assert_eq!(room.step.take().0, [refused], "there is no such chat yet");
    room.append(1);
    room.commit();
    room.inboxes.change_chat((UID, chat()), read, reply, &mut room.step);
    let (rows, changes) = room.commit();
    assert!(matches!(&rows[..], [Row::User(_), Row::Chat(chat)] if chat.read_seq == Seq(1)));
    assert!(matches!(&changes[..], [Change::Chat { after, .. }] if after.read_seq == Seq(1)));
}

#[test]
fn a_user_is_in_memory_once_its_chats_tell_of_its_whole_inbox() {
    let mut room = Room::new();
    let uid = Uid(1);
    let row = UserRow { uid, chats_through: InboxSeq(1), chats_version: 5 };
    let (inbox_seq, chain) = (InboxSeq(2), Chain::default());
    let tail = InboxRow { uid, inbox_seq, flags: 0, chain, message: sample(2, 0) };
    let end = (InboxSeq(2), tail.next_chain());
    assert_eq!(room.inboxes.begin(uid, Some(row), end, vec![tail]), [chat()]);
    assert!(!room.inboxes.go_on(uid, &mut room.step) && !room.inboxes.has_user(uid));
    let stored = ChatRow { recent_seq: Seq(1), version: 7, ..ChatRow::empty(uid, chat()) };
    room.inboxes.add_chat(uid, chat(), Some(stored));
    assert!(room.inboxes.go_on(uid, &mut room.step) && room.inboxes.has_user(uid));
    let chat = room.inboxes.chats[&(uid, chat())].row;
    assert_eq!((chat.recent_seq, chat.version), (Seq(2), 8), "no version is given twice");
}
