//! A gateway that cannot have what it needs ends with the exit code of docs/operations.md, and says what it lacks and what
//! to do. Real processes.

use crate::process::{End, Gateway, refused, told_by};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn an_address_in_use_ends_with_71() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = Gateway::start(one.path(), &[]);
    let listen = first.listen.to_string();
    let end = refused(other.path(), &["--listen", &listen]);
    assert_eq!(end.code, Some(71), "{}", end.told);
    let text = format!("could not listen on {listen}: it is in use");
    assert!(end.told.contains(&text), "{}", end.told);
}

/// What a gateway that starts under a limit of the shell says.
fn limited(limit: &str, data_dir: &Path) -> End {
    told_by(&mut under(limit, data_dir), Stdio::null())
}

/// A gateway that starts under a limit of the shell.
fn under(limit: &str, data_dir: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.env_clear().env("LONGLINE_DATA_DIR", data_dir);
    let script =
        format!("{limit}; exec \"$0\" --shards 1 --listen 127.0.0.1:0 --admin 127.0.0.1:0");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_gateway")]);
    shell
}

#[track_caller]
fn ends_with_71(limit: &str, text: &str) {
    let dir = tempfile::tempdir().unwrap();
    let end = limited(limit, dir.path());
    assert_eq!(end.code, Some(71), "{}", end.told);
    assert!(end.told.contains(text), "{}", end.told);
}

#[test]
fn too_little_memory_to_lock_ends_with_71() {
    ends_with_71("ulimit -l 64", "RLIMIT_MEMLOCK is 65536 bytes");
}

#[test]
fn too_few_descriptors_end_with_71() {
    ends_with_71("ulimit -n 16", "RLIMIT_NOFILE is 16, and ");
}

#[test]
fn descriptors_that_the_hard_limit_allows_are_used() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::spawn(under("ulimit -S -n 64", dir.path()), dir.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard, ..] =
        line["Max open files".len()..].split_whitespace().collect::<Vec<_>>()[..]
    else {
        panic!("{line}");
    };
    assert_eq!(soft, hard);
}
