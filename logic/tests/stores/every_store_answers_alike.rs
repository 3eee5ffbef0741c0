//! Every store answers alike. One table of cases; each runs over the memory store, over the embedded store and
//! over CQL, and over the last two opened again between the writes and the questions.
//!
//! A batch is atomic in memory and embedded. Over CQL it is not, and what the suite asks of a batch there is less: rows of
//! logs are written once an epoch, so one place of a log is not written twice here.

use crate::cql::keyspace::Keyspace;
use crate::driven::{Driven, config};
use crate::groups::{self, GROUPS, group, group_row};
use crate::tails;
use bytes::Bytes;
use logic::fence::Fence;
use shard::rows::{
    Chain, ChatRow, Completion, Found, InboxRow, MessageRow, Read, Revoked, Row, StoreError,
    Ticket, UserRow,
};
use shard::store::{MemoryStore, Store};
use std::iter::once;
use wire::{CHAT_BYTES, ClientMsgId, ConversationId, Generation, InboxSeq, MESSAGE_BYTES};
use wire::{MessageId, RowKind, Seq, Uid};

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
        Self {
            driven: Driven::unwoken(Store::Memory(Box::new(store))),
            home: Home::Memory,
            tickets: 0,
        }
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

/// Its number does not fit a signed one.
const DAVE: Uid = Uid(u64::MAX);

fn pair(a: Uid, b: Uid) -> ConversationId {
    ConversationId::direct(a, b).unwrap()
}

/// The first of its conversation, or behind what nobody asks for.
fn message(sender: Uid, to: Uid, seq: u64, body_len: usize) -> MessageRow {
    MessageRow {
        conversation: pair(sender, to),
        seq: Seq(seq),
        number: seq,
        message_id: MessageId(sender.0 << 32 | to.0 << 16 | seq),
        sender,
        time_ms: 1_000 + seq,
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain::default(),
        client_msg_id: ClientMsgId::new(1_000 + seq, u128::from(sender.0)),
        body: Bytes::from(vec![b'x'; body_len]),
        seen: Seq(seq / 2),
    }
}

fn inbox(uid: Uid, inbox_seq: u64, message: &MessageRow) -> InboxRow {
    let (inbox_seq, chain, message) = (InboxSeq(inbox_seq), Chain::default(), message.clone());
    InboxRow { uid, inbox_seq, flags: 0, chain, message }
}

fn chat(uid: Uid, conversation: ConversationId, seq: u64, inbox_seq: u64) -> ChatRow {
    ChatRow {
        recent_seq: Seq(seq),
        recent_inbox_seq: InboxSeq(inbox_seq),
        recent_number: seq + 1,
        read_seq: Seq(1),
        read_number: 2,
        read_time_ms: 5,
        version: 3,
        is_hidden: seq == 2,
        peer_read_seq: Seq(seq / 2),
        ..ChatRow::empty(uid, conversation)
    }
}

/// Alice and Bob wrote 300 times (past one byte of seq), bodies of `seq % 10` bytes.
fn talk() -> Vec<MessageRow> {
    let mut chain = Chain::default();
    let next = |seq: u64| {
        let (from, to) = if seq.is_multiple_of(3) { (ALICE, BOB) } else { (BOB, ALICE) };
        let flags = u16::try_from(seq).unwrap() | 0x8000;
        let body_len = usize::try_from(seq % 10).unwrap();
        let row = MessageRow { chain, flags, ..message(from, to, seq, body_len) };
        chain = row.next_chain();
        row
    };
    (1..=300).map(next).collect()
}

/// An inbox with these messages.
fn copies(uid: Uid, messages: impl Iterator<Item = MessageRow>) -> Vec<InboxRow> {
    let mut chain = Chain::default();
    let next = |(place, message): (u64, MessageRow)| {
        let flags = if place == 299 { InboxRow::POINTS } else { 0 };
        let row = InboxRow { chain, flags, ..inbox(uid, place, &message) };
        chain = row.next_chain();
        row
    };
    (1..).zip(messages).map(next).collect()
}

/// What Alice and Bob wrote is in both inboxes; Carol wrote to Alice once, which is too, and to Bob under the same id.
fn history() -> Vec<Vec<Row>> {
    let (talk, carols) = (talk(), message(CAROL, ALICE, 1, 50));
    let alices = copies(ALICE, talk.iter().cloned().chain(once(carols.clone())));
    let bobs = copies(BOB, talk.iter().cloned());
    let rows = alices.iter().zip(&bobs).zip(talk);
    let mut batches: Vec<Vec<Row>> = rows
        .map(|((alices, bobs), row)| {
            vec![Row::Inbox(alices.clone()), Row::Inbox(bobs.clone()), Row::Message(row)]
        })
        .collect();
    let last = alices.into_iter().next_back().unwrap();
    batches.push(vec![Row::Inbox(last), Row::Message(carols)]);
    batches.push(vec![Row::Message(message(CAROL, BOB, 1, 20))]);
    batches.extend(groups::groups());
    batches.push(vec![
        Row::Chat(chat(ALICE, pair(ALICE, BOB), 300, 300)),
        Row::Chat(chat(ALICE, pair(ALICE, CAROL), 1, 301)),
        Row::Chat(chat(ALICE, pair(ALICE, Uid(9)), 2, 0)),
        Row::Chat(chat(ALICE, pair(ALICE, DAVE), 5, 0)),
        Row::Chat(chat(ALICE, ConversationId::system(ALICE).unwrap(), 6, 0)),
        Row::Chat(chat(BOB, pair(ALICE, BOB), 300, 300)),
        user(ALICE, 298),
        user(BOB, 300),
    ]);
    batches
}

