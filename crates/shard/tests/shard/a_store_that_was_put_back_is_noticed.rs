//! A store that was put back may come to an epoch that it has had: its ids begin elsewhere, also past the last count. And a
//! device that knows rows of this epoch that the inbox has not proves it, and so does one that has another message at its row.

use crate::asked::Asked;
use bytes::Bytes;
use shard::ShardConfig;
use shard::command::{Answer, Begin, ChatChange, Command, Now, Send};
use shard::partition::{ShardId, Share};
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, MessageId, RowKind, Seq, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
const INBOX_EPOCH: u64 = 9;

struct World(Asked);

impl World {
    fn new(first_message: u64) -> Self {
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let config = ShardConfig { first_message, ..ShardConfig::new(share, 3, INBOX_EPOCH) };
        Self(Asked::new(config, NOW))
    }

    fn ask(&mut self, command: Command) -> Vec<Answer> {
        self.0.ask(command, |_| false)
    }

    fn send(&mut self, number: u128) -> MessageId {
        self.send_as(Uid(1), number)
    }

    fn send_as(&mut self, sender: Uid, number: u128) -> MessageId {
        let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
        let client_msg_id = ClientMsgId::new(NOW.unix_ms, number);
        let (device, kind) = (DeviceId(1), RowKind::MESSAGE);
        let body = Bytes::from_static(b"a body");
        let send = Send {
            conversation,
            sender,
            device,
            client_msg_id,
            kind,
            flags: 0,
            seen: Seq(0),
            body,
        };
        let answers = self.ask(Command::Send(send));
        let acked = answers.iter().find_map(|answer| {
            let Answer::Acked { message_id, .. } = answer else { return None };
            Some(*message_id)
        });
        acked.unwrap()
    }

    fn log_in(&mut self, row: u64, epoch: u64) -> InboxSeq {
        self.log_in_with(row, epoch, MessageId(0))
    }

    fn log_in_with(&mut self, row: u64, epoch: u64, message_id: MessageId) -> InboxSeq {
        let from = Begin::After { row: InboxSeq(row), epoch, message_id };
        let answers = self.ask(Command::login(Uid(1), DeviceId(1), from));
        let Some(Answer::LoggedIn { cursor, .. }) = answers.first() else { panic!("{answers:?}") };
        *cursor
    }
}

#[test]
fn one_epoch_with_two_beginnings_gives_no_id_twice() {
    let last = (1 << MessageId::COUNT_BITS) - 2;
    let ids = |first| {
        let mut world = World::new(first);
        (0..4).map(|number| world.send(number)).collect::<Vec<_>>()
    };
    let mut all = [ids(0), ids(77), ids(last)].concat();
    assert!(all.iter().all(|id| id.0 < 1 << 63));
    all.sort_unstable();
    all.dedup();
    // From the last count it goes on with those of the first, which began at 0: the only ones that come again.
    assert_eq!(all.len(), 12 - 2);
}

#[test]
fn a_device_that_knows_more_is_counted_and_begins_anew() {
    let mut world = World::new(0);
    world.send(1);
    assert_eq!(world.log_in(1, INBOX_EPOCH), InboxSeq(1));
    assert_eq!(world.log_in(7, INBOX_EPOCH - 1), InboxSeq(0));
    assert_eq!(world.0.shard.forked_logins(), 0, "of another epoch it may know anything");
    assert_eq!(world.log_in(2, INBOX_EPOCH), InboxSeq(0));
    assert_eq!(world.0.shard.forked_logins(), 1);
}

#[test]
fn a_device_that_has_another_message_at_its_row_is_counted_and_begins_anew() {
    let mut world = World::new(0);
    let ids = [world.send(1), world.send(2), world.send(3)];
    for (row, id) in (1..).zip(ids) {
        assert_eq!(world.log_in_with(row, INBOX_EPOCH, id), InboxSeq(row));
        assert_eq!(world.log_in(row, INBOX_EPOCH), InboxSeq(row), "it says of none that it has it");
    }
    assert_eq!(world.log_in_with(2, INBOX_EPOCH - 1, ids[0]), InboxSeq(0));
    assert_eq!(world.0.shard.forked_logins(), 0);
    for (row, id) in [(1, ids[1]), (2, ids[2]), (3, ids[0])] {
        assert_eq!(world.log_in_with(row, INBOX_EPOCH, id), InboxSeq(0), "row {row}");
        assert_eq!(world.0.shard.forked_logins(), row);
    }
}

/// A row that is no message names what it is as well.
#[test]
fn a_device_that_has_another_mark_at_its_row_is_counted_and_begins_anew() {
    let marked = |later_ms| {
        let mut world = World::new(0);
        world.send_as(Uid(2), 1);
        world.0.now.unix_ms += later_ms;
        world.0.now.mono_ms += later_ms;
        let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
        let (uid, change) = (Uid(1), ChatChange::Read(Seq(1)));
        world.ask(Command::ChangeChat { uid, conversation, change });
        let answers = world.ask(Command::Sync { uid, after: InboxSeq(1), limit: 1 });
        let [Answer::Inbox { rows, .. }] = &answers[..] else { panic!("{answers:?}") };
        (world, rows[0].message.message_id)
    };
    let ((mut world, ours), (_, other)) = (marked(0), marked(1));
    assert!(ours != other && ours != MessageId(0) && ours.0 < 1 << 63);
    assert_eq!(world.log_in_with(2, INBOX_EPOCH, ours), InboxSeq(2));
    assert_eq!(world.log_in_with(2, INBOX_EPOCH, other), InboxSeq(0));
    assert_eq!(world.0.shard.forked_logins(), 1);
}

#[test]
fn a_row_that_went_by_age_proves_nothing() {
    let mut world = World::new(0);
    let ids = [world.send(1), world.send(2), world.send(3)];
    world.0.store.expire(Uid(1), InboxSeq(3));
    assert_eq!(world.log_in_with(1, INBOX_EPOCH, ids[0]), InboxSeq(1));
    assert_eq!(world.log_in_with(1, INBOX_EPOCH, ids[2]), InboxSeq(1));
    assert_eq!(world.0.shard.forked_logins(), 0);
    assert_eq!(world.log_in_with(3, INBOX_EPOCH, ids[2]), InboxSeq(3));
    assert_eq!(world.log_in_with(3, INBOX_EPOCH, ids[1]), InboxSeq(0));
}
