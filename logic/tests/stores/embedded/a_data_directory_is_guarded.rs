//! A data directory is opened by one gateway, as it was made, or not at all; each refusal says what to do.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use shard::store::{DataDir, EmbeddedConfig, EmbeddedStore, Wake};

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
    assert!(first.home(0).dir.is_dir() && first.home(1).dir.is_dir());
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
        (layout.replace("shards = 1", "shards = 2"), ["its checksum is wrong", "backup"]),
        (layout.replace("id = ", "id = 1"), ["LAYOUT is damaged", "backup"]),
    ] {
        fs::write(path.join("LAYOUT"), text).unwrap();
        check(&path, 1, &words);
    }
    fs::write(path.join("LAYOUT"), layout).unwrap();
    fs::write(path.join("BOOT"), "x").unwrap();
    check(&path, 1, &["BOOT is damaged", "gateway check"]);
    fs::remove_file(path.join("BOOT")).unwrap();
    check(&path, 1, &["BOOT is damaged: it is gone", "gateway check"]);
    fs::write(path.join("BOOT"), "1048574").unwrap();
    assert_eq!(DataDir::open(&path, 1).unwrap().boot(), (1 << 20) - 1);
    check(&path, 1, &["ids are used up"]);
}

#[test]
fn what_is_gone_is_named_and_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::open(dir.path(), 2).unwrap());
    fs::write(dir.path().join("shard-1/SYNCED"), "").unwrap();
    fs::rename(dir.path().join("LAYOUT"), dir.path().join("shard-1/LAYOUT")).unwrap();
    check(dir.path(), 2, &["LAYOUT is damaged: it is gone"]);
    fs::rename(dir.path().join("shard-1/LAYOUT"), dir.path().join("LAYOUT")).unwrap();
    fs::remove_dir_all(dir.path().join("shard-1")).unwrap();
    check(dir.path(), 2, &["shard-1 is damaged: the shard's folder is gone"]);
}

/// A copy of a directory, as a backup is put back.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_copy_that_is_put_back_begins_a_new_epoch_and_passes_over_openings() {
    let dir = tempfile::tempdir().unwrap();
    let (path, backup) = (dir.path().join("data"), dir.path().join("backup"));
    let first = DataDir::open(&path, 1).unwrap();
    let epoch = first.inbox_epoch();
    drop(first);
    copy(&path, &backup);
    let later = DataDir::open(&path, 1).unwrap();
    assert_eq!((later.boot(), later.inbox_epoch()), (2, epoch), "it is no copy of itself");
    drop(later);
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&backup, &path).unwrap();
    let back = DataDir::open(&path, 1).unwrap();
    assert_ne!(back.inbox_epoch(), epoch);
    assert!(back.boot() > 1_024, "{}", back.boot());
    let told = (back.boot() + 1, back.inbox_epoch());
    drop(back);
    let again = DataDir::open(&path, 1).unwrap();
    assert_eq!((again.boot(), again.inbox_epoch()), told, "only once");
}

#[test]
fn an_operator_may_say_that_a_directory_was_put_back() {
    let dir = tempfile::tempdir().unwrap();
    let first = DataDir::open(dir.path(), 1).unwrap();
    let epoch = first.inbox_epoch();
    let error = DataDir::restored(dir.path()).unwrap_err().to_string();
    assert!(error.contains("another gateway uses"), "{error}");
    drop(first);
    DataDir::restored(dir.path()).unwrap();
    let back = DataDir::open(dir.path(), 1).unwrap();
    assert!(back.inbox_epoch() != epoch && back.boot() > 1_024);
    let told = (back.boot() + 1, back.inbox_epoch());
    drop(back);
    let again = DataDir::open(dir.path(), 1).unwrap();
    assert_eq!((again.boot(), again.inbox_epoch()), told, "it was said once");
}

#[test]
fn a_copy_of_a_directory_in_use_is_refused_until_an_operator_says_that_it_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copied) = (dir.path().join("data"), dir.path().join("copied"));
    let data = DataDir::open(&path, 1).unwrap();
    let wake: Wake = Arc::new(|| {});
    let config = || EmbeddedConfig { reserve_bytes: 0, ..EmbeddedConfig::new(data.home(0)) };
    let store = EmbeddedStore::open(config(), wake).unwrap();
    copy(&path, &copied);
    store.close().unwrap();
    for _ in 0..2 {
        check(&copied, 1, &["is a copy of a directory that was in use", "gateway restored DIR"]);
    }
    DataDir::restored(&copied).unwrap();
    assert_ne!(DataDir::open(&copied, 1).unwrap().inbox_epoch(), data.inbox_epoch());
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
