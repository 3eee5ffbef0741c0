//! Rows of inboxes go by age and by number, and clients' ids by age, a little at a time and as the time that the store is told says.
//! What chats, histories and the end of an inbox rest on stays; the directory stops growing; and a kill at any step leaves an inbox
//! that is whole from its tail on.

#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes fails the test")]

use std::io::Write;
use std::path::Path;

use super::kill_a_child;
use crate::alone;
use crate::driven::{Driven, config, inbox, message};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use shard::command::Now;
use shard::rows::{ChatRow, Completion, Found, InboxRow, MessageRow, Read, Row, Ticket, UserRow};
use shard::store::{EmbeddedConfig, Retention};
use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

const CHILD: &str = "LONGLINE_TEST_EXPIRE_DIR";
const UID: Uid = Uid(2);
const DAY_MS: u64 = 86_400_000;
/// A slice by the monotonic clock: as long as the wall clock may have to be followed.
const STEP_MS: u64 = DAY_MS;

/// A store that is told the time.
struct Bench {
    driven: Driven,
    mono_ms: u64,
}

impl Bench {
    fn open(dir: &Path, retention: Retention) -> Self {
        let config = EmbeddedConfig { filling_bytes: 1024 * 1024, retention, ..config(dir) };
        Self { driven: Driven::open(config).unwrap(), mono_ms: 0 }
    }

    fn commit(&mut self, rows: Vec<Row>) {
        self.driven.store.commit(Ticket(1), rows);
        assert_eq!(self.driven.settle(), [Completion::Committed(Ticket(1), Ok(()))]);
    }

    /// So many slices are done while it is this time.
    fn pass(&mut self, unix_ms: u64, slices: u64) {
        self.pass_by(STEP_MS, unix_ms, slices);
    }

    /// So are they, with so much between two.
    fn pass_by(&mut self, step_ms: u64, unix_ms: u64, slices: u64) {
        for _ in 0..=slices {
            self.mono_ms += step_ms;
            self.driven.store.pass_time(Now { unix_ms, mono_ms: self.mono_ms });
            // The first may be answered before the slice is done, the second is asked behind that.
            self.chats();
            self.chats();
        }
    }

    /// The places of the inbox that are shown.
    fn rows(&mut self) -> Vec<u64> {
        let (limit, bytes_max) = (usize::MAX, usize::MAX);
        let read = Read::Inbox { uid: UID, after: InboxSeq(0), limit, bytes_max };
        let Found::Inbox(rows) = self.driven.ask(read) else { panic!("no inbox") };
        rows.iter().map(|row| row.inbox_seq.0).collect()
    }

    fn tail(&mut self, head: u64) -> u64 {
        let read = Read::Tail { uid: UID, from: InboxSeq(1), head: InboxSeq(head) };
        let Found::Tail(tail) = self.driven.ask(read) else { panic!("no tail") };
        tail.0
    }

    fn head(&mut self) -> u64 {
        let Found::User { head, .. } = self.driven.ask(Read::User { uid: UID }) else {
            panic!("no user")
        };
        head.0
    }

    /// Each chat's peer, and the seq of the newest message that is shown.
    fn chats(&mut self) -> Vec<(u64, Option<u64>)> {
        let (limit, bytes_max) = (usize::MAX, usize::MAX);
        let read = Read::Chats { uid: UID, after: None, limit, bytes_max };
        let Found::Chats(rows) = self.driven.ask(read) else { panic!("no chats") };
        let newest = |(row, newest): (ChatRow, Option<MessageRow>)| {
            (row.conversation.peer_of(UID).unwrap().0, newest.map(|it| it.seq.0))
        };
        rows.into_iter().map(newest).collect()
    }

    fn knows_id(&mut self, seq: u64) -> bool {
        let Row::Message(MessageRow { sender, conversation, client_msg_id, .. }) = message(seq, 9)
        else {
            unreachable!("it makes one")
        };
        let read = Read::ByClientMsgId { sender, conversation, client_msg_id };
        matches!(self.driven.ask(read), Found::Messages(rows) if !rows.is_empty())
    }

    fn messages(&mut self) -> usize {
        let (limit, bytes_max, before) = (usize::MAX, usize::MAX, Seq(u64::MAX));
        let read = Read::Messages { conversation: with(1), before, limit, bytes_max };
        let Found::Messages(rows) = self.driven.ask(read) else { panic!("no messages") };
        rows.len()
    }
}

fn with(peer: u64) -> ConversationId {
    ConversationId::direct(UID, Uid(peer)).unwrap()
}

fn through(place: u64) -> Row {
    Row::User(UserRow { chats_through: InboxSeq(place), chats_version: 1, ..UserRow::empty(UID) })
}

