//! Every store answers alike. One table of cases; each runs over the memory store, over the embedded store and
//! over CQL, and over the last two opened again between the writes and the questions.
//!
//! A batch is atomic in memory and embedded. Over CQL it is not, and what the suite asks of a batch there is less: rows of
//! logs are written once an epoch, so one place of a log is not written twice here.

use crate::cql::keyspace::Keyspace;
use crate::driven::{Driven, config};
use bytes::Bytes;
use logic::cluster::Fence;
use shard::rows::{
    Completion, ContactRow, Found, InboxRow, MessageRow, Read, Row, StoreError, Ticket, UserRow,
};
use shard::store::{MemoryStore, Store};
use wire::{ClientMsgId, Conversation, InboxSeq, MessageId, Seq, Uid};

/// A store, and where it lives.
struct Bench {
    driven: Driven,
    home: Home,
    tickets: u64,
}

enum Home {
    Memory,
    Dir(tempfile::TempDir),
    /// And the epoch of its owner.
    Keyspace(Keyspace, u32),
}

impl Bench {
    fn memory(store: MemoryStore) -> Self {
        Self { driven: Driven::unwoken(Store::Memory(store)), home: Home::Memory, tickets: 0 }
    }

    fn embedded() -> Self {
        Self::open(tempfile::tempdir().unwrap())
    }

    fn open(dir: tempfile::TempDir) -> Self {
        let driven = Driven::open(config(&dir.path().join("shard-0"))).unwrap();
        Self { driven, home: Home::Dir(dir), tickets: 0 }
    }

    fn cql(keyspace: Keyspace, epoch: u32) -> Self {
        let driven = keyspace.open(epoch, Fence::always_open());
        Self { driven, home: Home::Keyspace(keyspace, epoch), tickets: 0 }
    }

    fn is_atomic(&self) -> bool {
        !matches!(self.home, Home::Keyspace(..))
    }

