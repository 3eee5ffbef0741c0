//! Statements a message, counted on a real server: the message, its sender's id, two inbox rows; what else is written is
//! shared by many messages. And what a takeover and a page cost.

use std::sync::Arc;

use super::keyspace::Keyspace;
use crate::driven::{inbox, message};
use bytes::Bytes;
use logic::cql::{CqlClient, CqlStore, Kind};
use logic::fence::Fence;
use shard::command::{Answer, Command, Effects, Input, Now, ReplyTo, Send, Session};
use shard::host::Host;
use shard::owner::Epoch;
use shard::partition::{Partition, ShardId, Share};
use shard::rows::{ChatRow, Found, Read, Row, Ticket};
use shard::{Shard, ShardConfig};
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, RowKind, Seq, Uid};

const MESSAGES: u64 = 200;
const UNIX_MS: u64 = 1_700_000_000_000;

fn send(number: u64) -> Input {
    let send = Send {
        conversation: ConversationId::direct(Uid(1), Uid(2)).unwrap(),
        sender: Uid(1 + number % 2),
        device: DeviceId(1),
        client_msg_id: ClientMsgId::new(UNIX_MS, u128::from(number)),
        kind: RowKind::MESSAGE,
        flags: 0,
        seen: Seq(0),
        body: Bytes::from_static(b"hello"),
    };
    let session = Session { entry: 0, key: 1 };
    Input::Command(Command::Send(send), ReplyTo { session, ticket: number })
}

#[test]
fn a_message_is_four_statements_and_a_share_of_the_rest() {
    let keyspace = Keyspace::new();
    let (wake, woken) = flume::bounded(1);
    let wake = Arc::new(move || {
        let _ = wake.try_send(());
    });
    let partition = Partition::of_user(Uid(1));
    let fence = Arc::new(Fence::always_open());
    let mut store = CqlStore::open(&keyspace.client, partition, Epoch(1), fence, wake);
    while store.opened().is_none() {
        woken.recv().unwrap();
    }
    let share = Share::Of { id: ShardId(0), shards: 1 };
    let config = ShardConfig { is_atomic: false, ..ShardConfig::new(share, 1, 1) };
    let mut now = Now { unix_ms: UNIX_MS, mono_ms: 0 };
    let mut host = Host::new(Shard::new(config, now), store);
    let (mut effects, mut acked) = (Effects::default(), 0);
    for number in 0..MESSAGES {
        host.take(send(number));
        while acked <= number {
            host.step(now, &mut effects);
            let answers = effects.deliveries.drain(..);
            acked += answers.filter(|it| matches!(it.answer, Answer::Acked { .. })).count() as u64;
            if acked <= number && !host.has_inputs() {
                woken.recv().unwrap();
                host.poll(|_| {});
            }
        }
    }
    // The chats' time has come.
    now.mono_ms += 60_000;
    host.step(now, &mut effects);
    while host.store_in_flight() > 0 {
        woken.recv().unwrap();
        host.poll(|_| {});
        host.step(now, &mut effects);
    }
    let sent = |kind| keyspace.client.stats().sent(kind);
    let counts = [
        Kind::Message,
        Kind::Dedup,
        Kind::Inbox,
        Kind::Head,
        Kind::Chat,
        Kind::User,
        Kind::Bound,
        Kind::Read,
    ]
    .map(|kind| (kind, sent(kind)));
    println!("statements for {MESSAGES} messages, one at a time: {counts:?}");
    // A try that a busy machine did not answer in time was made again.
    let failed = keyspace.client.stats().failed();
    let check = |kind, expected| {
        let tries = sent(kind);
        assert!(
            (expected..=expected + failed).contains(&tries),
            "{kind:?}: {tries}, {failed} failed"
        );
    };
    check(Kind::Message, MESSAGES);
    check(Kind::Dedup, MESSAGES);
    check(Kind::Inbox, 2 * MESSAGES);
    check(Kind::Head, MESSAGES / 64);
    check(Kind::Chat, 2);
    check(Kind::User, 2);
    check(Kind::Bound, 1);
    // The bound, and a conversation, two users, two chats that were not there; nothing a message.
    assert!(sent(Kind::Read) < 20 + failed);
}

