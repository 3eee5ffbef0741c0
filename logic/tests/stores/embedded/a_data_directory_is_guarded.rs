//! A data directory is opened by one gateway, as it was made, or not at all; each refusal says what to do.

use std::fs;
use std::path::Path;

use shard::store::DataDir;

/// The error of opening `path` holds every one of `words`.
fn check(path: &Path, shards: u16, words: &[&str]) {
    let error = DataDir::open(path, shards).unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is missing in {error:?}");
    }
}

#[test]
fn boots_are_counted_and_the_epoch_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not/there/yet");
    let first = DataDir::open(&path, 2).unwrap();
    assert_eq!(first.boot(), 1);
    assert!(first.shard_dir(0).is_dir() && first.shard_dir(1).is_dir());
    let epoch = first.inbox_epoch();
    assert!(epoch > 0);
    drop(first);
    for boot in 2..5 {
        let again = DataDir::open(&path, 2).unwrap();
        assert_eq!((again.boot(), again.inbox_epoch()), (boot, epoch));
    }
}

#[test]
fn second_gateway_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let first = DataDir::open(dir.path(), 1).unwrap();
    check(dir.path(), 1, &["another gateway uses", dir.path().to_str().unwrap()]);
    drop(first);
    assert_eq!(DataDir::open(dir.path(), 1).unwrap().boot(), 2, "a refusal counts no boot");
}

#[test]
fn other_shards_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::open(dir.path(), 4).unwrap());
    check(dir.path(), 2, &["made with 4 shards", "2 were asked for", "--shards 4"]);
    check(dir.path(), 0, &["shards must be 1 or more"]);
}

#[test]
fn foreign_and_damaged_directories_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    check(&file, 1, &["is not a directory"]);
    check(&file.join("below"), 1, &["is not a directory"]);
    check(dir.path(), 1, &["is not a data directory"]);

    let path = dir.path().join("data");
    drop(DataDir::open(&path, 1).unwrap());
    let layout = fs::read_to_string(path.join("LAYOUT")).unwrap();
    for (text, words) in [
        (
            layout.replace("version = 3", "version = 4"),
            ["layout version 4", "start the version that made it"],
        ),
        (layout.replace("shards", "x"), ["no number of shards", "backup"]),
        (layout.replace("inbox_epoch", "x"), ["no inbox_epoch", "backup"]),
        (String::new(), ["no version", "backup"]),
    ] {
        fs::write(path.join("LAYOUT"), text).unwrap();
        check(&path, 1, &words);
    }
    fs::write(path.join("LAYOUT"), layout).unwrap();
    fs::write(path.join("BOOT"), "x").unwrap();
    check(&path, 1, &["BOOT is damaged"]);
    fs::remove_file(path.join("BOOT")).unwrap();
    check(&path, 1, &["could not read", "BOOT"]);
    fs::write(path.join("BOOT"), "1048574").unwrap();
    assert_eq!(DataDir::open(&path, 1).unwrap().boot(), (1 << 20) - 1);
    check(&path, 1, &["ids are used up"]);
}

#[test]
fn creation_cut_short_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["LOCK", "BOOT", "LAYOUT.tmp"] {
        fs::write(dir.path().join(name), "").unwrap();
        assert!(!dir.path().join("LAYOUT").exists());
    }
    assert_eq!(DataDir::open(dir.path(), 1).unwrap().boot(), 1);
}
