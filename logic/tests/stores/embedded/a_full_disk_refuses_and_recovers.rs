//! A full disk refuses commits whole, serves reads, and takes commits again by itself once there is room. On a real
//! small file system: a tmpfs, mounted in a name space of the test's own.

use std::fs;
use std::io::Write as _;
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
    commit_of(driven, seq, 100)
}

fn commit_of(driven: &mut Driven, seq: u64, bytes: usize) -> Result<(), StoreError> {
    driven.store.commit(Ticket(seq), vec![message(seq, bytes)]);
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

fn take_the_rest(ballast: &Path) {
    let mut file = fs::File::create(ballast).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
}

/// Others take the last byte, also what the index needs; then there is room again.
fn fill_to_the_last_byte(dir: &Path) {
    let mut driven =
        Driven::open(EmbeddedConfig { filling_bytes: MIB, ..config(&dir.join("shard-0")) })
            .unwrap();
    assert_eq!(commit(&mut driven, 1), Ok(()));
    let ballast = dir.join("ballast");
    take_the_rest(&ballast);
    // Until the index has noticed: its journal must grow.
    let mut seq = 2;
    while commit_of(&mut driven, seq, 20_000) == Ok(()) {
        seq += 1;
    }
    assert_eq!(commit(&mut driven, seq), Err(StoreError::Full));
    fs::remove_file(&ballast).unwrap();
    while commit(&mut driven, seq) == Err(StoreError::Full) {
        let mut completions = Vec::new();
        driven.turn(&mut completions);
        assert!(completions.is_empty());
        std::thread::yield_now();
    }
    assert_eq!(newest(&mut driven), seq);
    driven.store.close().unwrap();
    let mut driven = Driven::open(config(&dir.join("shard-0"))).unwrap();
    assert_eq!(newest(&mut driven), seq);
    driven.store.close().unwrap();
}

/// A start that needs room says so, and not that a backup would help.
fn start_without_room(dir: &Path) {
    let new = config(&dir.join("shard-0"));
    let ballast = dir.join("ballast");
    take_the_rest(&ballast);
    let Err(error) = Driven::open(new) else { panic!("it opened without room") };
    let text = error.to_string();
    assert!(text.contains("no room for") && !text.contains("backup"), "{text}");
    fs::remove_file(&ballast).unwrap();
    let mut driven = Driven::open(config(&dir.join("shard-0"))).unwrap();
    assert_eq!(commit(&mut driven, 1), Ok(()));
    driven.store.close().unwrap();
}

#[test]
fn child_fills_its_disk() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    for (name, fill) in [
        ("reserve", fill_and_free as fn(&Path)),
        ("last byte", fill_to_the_last_byte),
        ("start", start_without_room),
    ] {
        let dir = Path::new(&dir).join(name);
        fs::create_dir(&dir).unwrap();
        fill(&dir);
        fs::remove_dir_all(&dir).unwrap();
    }
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