/// An answer in short: seqs, or conversations with the length of their newest body.
fn short(found: Found) -> String {
    match found {
        Found::User { row, head, chain: _, tail } => {
            let through = row.map(|row| row.chats_through.0);
            let tail: Vec<_> = tail.iter().map(|row| row.inbox_seq.0).collect();
            format!("through {through:?} head {head} tail {tail:?}")
        }
        Found::Messages(rows) => span(rows.iter().map(|row| row.seq.0)),
        Found::Inbox(rows) => span(rows.iter().map(|row| row.inbox_seq.0)),
        Found::Tail(place) => place.to_string(),
        Found::Chats(rows) => {
            let short = |(row, newest): &(ChatRow, Option<MessageRow>)| {
                format!(
                    "{} {:?}",
                    name(row.conversation),
                    newest.as_ref().map(|row| row.body.len())
                )
            };
            rows.iter().map(short).collect::<Vec<_>>().join(", ")
        }
        Found::Group(row, entries) => {
            let position = row.map(|row| (row.position.0, row.members.present().len()));
            format!("{position:?} {}", span(entries.iter().map(|row| row.seq.0)))
        }
        Found::Marks(it) => format!("{:?}", it.iter().map(|it| it.home()).collect::<Vec<_>>()),
        Found::Chat(row) => row.map_or("none".into(), |row| row.conversation.to_string()),
        Found::Owing(_) | Found::Owed(_) | Found::PushTokens(_) | Found::Dead(_) => unreachable!(),
    }
}