    fn reopen(self) -> Self {
        self.driven.store.close().unwrap();
        match self.home {
            Home::Memory => panic!("memory does not come back"),
            Home::Dir(dir) => Self::open(dir),
            Home::Keyspace(keyspace, epoch) => Self::cql(keyspace, epoch + 1),
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn commit(&mut self, batch: Vec<Row>) -> Ticket {
        let ticket = self.ticket();
        self.driven.store.commit(ticket, batch);
        ticket
    }

    fn ask(&mut self, read: Read) -> Found {
        self.driven.ask(read)
    }
}

const ALICE: Uid = Uid(7);
const BOB: Uid = Uid(300);
const CAROL: Uid = Uid(70_000);

fn pair(a: Uid, b: Uid) -> Conversation {
    Conversation::between(a, b).unwrap()
}

fn message(from: Uid, to: Uid, seq: u64, body_len: usize) -> MessageRow {
    MessageRow {
        conversation: pair(from, to),
        seq: Seq(seq),
        message_id: MessageId(from.0 << 32 | to.0 << 16 | seq),
        from,
        time_ms: 1_000 + seq,
        client_msg_id: ClientMsgId::new(1_000 + seq, u128::from(from.0 ^ to.0)),
        body: Bytes::from(vec![b'x'; body_len]),
    }
}

fn inbox(uid: Uid, inbox_seq: u64, message: &MessageRow) -> InboxRow {
    InboxRow { uid, inbox_seq: InboxSeq(inbox_seq), message: message.clone() }
}

fn contact(uid: Uid, peer: Uid, seq: u64, inbox_seq: u64) -> ContactRow {
    ContactRow {
        uid,
        peer,
        recent_seq: Seq(seq),
        recent_inbox_seq: InboxSeq(inbox_seq),
        read_seq: Seq(1),
        read_time_ms: 5,
        is_deleted: seq == 2,
    }
}

/// Alice and Bob wrote 300 times (past one byte of seq), bodies of `seq % 10` bytes; Carol wrote to Alice once.
fn history() -> Vec<Vec<Row>> {
    let mut batches = Vec::new();
    for seq in 1..=300 {
        let from_alice = seq % 3 == 0;
        let (from, to) = if from_alice { (ALICE, BOB) } else { (BOB, ALICE) };
        let row = message(from, to, seq, usize::try_from(seq % 10).unwrap());
        batches.push(vec![
            Row::Inbox(inbox(ALICE, seq, &row)),
            Row::Inbox(inbox(BOB, seq, &row)),
            Row::Message(row),
        ]);
    }
    let row = message(CAROL, ALICE, 1, 50);
    batches.push(vec![Row::Inbox(inbox(ALICE, 301, &row)), Row::Message(row)]);
    batches.push(vec![
        Row::Contact(contact(ALICE, BOB, 300, 300)),
        Row::Contact(contact(ALICE, CAROL, 1, 301)),
        Row::Contact(contact(ALICE, Uid(9), 2, 0)),
        Row::Contact(contact(BOB, ALICE, 300, 300)),
        Row::User(UserRow { uid: ALICE, contacts_through: InboxSeq(298) }),
        Row::User(UserRow { uid: BOB, contacts_through: InboxSeq(300) }),
    ]);
    batches
}

/// An answer in short: seqs, or peers with the length of their newest body.
fn short(found: Found) -> String {
    match found {
        Found::User { row, head, tail } => {
            let through = row.map(|row| row.contacts_through.0);
            let tail: Vec<_> = tail.iter().map(|row| row.inbox_seq.0).collect();
            format!("through {through:?} head {head} tail {tail:?}")
        }
        Found::Messages(rows) => span(rows.iter().map(|row| row.seq.0)),
        Found::Inbox(rows) => span(rows.iter().map(|row| row.inbox_seq.0)),
        Found::Contacts(rows) => {
            let short = |(row, newest): &(ContactRow, Option<MessageRow>)| {
                format!("{}:{:?}", row.peer, newest.as_ref().map(|row| row.body.len()))
            };
            rows.iter().map(short).collect::<Vec<_>>().join(" ")
        }
        Found::Contact(row) => format!("{:?}", row.map(|row| row.peer.0)),
    }
}

/// `first..=last` of dense numbers.
fn span(mut numbers: impl Iterator<Item = u64>) -> String {
    let Some(first) = numbers.next() else { return "none".into() };
    let last = numbers.fold(first, |last, next| {
        assert_eq!(next, last + 1, "ascending without a hole");
        next
    });
    format!("{first}..={last}")
}

fn cases() -> Vec<(Read, &'static str)> {
    let all = (usize::MAX, usize::MAX);
    let messages = |before, (limit, bytes_max)| {
        let (conversation, before) = (pair(ALICE, BOB), Seq(before));
        Read::Messages { conversation, before, limit, bytes_max }
    };
    let inbox = |uid, after, (limit, bytes_max)| Read::Inbox {
        uid,
        after: InboxSeq(after),
        limit,
        bytes_max,
    };
    let contacts = |after, (limit, bytes_max)| Read::Contacts {
        uid: ALICE,
        after: Uid(after),
        limit,
        bytes_max,
    };
    let by_id =
        |from, id: MessageRow| Read::ByClientMsgId { from, client_msg_id: id.client_msg_id };
    vec![
        (Read::Conversation { conversation: pair(ALICE, BOB), known: Seq(298) }, "300..=300"),
        (Read::Conversation { conversation: pair(CAROL, BOB), known: Seq(0) }, "none"),
        (messages(u64::MAX, all), "1..=300"),
        (messages(u64::MAX, (3, usize::MAX)), "298..=300"),
        (messages(298, (3, usize::MAX)), "295..=297"),
        (messages(257, (3, usize::MAX)), "254..=256"),
        (messages(3, all), "1..=2"),
        (messages(1, all), "none"),
        (messages(0, all), "none"),
        (messages(u64::MAX, (1, 0)), "300..=300"),
        (messages(u64::MAX, (0, usize::MAX)), "none"),
        // Bodies from the newest: 0, 9, 8, 7.
        (messages(u64::MAX, (10, 17)), "298..=300"),
        (messages(u64::MAX, (10, 16)), "299..=300"),
        (messages(300, (10, 0)), "299..=299"),
        (inbox(ALICE, 0, all), "1..=301"),
        (inbox(ALICE, 254, (4, usize::MAX)), "255..=258"),
        (inbox(ALICE, 299, all), "300..=301"),
        (inbox(ALICE, 299, (10, 49)), "300..=300"),
        (inbox(ALICE, 300, (10, 49)), "301..=301"),
        (inbox(ALICE, 301, all), "none"),
        (inbox(ALICE, u64::MAX, all), "none"),
        (inbox(BOB, 298, all), "299..=300"),
        (inbox(Uid(8), 0, all), "none"),
        (inbox(ALICE, 0, (0, usize::MAX)), "none"),
        (by_id(BOB, message(BOB, ALICE, 7, 0)), "7..=7"),
        (by_id(ALICE, message(ALICE, BOB, 9, 0)), "9..=9"),
        (by_id(ALICE, message(BOB, ALICE, 7, 0)), "none"),
        (by_id(BOB, message(BOB, ALICE, 9_999, 0)), "none"),
        (contacts(0, all), "9:None 300:Some(0) 70000:Some(50)"),
        (contacts(9, all), "300:Some(0) 70000:Some(50)"),
        (contacts(9, (1, usize::MAX)), "300:Some(0)"),
        (contacts(9, (9, 49)), "300:Some(0)"),
        (contacts(300, (9, 49)), "70000:Some(50)"),
        (contacts(70_000, all), ""),
        (contacts(u64::MAX, all), ""),
        (contacts(0, (0, usize::MAX)), ""),
        (Read::Contact { uid: BOB, peer: ALICE }, "Some(7)"),
        (Read::Contact { uid: BOB, peer: CAROL }, "None"),
        (Read::User { uid: ALICE }, "through Some(298) head 301 tail [299, 300, 301]"),
        (Read::User { uid: BOB }, "through Some(300) head 300 tail []"),
        (Read::User { uid: CAROL }, "through None head 0 tail []"),
    ]
}

fn check(mut bench: Bench, reopen: bool) {
    let tickets: Vec<_> = history().into_iter().map(|batch| bench.commit(batch)).collect();
    let done: Vec<_> = tickets.into_iter().map(|it| Completion::Committed(it, Ok(()))).collect();
    assert_eq!(bench.driven.settle(), done, "in the order of the tickets");
    if reopen {
        bench = bench.reopen();
    }
    for (read, expect) in cases() {
        assert_eq!(short(bench.ask(read)), expect, "{read:?}");
    }
    rows_come_back_whole(&mut bench);
    same_keys_overwrite_in_order(&mut bench);
    if bench.is_atomic() {
        logs_overwrite_in_order(&mut bench);
    }
    bench.driven.store.close().unwrap();
}

fn rows_come_back_whole(bench: &mut Bench) {
    for (from, to, seq, body_len) in [(ALICE, BOB, 300, 0), (BOB, ALICE, 299, 9)] {
        let row = message(from, to, seq, body_len);
        let before = Seq(seq + 1);
        let conversation = row.conversation;
        let read = Read::Messages { conversation, before, limit: 1, bytes_max: 99 };
        assert_eq!(bench.ask(read), Found::Messages(vec![row.clone()]));
        let read = Read::Inbox { uid: BOB, after: InboxSeq(seq - 1), limit: 1, bytes_max: 99 };
        assert_eq!(bench.ask(read), Found::Inbox(vec![inbox(BOB, seq, &row)]));
    }
    let found = bench.ask(Read::Contact { uid: ALICE, peer: Uid(9) });
    assert_eq!(found, Found::Contact(Some(contact(ALICE, Uid(9), 2, 0))));
}

fn same_keys_overwrite_in_order(bench: &mut Bench) {
    let user = |through| Row::User(UserRow { uid: ALICE, contacts_through: InboxSeq(through) });
    let contact = |seq| Row::Contact(contact(ALICE, CAROL, seq, 301));
    bench.commit(vec![contact(7), user(299), user(300)]);
    bench.commit(vec![contact(9), contact(8), user(301)]);
    let found = short(bench.ask(Read::User { uid: ALICE }));
    assert_eq!(found, "through Some(301) head 301 tail []", "read after commits not yet polled");
    let Found::Contact(Some(found)) = bench.ask(Read::Contact { uid: ALICE, peer: CAROL }) else {
        panic!("no contact")
    };
    assert_eq!(found.recent_seq, Seq(8));
}

/// Over CQL a place of a log is written once an epoch; then equal timestamps never meet.
fn logs_overwrite_in_order(bench: &mut Bench) {
    let [old, new] = [3, 4].map(|body_len| message(ALICE, CAROL, 9, body_len));
    bench.commit(vec![Row::Message(old.clone())]);
    bench.commit(vec![Row::Message(old), Row::Message(new.clone())]);
    let read = Read::ByClientMsgId { from: ALICE, client_msg_id: new.client_msg_id };
    assert_eq!(bench.ask(read), Found::Messages(vec![new]), "read after commits not yet polled");
}

#[test]
fn memory_answers() {
    check(Bench::memory(MemoryStore::new()), false);
}

#[test]
fn embedded_answers() {
    check(Bench::embedded(), false);
}

#[test]
fn embedded_answers_after_reopening() {
    check(Bench::embedded(), true);
}

#[test]
fn cql_answers() {
    check(Bench::cql(Keyspace::new(), 1), false);
}

#[test]
fn cql_answers_the_next_owner() {
    check(Bench::cql(Keyspace::new(), 1), true);
}

#[test]
fn every_request_completes_once_and_in_order() {
    let cql = Bench::cql(Keyspace::new(), 1);
    for mut bench in [Bench::memory(MemoryStore::new()), Bench::embedded(), cql] {
        let (mut commits, mut reads) = (Vec::new(), Vec::new());
        // One at a time goes to the servers.
        for seq in 1..=if bench.is_atomic() { 3_000 } else { 300 } {
            commits.push(bench.commit(vec![Row::Message(message(ALICE, BOB, seq, 200))]));
            let ticket = bench.ticket();
            let conversation = pair(ALICE, BOB);
            let read =
                Read::Messages { conversation, before: Seq(seq + 1), limit: 1, bytes_max: 1 };
            bench.driven.store.read(ticket, read);
            reads.push((ticket, seq));
        }
        let (mut committed, mut answered) = (Vec::new(), Vec::new());
        for completion in bench.driven.settle() {
            match completion {
                Completion::Committed(ticket, result) => {
                    result.unwrap();
                    committed.push(ticket);
                }
                Completion::Read(ticket, found) => {
                    let seq = short(found.unwrap());
                    answered.push((ticket, seq.split("..").next().unwrap().parse().unwrap()));
                }
            }
        }
        assert_eq!(committed, commits);
        assert_eq!(answered, reads, "each read saw the commit before it");
        bench.driven.store.close().unwrap();
    }
}

#[test]
fn close_does_what_was_asked_for() {
    let mut bench = Bench::embedded();
    for seq in 1..=500 {
        bench.commit(vec![Row::Message(message(ALICE, BOB, seq, 10))]);
    }
    let mut bench = bench.reopen();
    let conversation = pair(ALICE, BOB);
    let read =
        Read::Messages { conversation, before: Seq(u64::MAX), limit: 999, bytes_max: usize::MAX };
    assert_eq!(short(bench.ask(read)), "1..=500");
}

#[test]
fn memory_crash_keeps_a_prefix_of_what_was_not_polled() {
    let mut store = MemoryStore::new();
    let mut completions = Vec::new();
    let row = |seq| vec![Row::Message(message(ALICE, BOB, seq, 1))];
    store.commit(Ticket(1), row(1));
    store.poll(&mut completions);
    for seq in 2..=4 {
        store.commit(Ticket(seq), row(seq));
    }
    store.crash(2);
    assert_eq!(store.in_flight(), 0);
    let mut bench = Bench::memory(store);
    let conversation = pair(ALICE, BOB);
    let read = Read::Messages { conversation, before: Seq(u64::MAX), limit: 9, bytes_max: 99 };
    assert_eq!(short(bench.ask(read)), "1..=3");
}

#[test]
fn memory_refuses_when_told_to_and_writes_nothing() {
    let mut store = MemoryStore::new();
    store.refuse(Some(StoreError::Full));
    store.commit(Ticket(1), vec![Row::Message(message(ALICE, BOB, 1, 1))]);
    let mut completions = Vec::new();
    store.poll(&mut completions);
    assert_eq!(completions, [Completion::Committed(Ticket(1), Err(StoreError::Full))]);
    store.refuse(None);
    let mut bench = Bench::memory(store);
    assert_eq!(short(bench.ask(Read::User { uid: ALICE })), "through None head 0 tail []");
}
