//! Rows go from an inbox by age, oldest first, and nobody tells the shard. A device that lacks some of those is told from where on
//! the inbox is there, whichever way it asks, and gets everything from there; one that lacks none is told of none.

use crate::asked::Asked;
use bytes::Bytes;
use shard::ShardConfig;
use shard::command::{Answer, Begin, Command, Now, Send};
use shard::partition::{ShardId, Share};
use shard::rows::Read;
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, RowKind, Seq, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
const INBOX_EPOCH: u64 = 9;
const SENDER: Uid = Uid(1);
const READER: Uid = Uid(2);

/// The reader's inbox, and the shard that has it.
struct World {
    asked: Asked,
    messages: u128,
    /// The next question where an inbox begins is not answered.
    is_failing: bool,
}

impl World {
    fn new(messages: u64) -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let asked = Asked::new(ShardConfig::new(share, 3, INBOX_EPOCH), NOW);
        let mut world = Self { asked, messages: 0, is_failing: false };
        (0..messages).for_each(|_| drop(world.send()));
        world
    }

    fn send(&mut self) -> Vec<Answer> {
        self.messages += 1;
        self.ask(Command::Send(Send {
            conversation: ConversationId::direct(SENDER, READER).unwrap(),
            sender: SENDER,
            device: DeviceId(1),
            client_msg_id: ClientMsgId::new(NOW.unix_ms, self.messages),
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            body: Bytes::from_static(b"a body"),
        }))
    }

    fn ask(&mut self, command: Command) -> Vec<Answer> {
        let Self { asked, is_failing, .. } = self;
        asked.ask(command, |read| matches!(read, Read::Tail { .. }) && std::mem::take(is_failing))
    }

    /// The tail that a login tells, and what is pushed then: each row with the one before it.
    fn log_in(&mut self, cursor: u64) -> (u64, Vec<(u64, u64)>) {
        let from = Begin::after(InboxSeq(cursor), INBOX_EPOCH);
        let answers = self.ask(Command::login(READER, DeviceId(5), from));
        let mut answers = answers.into_iter().filter(|it| !matches!(it, Answer::Closed(_)));
        let Some(Answer::LoggedIn { cursor: told, inbox_tail, .. }) = answers.next() else {
            panic!("not logged in")
        };
        assert_eq!(told.0, cursor, "the cursor is the device's own");
        (inbox_tail.0, answers.map(|answer| pushed(&answer)).collect())
    }

    /// A page after a row: its rows, and the tail.
    fn sync(&mut self, after: u64) -> (Vec<u64>, u64) {
        let command = Command::Sync { uid: READER, after: InboxSeq(after), limit: 10 };
        let answers = self.ask(command);
        let [Answer::Inbox { rows, tail, .. }] = &answers[..] else { panic!("{answers:?}") };
        (rows.iter().map(|row| row.inbox_seq.0).collect(), tail.0)
    }
}

fn pushed(answer: &Answer) -> (u64, u64) {
    let Answer::Push { previous, row } = answer else { panic!("{answer:?}") };
    (previous.0, row.inbox_seq.0)
}

#[test]
fn a_login_below_the_tail_is_told_it_and_pushed_what_is_there() {
    let mut world = World::new(5);
    world.asked.store.expire(READER, InboxSeq(4));
    assert_eq!(world.log_in(1), (4, vec![(3, 4), (4, 5)]));
    assert_eq!(world.log_in(0), (4, vec![(3, 4), (4, 5)]), "a device that has nothing is told too");
}

#[test]
fn a_login_that_lacks_no_row_that_is_gone_is_told_of_none() {
    let mut world = World::new(5);
    world.asked.store.expire(READER, InboxSeq(4));
    for (cursor, pushes) in [(3, vec![(3, 4), (4, 5)]), (4, vec![(4, 5)]), (5, vec![])] {
        let (tail, pushed) = world.log_in(cursor);
        assert!(tail <= cursor + 1, "{tail} for {cursor}");
        assert_eq!(pushed, pushes);
    }
}

#[test]
fn a_page_below_the_tail_begins_at_the_tail_and_names_it() {
    let mut world = World::new(5);
    assert_eq!(world.sync(0), (vec![1, 2, 3, 4, 5], 1));
    world.asked.store.expire(READER, InboxSeq(4));
    assert_eq!(world.sync(1), (vec![4, 5], 4));
    assert_eq!(world.sync(3), (vec![4, 5], 4));
    assert_eq!(world.sync(5), (vec![], 4));
}

#[test]
fn an_inbox_of_which_nothing_is_left_goes_on_where_it_was() {
    let mut world = World::new(5);
    world.asked.store.expire(READER, InboxSeq(6));
    assert_eq!(world.sync(2), (vec![], 6), "one page says it, not one after the other");
    assert_eq!(world.log_in(2), (6, vec![]));
    let answers = world.send();
    assert!(answers.iter().any(|it| matches!(it, Answer::Push { .. }) && pushed(it) == (5, 6)));
    assert_eq!(world.sync(2), (vec![6], 6));
}

/// Nobody who has a session is told of the rows that go meanwhile; who asks for them is.
#[test]
fn rows_that_go_while_a_device_is_away_are_told_at_its_next_login() {
    let mut world = World::new(5);
    assert_eq!(world.log_in(0).0, 1);
    world.asked.store.expire(READER, InboxSeq(3));
    assert_eq!(world.log_in(0), (3, vec![(2, 3), (3, 4), (4, 5)]));
}

#[test]
fn a_login_does_not_fail_with_the_question_where_the_inbox_begins() {
    let mut world = World::new(5);
    world.asked.store.expire(READER, InboxSeq(4));
    world.is_failing = true;
    let (tail, pushed) = world.log_in(1);
    assert_eq!((tail, pushed), (1, vec![(3, 4), (4, 5)]), "the first push shows the hole");
    assert_eq!(world.sync(1), (vec![4, 5], 4));
}
