//! A gateway neither waits for whoever reads its stderr nor minds that the reader of its stdout is gone. Real processes, real
//! pipes.

use crate::process::{PATIENCE, command, told_by};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, ErrorKind, PipeWriter, Write, pipe};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::thread;

/// Writes until the pipe takes nothing more.
fn fill(writer: &mut PipeWriter) {
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    for size in [4_096, 1] {
        let full = loop {
            if let Err(error) = writer.write(&vec![b'x'; size]) {
                break error.kind();
            }
        };
        assert_eq!(full, ErrorKind::WouldBlock);
    }
    // The process has the same end of the pipe, and would block on it.
    fcntl_setfl(&writer, flags).unwrap();
}

/// Its exit code, or none if it hangs.
fn code(mut child: Child) -> Option<i32> {
    let pid = Pid::from_child(&child);
    let (ended, wait) = channel();
    let waiter = thread::spawn(move || {
        let code = child.wait().unwrap().code();
        // Nobody waits any more if it took too long.
        let _ = ended.send(code);
    });
    let code = wait.recv_timeout(PATIENCE).ok().flatten();
    if code.is_none() {
        let _ = kill_process(pid, Signal::KILL);
    }
    waiter.join().unwrap();
    code
}

#[test]
fn a_full_stderr_does_not_hold_up_a_drain() {
    let dir = tempfile::tempdir().unwrap();
    let (unread, mut stderr) = pipe().unwrap();
    let mut command = command(dir.path());
    command.args(["--shards", "2", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.stdout(Stdio::piped()).stderr(stderr.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listening"), "{line}");
    fill(&mut stderr);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(code(child), Some(0), "it waits for stderr");
    drop(unread);
}

#[test]
fn what_a_command_prints_may_be_read_in_part() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["--check-config"][..], &["token", "--uid", "7"]] {
        let (reader, stdout) = pipe().unwrap();
        drop(reader);
        let end = told_by(command(dir.path()).args(arguments), stdout.into());
        assert_eq!(end.code, Some(0), "{arguments:?}: {}", end.told);
        assert!(!end.told.contains("panicked"), "{}", end.told);
    }
}
