//! What is in the log is in the store, whatever became of the index; what the disk lost of it is noticed. How: commits
//! are made with one record each; the log alone is put beside an index that is empty, as after a power cut, and cut or
//! damaged at known blocks.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::driven::{Driven, config, message};
use shard::rows::{Completion, Found, Read, Row, Ticket};
use wire::{ConversationId, Seq, Uid};

const BLOCK: u64 = 4096;
/// The first record is behind the segment's head.
const FIRST: u64 = 1;

fn commit(driven: &mut Driven, ticket: u64, rows: Vec<Row>) {
    driven.store.commit(Ticket(ticket), rows);
    assert_eq!(driven.wait(), [Completion::Committed(Ticket(ticket), Ok(()))]);
}

/// Seqs of all messages there are.
fn seqs(dir: &Path) -> Vec<u64> {
    let mut driven = Driven::open(config(dir)).unwrap();
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let (limit, bytes_max) = (usize::MAX, usize::MAX);
    let found =
        driven.ask(Read::Messages { conversation, before: Seq(u64::MAX), limit, bytes_max });
    driven.store.close().unwrap();
    let Found::Messages(rows) = found else { panic!("{found:?}") };
    rows.into_iter().map(|row| row.seq.0).collect()
}

/// Why a store is not opened.
fn refusal(dir: &Path) -> String {
    let Err(error) = Driven::open(config(dir)) else { panic!("a damaged store was opened") };
    error.to_string()
}

/// A directory whose log holds `commits`, and whose index nothing.
fn power_cut(commits: impl IntoIterator<Item = Vec<Row>>) -> tempfile::TempDir {
    let (live, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Driven::open(config(cut.path())).unwrap().store.close().unwrap();
    let mut driven = Driven::open(config(live.path())).unwrap();
    for (ticket, rows) in (1..).zip(commits) {
        commit(&mut driven, ticket, rows);
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
    driven.store.close().unwrap();
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
fn a_record_that_was_cut_short_is_left_out_and_the_log_goes_on() {
    let cut = power_cut(small_commits(9));
    damage(cut.path(), FIRST + 8);
    assert_eq!(seqs(cut.path()), (1..=8).collect::<Vec<_>>());
    let mut driven = Driven::open(config(cut.path())).unwrap();
    commit(&mut driven, 1, vec![message(9, 50)]);
    driven.store.close().unwrap();
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
    let text = refusal(cut.path());
    assert!(text.contains("damaged") && text.contains("restore"), "{text}");
}

#[test]
fn a_log_that_is_gone_is_refused() {
    let cut = power_cut(small_commits(9));
    assert_eq!(seqs(cut.path()).len(), 9);
    fs::remove_dir_all(cut.path().join("log")).unwrap();
    let text = refusal(cut.path());
    assert!(text.contains("the log is gone"), "{text}");
}