fn chat(peer: u64, seq: u64, place: u64) -> Row {
    let empty = ChatRow::empty(UID, with(peer));
    let (recent_seq, recent_inbox_seq) = (Seq(seq), InboxSeq(place));
    Row::Chat(ChatRow { recent_seq, recent_inbox_seq, recent_number: seq, ..empty })
}

/// A hundred messages of user 1, sent at 1 to 100 ms, but for that at place 3, which is user 9's first.
fn hundred() -> Vec<Row> {
    let row = |place| {
        let mut row = inbox(UID, place, 9);
        if place == 3 {
            (row.message.conversation, row.message.sender, row.message.seq) =
                (with(9), Uid(9), Seq(1));
        }
        [message(place, 9), Row::Inbox(row)]
    };
    let chats = [chat(1, 100, 100), chat(9, 1, 3), through(100)];
    (1..=100).flat_map(row).chain(chats).collect()
}

const NOTHING: Retention = Retention { inbox_age_ms: u64::MAX, inbox_rows_max: u64::MAX };

#[test]
fn rows_go_by_age_and_what_rests_on_them_stays() {
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { inbox_age_ms: 10_000, ..NOTHING };
    let mut bench = Bench::open(dir.path(), retention);
    bench.commit(hundred());
    bench.pass(10_000, 3);
    assert_eq!(bench.rows(), (1..=100).collect::<Vec<_>>(), "nothing is old");
    for reopened in [false, true] {
        if reopened {
            bench.driven.store.close().unwrap();
            bench = Bench::open(dir.path(), retention);
        }
        bench.pass(10_050, 3);
        assert_eq!(bench.rows(), (51..=100).collect::<Vec<_>>());
        assert_eq!((bench.tail(100), bench.tail(20)), (51, 21));
        assert_eq!((bench.head(), bench.messages()), (100, 100));
        assert_eq!(
            bench.chats(),
            [(1, Some(100)), (9, Some(1))],
            "a chat keeps its newest message"
        );
    }
    bench.pass(DAY_MS, 3);
    assert_eq!(bench.rows(), [100], "the inbox's end stays, however old");
    assert!((1..=100).all(|seq| bench.knows_id(seq)));
    bench.pass(2 * DAY_MS + 50, 3);
    let known = (1..=100).filter(|seq| bench.knows_id(*seq)).collect::<Vec<_>>();
    assert_eq!(known, (50..=100).collect::<Vec<_>>(), "ids go after two days");
    assert_eq!((bench.head(), bench.messages()), (100, 100));
    bench.commit(vec![Row::Inbox(inbox(UID, 101, 9))]);
    assert_eq!((bench.rows(), bench.head()), (vec![100, 101], 101));
    bench.driven.store.close().unwrap();
}

#[test]
fn rows_go_by_number_and_never_those_that_no_chat_tells_of() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path(), Retention { inbox_rows_max: 10, ..NOTHING });
    bench.commit(hundred());
    bench.commit((101..=110).map(|place| Row::Inbox(inbox(UID, place, 9))).collect());
    bench.pass(1, 3);
    assert_eq!(bench.rows(), (91..=110).collect::<Vec<_>>());
    bench.commit(vec![through(110)]);
    bench.pass(1, 3);
    assert_eq!(bench.rows(), (101..=110).collect::<Vec<_>>());
    bench.driven.store.close().unwrap();
}

/// A clock that goes back brings nothing back, and takes nothing more.
#[test]
fn a_clock_that_was_set_back_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path(), Retention { inbox_age_ms: 10_000, ..NOTHING });
    bench.commit(hundred());
    bench.pass(2 * DAY_MS + 50, 3);
    bench.pass(10_050, 3);
    assert_eq!(bench.rows(), [100]);
    assert!(!bench.knows_id(49) && bench.knows_id(50));
    bench.driven.store.close().unwrap();
}

