//! However loadgen ends, the server that it started ends too and its folder goes: loadgen is killed
//! beside a program that would run for ever.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than it takes: only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that says that it serves where the fake server does, keeps something in its folder,
/// and never ends.
fn endless(directory: &Path) -> PathBuf {
    let program = directory.join("endless");
    let ready = format!(
        "#!/bin/sh\necho data > \"${{4%/*}}/data\"\n\
         printf 'listen = \"{}\"\\npid = %s\\n' $$ > \"$4.new\" && mv \"$4.new\" \"$4\"\nexec sleep 600\n",
        fake::start(Planted::Nothing)
    );
    fs::write(&program, ready).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} within {PATIENCE:?}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// The server's process, and its folder.
fn server_in(out: &Path) -> Option<(Pid, PathBuf)> {
    let entries = fs::read_dir(out).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries.into_iter().find_map(|scratch| {
        let ready = fs::read_to_string(scratch.join("ready")).ok()?;
        let pid = ready.lines().find_map(|line| line.strip_prefix("pid = "))?.parse().ok()?;
        Some((Pid::from_raw(pid)?, scratch))
    })
}

#[track_caller]
fn check(command: &[&str], signal: Signal) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let mut loadgen = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    loadgen.args(command).args(["--serve", "--serve-binary"]).arg(endless(directory.path()));
    loadgen.arg("--out").arg(&out).stdout(Stdio::null()).stderr(Stdio::null());
    let mut loadgen = loadgen.spawn().unwrap();
    let (server, scratch) = until("a server", || server_in(&out));
    assert!(test_kill_process(server).is_ok() && scratch.join("data").is_file());
    kill_process(pid_of(&loadgen), signal).unwrap();
    loadgen.wait().unwrap();
    until("the server's end", || test_kill_process(server).is_err().then_some(()));
    until("the folder's end", || (!scratch.exists()).then_some(()));
}

#[test]
fn a_run_that_is_killed_leaves_no_server() {
    check(&["run", "--duration", "1h"], Signal::KILL);
}

#[test]
fn sessions_that_are_told_to_end_leave_no_server() {
    check(&["idle", "--connections", "2", "--duration", "1h"], Signal::TERM);
}
