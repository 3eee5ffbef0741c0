//! A full disk refuses commits whole, serves reads, and takes commits again by itself once there is room. On a real
//! small file system: a tmpfs, mounted in a name space of the test's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::alone;
use crate::driven::{Driven, config, message};
use shard::rows::{Completion, Found, Read, StoreError, Ticket};
use shard::store::EmbeddedConfig;
use wire::{ConversationId, Uid};

const CHILD: &str = "LONGLINE_TEST_TMPFS";
const MIB: usize = 1024 * 1024;

fn commit(driven: &mut Driven, seq: u64) -> Result<(), StoreError> {
    driven.store.commit(Ticket(seq), vec![message(seq, 100)]);
    let Some(Completion::Committed(_, result)) = driven.settle().pop() else { panic!("no commit") };
    result
}

fn newest(driven: &mut Driven) -> u64 {
    let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
    let read = Read::Conversation { conversation };
    let Found::Messages(rows) = driven.ask(read) else { panic!("no messages") };
    rows[0].seq.0
}

/// Runs where a tmpfs of 128 MiB is mounted; the reserve is 32, the log takes 16.
fn fill_and_free(dir: &Path) {
    let reserve_bytes = 32 * MIB as u64;
    let config = EmbeddedConfig { reserve_bytes, ..config(&dir.join("shard-0")) };
    let mut driven = Driven::open(config).unwrap();
    assert_eq!(commit(&mut driven, 1), Ok(()));
    // The first look has grown old when a commit does not fit any more; until then commits are taken.
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![0; 88 * MIB]).unwrap();
    let mut seq = 2;
    while commit(&mut driven, seq) == Ok(()) {
        seq += 1;
    }
    assert_eq!(commit(&mut driven, seq), Err(StoreError::Full));
    assert_eq!(newest(&mut driven), seq - 1, "reads go on, and the refused is not there");
    fs::remove_file(&ballast).unwrap();
    assert_eq!(commit(&mut driven, seq), Ok(()));
    assert_eq!(newest(&mut driven), seq);
    driven.store.close().unwrap();
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
    let script = r#"mount -t tmpfs -o size=128m tmpfs "$1" && shift && exec "$@""#;
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(alone(module_path!(), "child_fills_its_disk"))
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
