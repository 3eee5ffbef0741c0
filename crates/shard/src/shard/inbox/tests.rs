//! The room of inboxes by itself: no conversation, no device and no store.

use super::*;
use crate::command::{Answer, ChatChange, ReplyTo, Session};
use crate::limits::{CHAT_FLUSH_MS, COUNTED_KEPT_MS, FORWARD_AGAIN_MS};
use crate::limits::{INBOX_WINDOW_MAX, MARK_REST_MS, REPEATS_MAX};
use crate::partition::{ShardId, Share};
use crate::rows::{Chain, Ticket, UserRow, sample};
use wire::InboxSeq;

const UID: Uid = Uid(2);

fn chat() -> ConversationId {
    sample(1, 0).conversation
}

const REPLY: ReplyTo = ReplyTo { session: Session { entry: 0, key: 1 }, ticket: 1 };

struct Room {
    inboxes: Inboxes,
    step: Step,
    /// What was said last.
    mail: Vec<Mail>,
}

fn config() -> ShardConfig {
    ShardConfig::new(Share::Of { id: ShardId(0), shards: 1 }, 1, 1)
}

impl Room {
    /// With an empty inbox and no chat.
    fn new() -> Self {
        let inboxes = Inboxes::new(&config(), Plant::from_env());
        let mut room = Self { inboxes, step: Step::of_test(), mail: vec![] };
        assert_eq!(room.inboxes.begin(UID, None, (InboxSeq(0), Chain::default()), vec![]), []);
        assert!(room.inboxes.go_on(UID, &mut room.step));
        room.inboxes.add_chat(UID, chat(), None);
        room
    }

    fn append(&mut self, seq: u64) -> Vec<Mail> {
        self.inboxes.append(UID, sample(seq, 0), None, &mut self.step);
        self.step.take().1
    }

    /// A message of the user, who has seen so much.
    fn append_own(&mut self, seq: u64, seen: u64) -> Vec<Mail> {
        let message = MessageRow { sender: UID, seen: Seq(seen), ..sample(seq, 0) };
        self.inboxes.append(UID, message, None, &mut self.step);
        self.step.take().1
    }

    fn change(&mut self, change: ChatChange) -> Vec<Answer> {
        self.inboxes.change_chat((UID, chat()), change, REPLY, &mut self.step);
        let (answers, mail) = self.step.take();
        self.mail = mail;
        answers
    }