/// Of Alice's.
fn name(conversation: ConversationId) -> &'static str {
    let Some(peer) = conversation.peer_of(ALICE) else { return "system" };
    let names = [(Uid(9), "9"), (BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")];
    names.into_iter().find(|name| name.0 == peer).unwrap().1
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
    let chats = |after: Option<ConversationId>, (limit, bytes_max)| {
        let uid = ALICE;
        Read::Chats { uid, after, limit, bytes_max }
    };
    let with = |uid| Some(pair(ALICE, uid));
    let by_id = |row: MessageRow| Read::ByClientMsgId {
        sender: row.sender,
        conversation: row.conversation,
        client_msg_id: row.client_msg_id,
    };
    let [small, talks] = [MESSAGE_BYTES, CHAT_BYTES + wire::CHAT_ADDED_BYTES];
    let lists = "9 None, bob Some(0), carol Some(50), dave None, system None";
    vec![
        (Read::Conversation { conversation: pair(ALICE, BOB) }, "300..=300"),
        (Read::Conversation { conversation: pair(CAROL, BOB) }, "1..=1"),
        (Read::Conversation { conversation: pair(CAROL, DAVE) }, "none"),
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
        (messages(u64::MAX, (10, 17 + 3 * small)), "298..=300"),
        (messages(u64::MAX, (10, 16 + 3 * small)), "299..=300"),
        (messages(300, (10, 0)), "299..=299"),
        (inbox(ALICE, 0, all), "1..=301"),
        (inbox(ALICE, 254, (4, usize::MAX)), "255..=258"),
        (inbox(ALICE, 299, all), "300..=301"),
        (inbox(ALICE, 299, (10, 49 + 2 * small)), "300..=300"),
        (inbox(ALICE, 300, (10, 49)), "301..=301"),
        (inbox(ALICE, 301, all), "none"),
        (inbox(ALICE, u64::MAX, all), "none"),
        (inbox(BOB, 298, all), "299..=300"),
        (inbox(Uid(8), 0, all), "none"),
        (inbox(ALICE, 0, (0, usize::MAX)), "none"),
        (by_id(message(BOB, ALICE, 7, 0)), "7..=7"),
        (by_id(message(ALICE, BOB, 9, 0)), "9..=9"),
        (by_id(message(ALICE, BOB, 7, 0)), "none"),
        (by_id(message(BOB, ALICE, 9_999, 0)), "none"),
        (chats(None, all), lists),
        (chats(with(Uid(8)), all), lists),
        (chats(with(Uid(9)), all), "bob Some(0), carol Some(50), dave None, system None"),
        (chats(with(Uid(9)), (1, usize::MAX)), "bob Some(0)"),
        (chats(with(Uid(9)), (9, 49 + 2 * talks)), "bob Some(0)"),
        (chats(with(Uid(9)), (9, 50 + 2 * talks)), "bob Some(0), carol Some(50)"),
        (chats(with(BOB), (1, 49)), "carol Some(50)"),
        (chats(with(CAROL), all), "dave None, system None"),
        (chats(with(DAVE), all), "system None"),
        (chats(ConversationId::from_parts(4, 1, 0), all), ""),
        (chats(None, (0, usize::MAX)), ""),
        (Read::Chat { uid: BOB, conversation: pair(ALICE, BOB) }, "1:300:7"),
        (Read::Chat { uid: BOB, conversation: pair(BOB, CAROL) }, "none"),
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
    for (read, expect) in
        cases().into_iter().chain(tails::questions(ALICE)).chain(groups::questions())
    {
        assert_eq!(short(bench.ask(read)), expect, "{read:?}");
    }
    rows_come_back_whole(&mut bench);
    an_id_is_of_a_conversation(&mut bench);
    same_keys_overwrite_in_order(&mut bench);
    if bench.is_atomic() {
        logs_overwrite_in_order(&mut bench);
    }
    bench.driven.store.close().unwrap();
}

fn rows_come_back_whole(bench: &mut Bench) {
    let bobs = copies(BOB, talk().into_iter());
    for row in [&bobs[299], &bobs[298]] {
        let MessageRow { conversation, seq, .. } = row.message;
        let (before, limit, bytes_max) = (seq.next(), 1, 99);
        let read = Read::Messages { conversation, before, limit, bytes_max };
        assert_eq!(bench.ask(read), Found::Messages(vec![row.message.clone()]));
        let after = InboxSeq(row.inbox_seq.0 - 1);
        let read = Read::Inbox { uid: BOB, after, limit, bytes_max };
        assert_eq!(bench.ask(read), Found::Inbox(vec![row.clone()]));
    }
    for chat in [chat(ALICE, pair(ALICE, Uid(9)), 2, 0), chat(ALICE, pair(ALICE, DAVE), 5, 0)] {
        let found = bench.ask(Read::Chat { uid: ALICE, conversation: chat.conversation });
        assert_eq!(found, Found::Chat(Some(chat)));
    }
    let found = bench.ask(Read::Group { group: group(GROUPS[0]) });
    let Found::Group(row, _) = found else { panic!("no group") };
    assert_eq!(row, Some(group_row(GROUPS[0], 7, 3)));
    let Found::User { row, chain, .. } = bench.ask(Read::User { uid: BOB }) else {
        panic!("no user")
    };
    assert_eq!((row.map(Row::User), chain), (Some(user(BOB, 300)), bobs[299].next_chain()));
}

fn user(uid: Uid, through: u64) -> Row {
    let revoked = Revoked { tokens_s: through, logins: Generation(9) };
    let chats_through = InboxSeq(through);
    Row::User(UserRow { chats_through, chats_version: 7, revoked, ..UserRow::empty(uid) })
}

/// Two messages with one id of one sender, each found in its conversation.
fn an_id_is_of_a_conversation(bench: &mut Bench) {
    let rows = [message(CAROL, ALICE, 1, 50), message(CAROL, BOB, 1, 20)];
    assert_eq!(rows[0].client_msg_id, rows[1].client_msg_id);
    for row in rows {
        let MessageRow { sender, conversation, client_msg_id, .. } = row;
        let read = Read::ByClientMsgId { sender, conversation, client_msg_id };
        assert_eq!(bench.ask(read), Found::Messages(vec![row]));
    }
}

fn same_keys_overwrite_in_order(bench: &mut Bench) {
    let user = |through| user(ALICE, through);
    let chat = |seq| Row::Chat(chat(ALICE, pair(ALICE, CAROL), seq, 301));
    bench.commit(vec![chat(7), user(299), user(300)]);
    bench.commit(vec![chat(9), chat(8), user(301)]);
    let found = short(bench.ask(Read::User { uid: ALICE }));
    assert_eq!(found, "through Some(301) head 301 tail []", "read after commits not yet polled");
    let conversation = pair(ALICE, CAROL);
    let Found::Chat(Some(found)) = bench.ask(Read::Chat { uid: ALICE, conversation }) else {
        panic!("no chat")
    };
    assert_eq!(found.recent_seq, Seq(8));
}

/// Over CQL a place of a log is written once an epoch; then equal timestamps never meet.
fn logs_overwrite_in_order(bench: &mut Bench) {
    let [old, new] = [3, 4].map(|body_len| message(ALICE, CAROL, 9, body_len));
    bench.commit(vec![Row::Message(old.clone())]);
    bench.commit(vec![Row::Message(old), Row::Message(new.clone())]);
    let MessageRow { sender, conversation, client_msg_id, .. } = new;
    let read = Read::ByClientMsgId { sender, conversation, client_msg_id };
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
    let read = Read::Messages { conversation, before: Seq(u64::MAX), limit: 9, bytes_max: 999 };
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
