//! What is in the log is in the store, whatever became of the index; what the disk lost of it is noticed. How: commits
//! are made with one record each; the log alone is put beside an index that is empty, as after a power cut, and cut or
//! damaged at known blocks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes fails the test")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use logic::rows::{Completion, Found, MessageRow, Read, Row, Ticket};
use logic::store::{EmbeddedConfig, EmbeddedStore, OpenError, Store};
use wire::{ClientMsgId, Conversation, MessageId, Seq, Uid};

const BLOCK: u64 = 4096;
/// The first record is behind the segment's head.
const FIRST: u64 = 1;

type Opened = (Store, flume::Receiver<()>);

fn open(dir: &Path) -> Result<Opened, OpenError> {
    let (wake, woken) = flume::bounded(1_024);
    let mut config = EmbeddedConfig::new(dir.to_path_buf());
    config.reserve_bytes = 0;
    let store = EmbeddedStore::open(config, Arc::new(move || wake.send(()).unwrap_or_default()))?;
    Ok((store, woken))
}

fn message(seq: u64, body_bytes: usize) -> Row {
    Row::Message(MessageRow {
        conversation: Conversation::between(Uid(1), Uid(2)).unwrap(),
        seq: Seq(seq),
        message_id: MessageId(seq),
        from: Uid(1),
        time_ms: seq,
        client_msg_id: ClientMsgId::new(seq, 0),
        body: Bytes::from(vec![seq.to_le_bytes()[0]; body_bytes]),
    })
}

fn commit((store, woken): &mut Opened, ticket: u64, rows: Vec<Row>) {
    store.commit(Ticket(ticket), rows);
    let mut completions = Vec::new();
    store.write_now();
    store.poll(&mut completions);
    while completions.is_empty() {
        // The next segment is being made.
        woken.recv().unwrap();
        store.poll(&mut completions);
        store.write_now();
        store.poll(&mut completions);
    }
    assert_eq!(completions, [Completion::Committed(Ticket(ticket), Ok(()))]);
}

/// Seqs of all messages there are.
fn seqs(dir: &Path) -> Vec<u64> {
    let (mut store, woken) = open(dir).unwrap();
    let conversation = Conversation::between(Uid(1), Uid(2)).unwrap();
    let (limit, bytes_max) = (usize::MAX, usize::MAX);
    store.read(Ticket(0), Read::Messages { conversation, before: None, limit, bytes_max });
    let mut completions = Vec::new();
    while completions.is_empty() {
        woken.recv().unwrap();
        store.poll(&mut completions);
    }
    store.close().unwrap();
    let answer = completions.pop();
    let Some(Completion::Read(_, Ok(Found::Messages(rows)))) = answer else { panic!("{answer:?}") };
    rows.into_iter().map(|row| row.seq.0).collect()
}

/// A directory whose log holds `commits`, and whose index nothing.
fn power_cut(commits: impl IntoIterator<Item = Vec<Row>>) -> tempfile::TempDir {
    let (live, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    open(cut.path()).unwrap().0.close().unwrap();
    let mut store = open(live.path()).unwrap();
    for (ticket, rows) in (1..).zip(commits) {
        commit(&mut store, ticket, rows);
    }
    // What was acknowledged is in the files now, with the store still running.
    fs::remove_dir_all(cut.path().join("log")).unwrap();
    fs::create_dir(cut.path().join("log")).unwrap();
    for entry in fs::read_dir(live.path().join("log")).unwrap() {
        let path = entry.unwrap().path();
        // One that is being made has no record.
        if path.extension().is_none() {
            fs::copy(&path, cut.path().join("log").join(path.file_name().unwrap())).unwrap();
        }
    }
    store.0.close().unwrap();
    cut
}

fn small_commits(count: u64) -> impl Iterator<Item = Vec<Row>> {
    (1..=count).map(|seq| vec![message(seq, 100)])
}

/// Changes a byte of a block in the first segment.
fn damage(dir: &Path, block: u64) {
    let path = dir.join("log/00");
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, block * BLOCK + 40).unwrap();
    file.write_all_at(&[byte[0] ^ 1], block * BLOCK + 40).unwrap();
}

#[test]
fn an_index_that_lost_everything_is_made_again() {
    let cut = power_cut(small_commits(300));
    let all: Vec<u64> = (1..=300).collect();
    assert_eq!(seqs(cut.path()), all);
    assert_eq!(seqs(cut.path()), all, "and again, from the index");
}

#[test]
fn many_segments_are_replayed_in_order() {
    // Each about a quarter of a segment, the same message over and over: the last one counts.
    let body = |seq: u64| (0..60).map(move |_| message(seq % 7 + 1, 31_000)).collect();
    let cut = power_cut((0..12).map(body));
    assert_eq!(seqs(cut.path()), (1..=7).collect::<Vec<_>>());
}

#[test]
fn a_record_that_was_cut_short_is_left_out_and_the_log_goes_on() {
    let cut = power_cut(small_commits(9));
    damage(cut.path(), FIRST + 8);
    assert_eq!(seqs(cut.path()), (1..=8).collect::<Vec<_>>());
    let mut store = open(cut.path()).unwrap();
    commit(&mut store, 1, vec![message(9, 50)]);
    store.0.close().unwrap();
    assert_eq!(seqs(cut.path()), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_commit_of_several_records_is_there_whole_or_not() {
    // 100 bodies of 30,000 bytes are three records; the last one is cut short.
    let large: Vec<Row> = (2..=101).map(|seq| message(seq, 30_000)).collect();
    let cut = power_cut([vec![message(1, 10)], large]);
    let path = cut.path().join("log/00");
    let bytes = fs::read(&path).unwrap();
    let is_head = |block: &u64| {
        let at = usize::try_from(block * BLOCK).unwrap();
        bytes[at..].starts_with(b"LLR1")
    };
    let heads: Vec<u64> = (FIRST..bytes.len() as u64 / BLOCK).filter(is_head).collect();
    assert_eq!(heads.len(), 4, "one small record and three of the large commit: {heads:?}");
    damage(cut.path(), heads[3]);
    assert_eq!(seqs(cut.path()), [1]);
}

#[test]
fn a_hole_before_a_later_record_is_refused() {
    let cut = power_cut(small_commits(9));
    damage(cut.path(), FIRST + 4);
    let Err(error) = open(cut.path()) else { panic!("a damaged log was opened") };
    let text = error.to_string();
    assert!(text.contains("damaged") && text.contains("restore"), "{text}");
}

#[test]
fn a_log_that_is_gone_is_refused() {
    let cut = power_cut(small_commits(9));
    assert_eq!(seqs(cut.path()).len(), 9);
    fs::remove_dir_all(cut.path().join("log")).unwrap();
    let Err(error) = open(cut.path()) else { panic!("a store without its log was opened") };
    assert!(error.to_string().contains("the log is gone"), "{error}");
}

#[test]
fn a_segment_that_is_gone_is_refused() {
    let body = |seq: u64| (0..60).map(move |_| message(seq + 1, 31_000)).collect();
    let cut = power_cut((0..12).map(body));
    fs::remove_file(cut.path().join("log/00")).unwrap();
    let Err(error) = open(cut.path()) else { panic!("a log with a hole was opened") };
    assert!(error.to_string().contains("lacks records"), "{error}");
}
