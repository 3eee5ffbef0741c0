//! A full disk refuses commits whole, serves reads, and takes commits again by itself once there is room. On a real
//! small file system: a tmpfs, mounted in a name space of the test's own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "whatever else comes fails the test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use logic::rows::{Completion, Found, MessageRow, Read, Row, StoreError, Ticket};
use logic::store::{EmbeddedConfig, EmbeddedStore, Store};
use wire::{ClientMsgId, Conversation, MessageId, Seq, Uid};

const CHILD: &str = "LONGLINE_TEST_TMPFS";
const MIB: usize = 1024 * 1024;

fn message(seq: u64) -> Vec<Row> {
    vec![Row::Message(MessageRow {
        conversation: Conversation::between(Uid(1), Uid(2)).unwrap(),
        seq: Seq(seq),
        message_id: MessageId(seq),
        from: Uid(1),
        time_ms: seq,
        client_msg_id: ClientMsgId::new(seq, 0),
        body: Bytes::from_static(&[1; 100]),
    })]
}

fn complete(store: &mut Store, woken: &flume::Receiver<()>) -> Completion {
    let mut completions = Vec::new();
    store.write_now();
    store.poll(&mut completions);
    while store.in_flight() > 0 {
        woken.recv().unwrap();
        store.poll(&mut completions);
    }
    completions.pop().unwrap()
}

/// Runs where a tmpfs of 128 MiB is mounted; the reserve is 32, the log takes 16.
fn fill_and_free(dir: &Path) {
    let (wake, woken) = flume::bounded(1_024);
    let mut config = EmbeddedConfig::new(dir.join("shard-0"));
    config.reserve_bytes = 32 * MIB as u64;
    let wake = Arc::new(move || wake.send(()).unwrap_or_default());
    let mut store = EmbeddedStore::open(config, wake).unwrap();
    let commit = |store: &mut Store, seq| {
        store.commit(Ticket(seq), message(seq));
        complete(store, &woken)
    };
    assert_eq!(commit(&mut store, 1), Completion::Committed(Ticket(1), Ok(())));
    // The first look has grown old when a group does not fit any more; until then groups are taken.
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![0; 88 * MIB]).unwrap();
    let mut seq = 2;
    while commit(&mut store, seq) == Completion::Committed(Ticket(seq), Ok(())) {
        seq += 1;
    }
    let refused = commit(&mut store, seq);
    assert_eq!(refused, Completion::Committed(Ticket(seq), Err(StoreError::Full)));
    assert_eq!(newest(&mut store, &woken), seq - 1, "reads go on, and the refused is not there");
    fs::remove_file(&ballast).unwrap();
    store.commit(Ticket(seq), message(seq));
    assert_eq!(complete(&mut store, &woken), Completion::Committed(Ticket(seq), Ok(())));
    assert_eq!(newest(&mut store, &woken), seq);
    store.close().unwrap();
}

fn newest(store: &mut Store, woken: &flume::Receiver<()>) -> u64 {
    let conversation = Conversation::between(Uid(1), Uid(2)).unwrap();
    let read = Read::Messages { conversation, before: None, limit: 1, bytes_max: 0 };
    store.read(Ticket(0), read);
    let answer = complete(store, woken);
    let Completion::Read(_, Ok(Found::Messages(rows))) = answer else { panic!("{answer:?}") };
    rows[0].seq.0
}

#[test]
fn child_fills_its_disk() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    fill_and_free(Path::new(&dir));
}

#[test]
fn full_disk_refuses_and_recovers() {
    let allowed = Command::new("unshare").args(["-rm", "true"]).status();
    assert!(
        allowed.is_ok_and(|status| status.success()),
        "name spaces are not allowed here: run as root, or allow unprivileged user name spaces by sysctl"
    );
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=128m tmpfs "$1" && exec "$2" --exact child_fills_its_disk --nocapture"#;
    let status = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, dir.path())
        .status()
        .unwrap();
    assert!(status.success());
}
