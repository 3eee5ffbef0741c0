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

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    // One that is being made has no record.
    } else if from.extension().is_none_or(|extension| extension != "new") {
        fs::copy(from, to).unwrap();
    }
}

/// A directory whose log holds `commits`, and whose index nothing: what was synced of it when it was opened.
fn power_cut(commits: impl IntoIterator<Item = Vec<Row>>) -> tempfile::TempDir {
    let (live, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut driven = Driven::open(config(live.path())).unwrap();
    copy(live.path(), cut.path());
    for (ticket, rows) in (1..).zip(commits) {
        commit(&mut driven, ticket, rows);
    }
    // What was acknowledged is in the files now, with the store still running.
    copy(&live.path().join("log"), &cut.path().join("log"));
    driven.store.close().unwrap();
    cut
}

/// The same, killed: what the kernel knew is there too.
fn killed(commits: impl IntoIterator<Item = Vec<Row>>) -> tempfile::TempDir {
    let (live, cut) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut driven = Driven::open(config(live.path())).unwrap();
    copy(live.path(), cut.path());
    for (ticket, rows) in (1..).zip(commits) {
        commit(&mut driven, ticket, rows);
    }
    for part in ["log", "END"] {
        copy(&live.path().join(part), &cut.path().join(part));
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
    assert!(text.contains("a record is unreadable before") && text.contains("restore"), "{text}");
}

#[test]
fn an_end_that_another_part_knows_to_lie_further_is_refused() {
    let cut = killed(small_commits(9));
    damage(cut.path(), FIRST + 8);
    let text = refusal(cut.path());
    assert!(text.contains("log/00 lacks its last records") && text.contains("END knows"), "{text}");

    let whole = killed(small_commits(9));
    assert_eq!(seqs(whole.path()).len(), 9);
}

#[test]
fn what_is_gone_is_refused_by_name() {
    for (name, text) in [
        ("log", "log lacks its newest segments"),
        ("index", "index is gone"),
        ("END", "END is gone"),
        ("SYNCED", "SYNCED is gone"),
        ("index/0.jnl", "index has no journal"),
        ("index/version", "version is gone"),
        ("index/keyspaces/3", "keyspaces has 6 folders"),
        ("index/keyspaces/0/current", "0/current is gone"),
    ] {
        let cut = killed(small_commits(9));
        // Twice, so that the log does not begin with the first record any more.
        assert_eq!(seqs(cut.path()).len(), 9);
        let path = cut.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let refused = refusal(cut.path());
        assert!(refused.contains(text) && refused.contains("shard 0"), "{name}: {refused}");
    }
}

#[test]
fn an_index_that_is_gone_is_noticed_also_if_nothing_was_written_since_the_start() {
    let cut = killed(small_commits(9));
    assert_eq!(seqs(cut.path()).len(), 9);
    // Opened, and killed at once.
    let idle = tempfile::tempdir().unwrap();
    let driven = Driven::open(config(cut.path())).unwrap();
    copy(cut.path(), idle.path());
    driven.store.close().unwrap();
    for name in ["index", "SYNCED"] {
        let path = idle.path().join(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
    }
    let text = refusal(idle.path());
    assert!(text.contains("SYNCED is gone"), "{text}");
}

#[test]
fn an_index_that_is_gone_is_made_again_of_a_log_that_has_everything() {
    let cut = killed(small_commits(9));
    fs::remove_dir_all(cut.path().join("index")).unwrap();
    assert!(refusal(cut.path()).contains("index is gone"));
    fs::remove_file(cut.path().join("SYNCED")).unwrap();
    assert_eq!(seqs(cut.path()), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_segment_that_was_deleted_after_a_stop_lets_nothing_of_later_be_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut driven = Driven::open(config(dir.path())).unwrap();
    for seq in 1..=400 {
        commit(&mut driven, seq, vec![message(seq, 30_000)]);
    }
    driven.store.close().unwrap();
    let count = || fs::read_dir(dir.path().join("log")).unwrap().count();
    assert_eq!(seqs(dir.path()).len(), 400);
    let before = count();
    fs::remove_file(dir.path().join("log/00")).unwrap();
    let mut driven = match Driven::open(config(dir.path())) {
        Ok(driven) => driven,
        // It was the newest.
        Err(error) => return assert!(error.to_string().contains("newest"), "{error}"),
    };
    for seq in 401..=800 {
        commit(&mut driven, seq, vec![message(seq, 30_000)]);
    }
    driven.store.close().unwrap();
    assert_eq!(seqs(dir.path()), (1..=800).collect::<Vec<_>>());
    assert!(count() >= before);
}

#[test]
fn parts_of_other_shards_and_of_other_times_are_refused() {
    let one = killed(small_commits(9));
    let other = killed(small_commits(20));
    assert_eq!((seqs(one.path()).len(), seqs(other.path()).len()), (9, 20));
    // As of one directory they would be told apart by the shard's number; these are alone, and told apart by what they know.
    fs::remove_dir_all(one.path().join("index")).unwrap();
    copy(&other.path().join("index"), &one.path().join("index"));
    let text = refusal(one.path());
    assert!(text.contains("index"), "{text}");
    // An opening that was had before.
    fs::write(other.path().join("opened"), "0").unwrap();
    let text = refusal(other.path());
    assert!(text.contains("BOOT was set back"), "{text}");
}
