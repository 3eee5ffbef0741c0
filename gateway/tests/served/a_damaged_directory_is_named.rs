//! A gateway that cannot account for what its directory held ends with 74, and names the file and what to do; a check of the
//! directory names it as well. Real processes.

use crate::process::{End, Gateway, between, block_on, command, refused, told_by};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a gateway leaves that was stopped.
fn stopped() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    block_on(async {
        let (seven, _) = gateway.connect(7, 1).await;
        for _ in 0..20 {
            seven.send(between(7, 8), "a body").await.unwrap();
        }
    });
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code, Some(0));
    dir
}

fn check(dir: &Path) -> (End, String) {
    let told = tempfile::NamedTempFile::new().unwrap();
    let mut check = command(dir);
    check.env_remove("LONGLINE_DATA_DIR").arg("check").arg(dir);
    let end = told_by(&mut check, Stdio::from(told.reopen().unwrap()));
    (end, fs::read_to_string(told.path()).unwrap())
}

#[test]
fn a_shard_that_is_gone_ends_with_74_and_a_check_finds_it() {
    let dir = stopped();
    let (end, lines) = check(dir.path());
    assert_eq!(end.code, Some(0), "{lines}{}", end.told);
    assert!(lines.contains("LAYOUT: 2 shards") && lines.contains("rows read"), "{lines}");

    fs::remove_dir_all(dir.path().join("shard-1")).unwrap();
    let end = refused(dir.path(), &["--shards", "2"]);
    assert_eq!(end.code, Some(74), "{}", end.told);
    assert!(end.told.contains("shard-1") && end.told.contains("from a backup"), "{}", end.told);
    let (end, lines) = check(dir.path());
    assert_eq!(end.code, Some(74), "{lines}");
    assert!(lines.contains("shard-1 is gone"), "{lines}");
    assert!(!dir.path().join("shard-1").exists(), "a check makes nothing");
}

#[test]
fn two_shards_in_each_others_place_are_told_apart() {
    let dir = stopped();
    let [one, other, between] = ["shard-0", "shard-1", "x"].map(|name| dir.path().join(name));
    fs::rename(&one, &between).unwrap();
    fs::rename(&other, &one).unwrap();
    fs::rename(&between, &other).unwrap();
    let end = refused(dir.path(), &["--shards", "2"]);
    assert_eq!(end.code, Some(74), "{}", end.told);
    assert!(end.told.contains("shard-0/END belongs to shard 1, not 0"), "{}", end.told);
}

#[test]
fn a_number_of_openings_that_was_set_back_is_put_right_by_what_the_message_says() {
    let dir = stopped();
    fs::write(dir.path().join("BOOT"), "0\n").unwrap();
    let end = refused(dir.path(), &["--shards", "2"]);
    assert_eq!(end.code, Some(74), "{}", end.told);
    let number = end.told.split_once("write ").and_then(|(_, rest)| rest.split(' ').next());
    fs::write(dir.path().join("BOOT"), number.unwrap()).unwrap();
    Gateway::start(dir.path(), &[]);
}

#[test]
fn a_flipped_head_of_a_segment_is_no_free_segment() {
    let dir = stopped();
    let path = dir.path().join("shard-0/log/00");
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 9).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 9).unwrap();
    let end = refused(dir.path(), &["--shards", "2"]);
    assert_eq!(end.code, Some(74), "{}", end.told);
    let text = format!("could not open the store of shard 0: {} is damaged", path.display());
    assert!(end.told.contains(&text), "{}", end.told);
}

#[test]
fn a_limit_of_a_files_size_ends_with_74_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.env_clear().env("LONGLINE_DATA_DIR", dir.path());
    let script = "ulimit -f 1024; exec \"$0\" --shards 1 --listen 127.0.0.1:0 --admin 127.0.0.1:0";
    let end = told_by(shell.args(["-c", script, env!("CARGO_BIN_EXE_gateway")]), Stdio::null());
    assert_eq!(end.code, Some(74), "{}", end.told);
    let names = end.told.contains("shard-0/") && end.told.contains("the limit of a file's size");
    assert!(names, "{}", end.told);
}
