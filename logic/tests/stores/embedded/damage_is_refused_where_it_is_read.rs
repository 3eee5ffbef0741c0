//! A block of the index that cannot be read costs what is in it, and nothing else: the read is refused, the file is named, all
//! others are answered, and messages are taken. And a check of the directory names it too. How: many messages are put into the
//! index, one bit of one table is flipped, and everything is read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::driven::{Driven, message};
use shard::rows::{Completion, Found, Read, StoreError, Ticket};
use shard::store::{DataDir, EmbeddedConfig, verify};
use wire::{ConversationId, Seq, Uid};

/// Of each 1,000 bytes.
const MESSAGES: u64 = 6_000;

fn open(dir: &Path) -> (DataDir, Driven) {
    let data = DataDir::open(dir, 1).unwrap();
    let home = data.home(0);
    let config =
        EmbeddedConfig { reserve_bytes: 0, filling_bytes: 1 << 20, ..EmbeddedConfig::new(home) };
    (data, Driven::open(config).unwrap())
}

fn fill(driven: &mut Driven, seqs: std::ops::RangeInclusive<u64>) {
    for seq in seqs {
        driven.store.commit(Ticket(seq), vec![message(seq, 1_000)]);
        assert_eq!(driven.settle(), [Completion::Committed(Ticket(seq), Ok(()))]);
    }
}

/// The message at a seq, or that it cannot be read.
fn read(driven: &mut Driven, seq: u64) -> Result<u64, StoreError> {
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let (before, limit, bytes_max) = (Seq(seq + 1), 1, usize::MAX);
    driven.store.read(Ticket(0), Read::Messages { conversation, before, limit, bytes_max });
    match driven.settle().pop() {
        Some(Completion::Read(_, Ok(Found::Messages(rows)))) => Ok(rows[0].seq.0),
        Some(Completion::Read(_, Err(error))) => Err(error),
        other => panic!("{other:?}"),
    }
}

/// Flips a bit in the middle of the largest table of the messages.
fn flip(dir: &Path) -> PathBuf {
    let tables = fs::read_dir(dir.join("shard-0/index/keyspaces/1/tables")).unwrap();
    let tables = tables.map(|entry| entry.unwrap().path());
    let path =
        tables.max_by_key(|path| fs::metadata(path).unwrap().len()).expect("there are tables");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn one_flipped_bit_costs_one_block() {
    let dir = tempfile::tempdir().unwrap();
    let (data, mut driven) = open(dir.path());
    fill(&mut driven, 1..=MESSAGES);
    driven.store.close().unwrap();
    drop(data);
    // Again, so that the log does not begin with the first record any more.
    let (data, driven) = open(dir.path());
    driven.store.close().unwrap();
    drop(data);
    assert_eq!(verify(dir.path()).unwrap().damaged, [""; 0]);
    let path = flip(dir.path()).display().to_string();

    let report = verify(dir.path()).unwrap();
    let [line] = &report.damaged[..] else { panic!("{:?}", report.damaged) };
    assert!(line.contains(&path) && line.contains("also in the inboxes"), "{line}");

    let (_data, mut driven) = open(dir.path());
    let unread = (1..=MESSAGES).filter(|seq| match read(&mut driven, *seq) {
        Ok(found) => {
            assert_eq!(found, *seq);
            false
        }
        Err(error) => {
            assert_eq!(error, StoreError::Unavailable);
            true
        }
    });
    let unread = unread.count();
    assert!((1..100).contains(&unread), "{unread} of {MESSAGES} are in that block");
    let [damaged] = driven.store.damaged() else { panic!("{:?}", driven.store.damaged()) };
    assert!(damaged.contains(&path), "{damaged}");
    fill(&mut driven, MESSAGES + 1..=MESSAGES + 1);
    assert_eq!(read(&mut driven, MESSAGES + 1), Ok(MESSAGES + 1));
    driven.store.close().unwrap();
}