/// Reads, and rows of logs written, since the last call.
struct Counted<'a>(&'a CqlClient, [u64; 2]);

impl Counted<'_> {
    fn take(&mut self) -> [u64; 2] {
        let sent = |kinds: &[Kind]| kinds.iter().map(|kind| self.0.stats().sent(*kind)).sum();
        let now = [sent(&[Kind::Read]), sent(&[Kind::Message, Kind::Dedup, Kind::Inbox])];
        let before = std::mem::replace(&mut self.1, now);
        [now[0] - before[0], now[1] - before[1]]
    }
}

#[test]
fn a_takeover_is_four_statements_and_a_page_of_chats_ten() {
    let keyspace = Keyspace::new();
    let mut owner = keyspace.open(1, Fence::always_open());
    let uid = Uid(2);
    for seq in 1..=200 {
        owner.store.commit(Ticket(seq), vec![message(seq, 9), Row::Inbox(inbox(uid, seq, 9))]);
    }
    let chat = |peer| {
        let empty = ChatRow::empty(uid, ConversationId::direct(uid, Uid(peer)).unwrap());
        Row::Chat(ChatRow { recent_inbox_seq: InboxSeq(peer), ..empty })
    };
    owner.store.commit(Ticket(201), (3..=60).map(chat).collect());
    owner.settle();

    let mut counted = Counted(&keyspace.client, [0; 2]);
    let failed = keyspace.client.stats().failed();
    let mut next = keyspace.open(2, Fence::always_open());
    let conversation = ConversationId::direct(Uid(1), uid).unwrap();
    // Who opened it has read the bound of the ids.
    let row = next.ask(Read::Messages { conversation, before: Seq(1), limit: 1, bytes_max: 9 });
    assert_eq!(row, Found::Messages(Vec::new()));
    counted.take();
    let Found::Messages(newest) = next.ask(Read::Conversation { conversation }) else {
        panic!("no messages")
    };
    assert_eq!(newest[0].seq, Seq(200));
    let takeover = counted.take();
    let mut page = |limit| {
        let read = Read::Chats { uid, after: None, limit, bytes_max: usize::MAX };
        let Found::Chats(rows) = next.ask(read) else { panic!("no chats") };
        assert!(rows.iter().all(|(_, newest)| newest.is_some()));
        (rows.len(), counted.take()[0])
    };
    let pages = [page(20), page(100)];
    println!("a takeover reads and writes {takeover:?}; chats and reads of pages: {pages:?}");
    if keyspace.client.stats().failed() > failed {
        return println!("a busy machine was asked more than once: nothing can be told");
    }
    // The head, the rows from there; the last one, which nothing says is committed, and its id.
    assert_eq!(takeover, [2, 2]);
    // Each slot once, few of them twice if they run dry; the newest messages at once.
    assert_eq!((pages[0].0, pages[1].0), (20, 58));
    assert!(pages.iter().all(|page| page.1 <= 8 + 2 + 1), "{pages:?}");
}

/// A client may name any place.
#[test]
fn a_page_behind_the_end_is_two_statements_however_long_the_inbox_is() {
    let keyspace = Keyspace::new();
    let mut owner = keyspace.open(1, Fence::always_open());
    let uid = Uid(2);
    for seq in 1..=200 {
        owner.store.commit(Ticket(seq), vec![message(seq, 9), Row::Inbox(inbox(uid, seq, 9))]);
    }
    owner.settle();
    let mut counted = Counted(&keyspace.client, [0; 2]);
    for after in [200, 8_191, 8_192, 1 << 40, u64::MAX - 8_192, u64::MAX - 1, u64::MAX] {
        let failed = keyspace.client.stats().failed();
        counted.take();
        let read = Read::Inbox { uid, after: InboxSeq(after), limit: 10, bytes_max: 99 };
        assert_eq!(owner.ask(read), Found::Inbox(Vec::new()), "after {after}");
        let [reads, _] = counted.take();
        let failed = keyspace.client.stats().failed() - failed;
        assert!(reads <= 2 + failed, "{reads} reads after {after}");
    }
}