/// Set ahead by days, across restarts, it takes nothing for as long as it took to say so. Ids stay for a day, and a message of
/// that day that is said again is known.
#[test]
fn a_clock_that_was_set_ahead_takes_nothing_at_once() {
    const STEP_MS: u64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let retention = Retention { inbox_age_ms: 10_000, ..NOTHING };
    let all: Vec<u64> = (1..=100).collect();
    for (after_ms, ahead_ms) in [(100, 2 * DAY_MS), (200, 100 * DAY_MS), (100, 20_000 * DAY_MS)] {
        let mut bench = Bench::open(dir.path(), retention);
        if bench.head() == 0 {
            bench.commit(hundred());
        }
        bench.pass_by(STEP_MS, after_ms, 3);
        bench.pass_by(1, after_ms + ahead_ms, 3);
        assert_eq!(bench.rows(), all, "{ahead_ms} ms ahead");
        assert!((1..=100).all(|seq| bench.knows_id(seq)), "{ahead_ms} ms ahead");
        bench.driven.store.close().unwrap();
    }
    let mut bench = Bench::open(dir.path(), retention);
    bench.pass_by(STEP_MS, 100 * DAY_MS, 22);
    assert_eq!(bench.rows(), [100], "rows do go with the time");
    assert!((1..=100).all(|seq| bench.knows_id(seq)), "a day did not pass yet");
    bench.pass_by(STEP_MS, 100 * DAY_MS, 3);
    assert!(!(1..=100).any(|seq| bench.knows_id(seq)));
    bench.driven.store.close().unwrap();
}

/// Bytes of files below a folder.
fn bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes(&entry.path()),
        Ok(meta) => meta.len(),
        // The store's own thread takes files away.
        Err(_) => 0,
    };
    entries.map(of).sum()
}

/// A day's messages: each under an id of its own, and, so that only what goes counts, in a few places of the conversation.
fn day(day: u64, from: u64, count: u64) -> Vec<Row> {
    let at = |place: u64| {
        let mut row = inbox(UID, 1, 0);
        let mut body = vec![0; 320];
        Xoshiro256PlusPlus::seed_from_u64(place).fill(&mut body[..]);
        row.inbox_seq = InboxSeq(place);
        row.message.seq = Seq(1 + place % 64);
        row.message.time_ms = day * DAY_MS;
        row.message.client_msg_id = ClientMsgId::new(day * DAY_MS, place.into());
        row.message.body = body.into();
        [Row::Message(row.message.clone()), Row::Inbox(row)]
    };
    (from..from + count).flat_map(at).collect()
}

#[test]
fn the_directory_stops_growing() {
    const A_DAY: u64 = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(dir.path(), Retention { inbox_age_ms: DAY_MS, ..NOTHING });
    let mut sizes = Vec::new();
    for number in 10..70 {
        let from = 1 + (number - 10) * A_DAY;
        for part in 0..20 {
            bench.commit(day(number, from + part * A_DAY / 20, A_DAY / 20));
        }
        bench.commit(vec![through(from + A_DAY - 1)]);
        bench.pass(number * DAY_MS + DAY_MS / 2, 4 * A_DAY / 512);
        sizes.push(bytes(&dir.path().join("index/keyspaces")) / 1024);
    }
    println!("KiB of tables, day by day: {sizes:?}");
    // Tables are merged when there are twelve, or later on a busy machine: sizes go up and down.
    let (early, late) = (sizes[..30].iter().max().unwrap(), sizes[30..].iter().min().unwrap());
    assert!(late < early, "{sizes:?}");
    bench.driven.store.close().unwrap();
}

const FEW: Retention = Retention { inbox_rows_max: 20, ..NOTHING };

#[test]
fn child_lets_rows_go_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let mut bench = Bench::open(Path::new(&dir), FEW);
    let mut next = bench.head() + 1;
    let mut stdout = std::io::stdout();
    loop {
        let row = InboxRow { chain: shard::rows::Chain::default(), ..inbox(UID, next, 300) };
        bench.commit(vec![message(next, 300), Row::Inbox(row)]);
        if next.is_multiple_of(7) {
            bench.commit(vec![chat(1, next, next), through(next)]);
            bench.pass(1, 1);
        }
        writeln!(stdout, "acked {next}").unwrap();
        stdout.flush().unwrap();
        next += 1;
    }
}

#[test]
fn a_kill_leaves_an_inbox_that_is_whole_from_its_tail_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut acked = 0;
    for round in 1..=6 {
        let wanted = acked + 100 + 37 * round;
        let test = alone(module_path!(), "child_lets_rows_go_until_it_is_killed");
        kill_a_child(test, (CHILD, dir.path()), |seq| {
            acked = seq;
            acked == wanted
        });
        let mut bench = Bench::open(dir.path(), FEW);
        let head = bench.head();
        assert!(head >= acked);
        for _ in 0..2 {
            let tail = bench.tail(head);
            assert_eq!(
                bench.rows(),
                (tail..=head).collect::<Vec<_>>(),
                "below the tail nothing is shown"
            );
            assert_eq!(bench.messages() as u64, head);
            assert!(bench.chats().iter().all(|chat| chat.1.is_some()));
            bench.pass(1, 3);
        }
        let told = head - head % 7;
        assert!(bench.tail(head) + 20 > told, "the rounds go on");
        bench.driven.store.close().unwrap();
    }
}