    fn counted(&mut self, (after, through, to): (u64, u64, u64), others: u64) -> Vec<Mail> {
        let places = (Seq(after), Seq(through), Seq(to));
        self.inboxes.on_counted((UID, chat()), places, others, &mut self.step);
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
    // A mark may go before each.
    for seq in 1..INBOX_WINDOW_MAX {
        assert_eq!(room.append(seq), []);
    }
    let mail = room.append(INBOX_WINDOW_MAX);
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
fn a_mark_is_a_row_of_the_inbox_and_answered_when_it_is_durable() {
    let mut room = Room::new();
    let refused = Answer::Refused { code: RefusalCode::OutOfRange, retry_after_ms: 0 };
    assert_eq!(room.change(ChatChange::Read(Seq(1))), [refused], "there is no such chat yet");
    (1..=3).for_each(|seq| drop(room.append(seq)));
    room.commit();
    assert_eq!(room.change(ChatChange::Read(Seq(2))), []);
    let (rows, changes) = room.commit();
    let [Row::Inbox(row)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.message.kind, row.inbox_seq), (RowKind::READ, InboxSeq(4)));
    assert_eq!((row.message.seq, row.message.number), (Seq(2), 1));
    let [Change::Mark { before, after, replies, .. }] = &changes[..] else { panic!() };
    assert_eq!((before.read_seq, after.read_seq, after.unread()), (Seq(0), Seq(2), 1));
    assert_eq!(replies[..], [REPLY]);
    room.inboxes.take_back(row, *before);
    assert_eq!(room.row(), *before, "not written");
}

#[test]
fn what_changes_nothing_makes_no_row_and_no_version() {
    let mut room = Room::new();
    (1..=2).for_each(|seq| drop(room.append(seq)));
    room.change(ChatChange::Hide);
    room.commit();
    let version = room.row().version;
    for change in [ChatChange::Hide, ChatChange::Read(Seq(1)), ChatChange::Read(Seq(9))] {
        assert_eq!(room.change(change), []);
        let (rows, changes) = room.commit();
        assert!(matches!(rows[..], [Row::Chat(row)] if row.version == version), "{rows:?}");
        assert!(matches!(&changes[..], [Change::Told { row, .. }] if row.version == version));
    }
}

#[test]
fn marks_of_a_chat_that_come_soon_after_one_wait_together() {
    let mut room = Room::new();
    (1..=9).for_each(|seq| drop(room.append(seq)));
    room.change(ChatChange::Read(Seq(1)));
    room.commit();
    for seq in [3, 5, 4] {
        assert_eq!(room.change(ChatChange::Read(Seq(seq))), []);
    }
    assert!(room.step.commit.is_empty());
    assert_eq!(room.row().read_seq, Seq(1));
    room.step.pass(MARK_REST_MS);
    room.inboxes.mark_rested(room.step.now().mono_ms, &mut room.step);
    let (rows, changes) = room.commit();
    assert!(matches!(&rows[..], [Row::Inbox(row)] if row.message.seq == Seq(5)), "{rows:?}");
    assert!(matches!(&changes[..], [Change::Mark { replies, .. }] if replies.len() == 3));
}

#[test]
fn of_many_who_wait_for_a_mark_the_first_are_told_to_come_again() {
    let mut room = Room::new();
    (1..=2).for_each(|seq| drop(room.append(seq)));
    room.change(ChatChange::Read(Seq(1)));
    let waiting = (0..REPEATS_MAX).map(|_| room.change(ChatChange::Read(Seq(2))));
    assert_eq!(waiting.flatten().collect::<Vec<_>>(), []);
    assert!(matches!(room.change(ChatChange::Read(Seq(2)))[..], [Answer::Refused { .. }]));
}

#[test]
fn what_its_sender_has_seen_is_read_before_a_message() {
    let mut room = Room::new();
    (1..=3).for_each(|seq| drop(room.append(seq)));
    room.commit();
    room.append_own(4, 2);
    let rows = room.commit().0;
    let [Row::Inbox(mark), Row::Inbox(own)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((mark.message.kind, mark.message.seq), (RowKind::READ, Seq(2)));
    assert_eq!((own.message.kind, own.message.seq), (RowKind::MESSAGE, Seq(4)));
    assert_eq!((room.row().read_seq, room.row().unread()), (Seq(2), 1));
    room.append_own(5, 2);
    assert_eq!(room.commit().0.len(), 1, "it has seen no more");
    room.append_own(6, u64::MAX);
    room.commit();
    assert_eq!((room.row().read_seq, room.row().unread()), (Seq(5), 0));
}

/// An own message, and then so many of others' that its place is not known any more.
fn far() -> Room {
    let mut room = Room::new();
    room.append(1);
    room.append_own(2, 0);
    (3..=99).for_each(|seq| drop(room.append(seq)));
    room.commit();
    room
}

fn is_count(mail: &[Mail], from: u64, until: u64) -> bool {
    matches!(mail, [Mail::Count { after, to, .. }] if (after.0, to.0) == (from, until))
}

#[test]
fn what_is_unread_behind_a_place_far_back_is_asked_of_the_conversation() {
    let mut room = far();
    assert_eq!(room.change(ChatChange::Read(Seq(20))), []);
    assert!(is_count(&room.mail, 0, 20), "{:?}", room.mail);
    let rest = room.counted((0, 9, 20), 8);
    assert!(is_count(&rest, 9, 20), "{rest:?}");
    assert_eq!(room.counted((0, 9, 20), 8), [], "said twice");
    assert!(room.step.commit.is_empty());
    assert_eq!(room.counted((9, 20, 20), 11), []);
    assert_eq!((room.row().read_seq, room.row().unread()), (Seq(20), 79));
    let changes = room.commit().1;
    assert!(matches!(&changes[..], [Change::Mark { replies, .. }] if replies[..] == [REPLY]));
}

#[test]
fn marks_of_a_chat_that_wait_for_a_count_wait_together_and_ask_again_for_a_lost_one() {
    let mut room = far();
    assert_eq!(room.change(ChatChange::Read(Seq(20))), []);
    assert_eq!(room.change(ChatChange::Read(Seq(20))), []);
    assert_eq!(room.mail, [], "it is under way");
    assert_eq!(room.change(ChatChange::Read(Seq(30))), []);
    assert!(is_count(&room.mail, 0, 30), "{:?}", room.mail);
    assert_eq!(room.change(ChatChange::Read(Seq(25))), []);
    assert_eq!(room.mail, [], "the farthest is asked for");
    assert_eq!(room.counted((0, 20, 20), 19), [], "the answer to another question");
    assert!(room.step.commit.is_empty());
    room.step.pass(MARK_REST_MS);
    room.inboxes.mark_rested(room.step.now().mono_ms, &mut room.step);
    let again = room.step.take().1;
    assert!(is_count(&again, 0, 30), "{again:?}");
    room.counted((0, 30, 30), 29);
    assert_eq!((room.row().read_seq, room.row().unread()), (Seq(30), 69));
    let changes = room.commit().1;
    assert!(matches!(&changes[..], [Change::Mark { replies, .. }] if replies.len() == 4));
}

#[test]
fn a_message_whose_sender_has_seen_a_place_far_back_waits_until_it_is_counted() {
    let mut room = far();
    let mail = room.append_own(100, 20);
    assert!(is_count(&mail, 0, 20), "{mail:?}");
    assert_eq!(room.append_own(100, 20), [], "it is under way");
    for behind in [102, 101] {
        assert_eq!(room.append(behind), [], "nothing that is here is asked for");
    }
    assert!(room.step.commit.is_empty());
    let mail = room.counted((0, 20, 20), 19);
    let [Mail::Pull { from: Seq(101), to: Seq(102), .. }] = mail[..] else { panic!("{mail:?}") };
    assert_eq!((room.row().recent_seq, room.row().unread()), (Seq(100), 79));
    room.step.pass(FORWARD_AGAIN_MS);
    assert_eq!(room.append(101), []);
    assert_eq!(room.row().recent_seq, Seq(101));
}

#[test]
fn an_entry_of_a_group_whose_sender_has_seen_a_place_far_back_waits_until_it_is_counted() {
    let mut room = far();
    let message = MessageRow { sender: UID, seen: Seq(20), ..sample(102, 0) };
    let mut offer = |previous: u64, message: MessageRow| {
        room.inboxes.take_offer((UID, Seq(previous)), message, None, &mut room.step);
        room.step.take().1
    };
    let mail = offer(99, message);
    assert!(is_count(&mail, 0, 20), "{mail:?}");
    assert_eq!(offer(102, sample(103, 0)), [], "it is offered again");
    assert_eq!(room.counted((0, 20, 20), 19), []);
    assert_eq!((room.row().recent_seq, room.row().unread()), (Seq(102), 79));
}

#[test]
fn a_count_that_is_lost_is_asked_for_again_with_the_message() {
    let mut room = far();
    room.append_own(100, 20);
    room.step.pass(FORWARD_AGAIN_MS);
    let mail = room.append(102);
    let [Mail::Pull { from: Seq(100), to: Seq(102), .. }] = mail[..] else { panic!("{mail:?}") };
    let mail = room.append_own(100, 20);
    assert!(is_count(&mail, 0, 20), "{mail:?}");
}

/// What one is answered is never taken by another, however often they come.
#[test]
fn a_mark_waits_for_the_count_of_a_message_and_then_for_its_own() {
    let mut room = far();
    assert_eq!(room.change(ChatChange::Read(Seq(25))), []);
    let mail = room.append_own(100, 20);
    assert!(is_count(&mail, 0, 20), "{mail:?}");
    assert_eq!(room.change(ChatChange::Read(Seq(30))), []);
    assert_eq!(room.mail, []);
    assert_eq!(room.counted((0, 20, 20), 19), []);
    assert_eq!((room.row().recent_seq, room.row().read_seq), (Seq(100), Seq(20)));
    room.commit();
    room.step.pass(MARK_REST_MS);
    room.inboxes.mark_rested(room.step.now().mono_ms, &mut room.step);
    room.step.take();
    assert_eq!((room.row().read_seq, room.row().unread()), (Seq(30), 69));
}

#[test]
fn a_message_that_waits_goes_on_when_a_mark_has_read_what_was_to_be_counted() {
    let mut room = far();
    room.append_own(100, 20);
    room.change(ChatChange::Hide);
    assert_eq!((room.row().recent_seq, room.row().read_seq), (Seq(99), Seq(99)));
    assert_eq!(room.counted((0, 20, 20), 19), []);
    assert_eq!((room.row().recent_seq, room.row().unread()), (Seq(100), 0));
}

/// The same, with nothing left to be stored.
fn settled() -> Room {
    let mut room = far();
    for row in 1..=99 {
        room.inboxes.show(UID, InboxSeq(row));
    }
    room.inboxes.flush_all(&mut room.step);
    room.commit();
    room
}

#[test]
fn who_asks_for_a_count_is_there_to_hear_it() {
    let mut room = settled();
    room.append_own(100, 20);
    room.inboxes.forget_unneeded(&room.step, |_| false, |_, _| false);
    room.counted((0, 20, 20), 19);
    assert_eq!(room.row().recent_seq, Seq(100));
    let mut room = settled();
    room.append_own(100, 20);
    room.step.pass(COUNTED_KEPT_MS);
    room.inboxes.forget_unneeded(&room.step, |_| false, |_, _| false);
    assert_eq!(room.inboxes.len(), 0, "nobody has answered");
}

#[test]
fn a_chat_is_made_again_from_the_marks_in_the_inbox() {
    let mut room = far();
    room.change(ChatChange::Read(Seq(20)));
    room.counted((0, 20, 20), 19);
    let rows = room.commit().0;
    room.append(100);
    let rows = rows.into_iter().chain(room.commit().0);
    let tail: Vec<_> =
        rows.filter_map(|row| if let Row::Inbox(row) = row { Some(row) } else { None }).collect();
    let (end, row) = ((tail[1].inbox_seq, tail[1].next_chain()), room.row());
    let mut other = Room::new();
    other.inboxes = Inboxes::new(&config(), Plant::from_env());
    let user = UserRow {
        chats_through: InboxSeq(99),
        chats_version: row.version - 2,
        ..UserRow::empty(UID)
    };
    assert_eq!(other.inboxes.begin(UID, Some(user), end, tail), [chat()]);
    let (recent, unread) = (ChatRow { recent_seq: Seq(99), recent_number: 99, ..row }, 98);
    let stored = ChatRow { read_seq: Seq(0), read_number: 99 - unread, version: 0, ..recent };
    other.inboxes.add_chat(UID, chat(), Some(stored));
    assert!(
        !other.inboxes.go_on(UID, &mut other.step) && other.inboxes.go_on(UID, &mut other.step)
    );
    assert_eq!(other.row(), row);
}

#[test]
fn a_user_is_in_memory_once_its_chats_tell_of_its_whole_inbox() {
    let mut room = Room::new();
    let uid = Uid(1);
    let row = UserRow { chats_through: InboxSeq(1), chats_version: 5, ..UserRow::empty(uid) };
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

#[test]
fn what_the_peer_has_read_never_falls_is_stored_behind_and_outlives_a_refusal() {
    let mut room = Room::new();
    let told =
        |room: &mut Room, seq| room.inboxes.set_peer_read((UID, chat()), Seq(seq), &room.step);
    assert!(!told(&mut room, 1), "a chat without a message is none");
    room.append(1);
    room.append(2);
    room.commit();
    assert_eq!([2, 1, 2].map(|seq| told(&mut room, seq)), [true, false, false]);
    assert_eq!((room.row().peer_read_seq, room.row().version), (Seq(2), 2));

    // A row that is not written takes back what it did to the chat, and not this.
    let before = room.row();
    room.append(3);
    assert!(told(&mut room, 3));
    let (_, changes) = room.commit();
    let Some(Change::Inbox { row, .. }) = changes.into_iter().next() else { panic!("a row") };
    room.inboxes.take_back(&row, before);
    assert_eq!((room.row().recent_seq, room.row().peer_read_seq), (Seq(2), Seq(3)));
    assert_eq!(room.row().peer_read(), Seq(2), "nobody is shown more than there is");
    room.inboxes.flush_all(&mut room.step);
    let (rows, _) = room.commit();
    assert!(matches!(rows[..], [Row::Chat(row), Row::User(_)] if row.peer_read_seq == Seq(3)));
}
