//! The first SIGTERM or SIGINT drains; the second ends the process at once with 128 + its number; SIGHUP ends nothing. Real processes, real signals.

use rustix::process::{Pid, Signal, kill_process};
use service::lifecycle::{Shutdown, State};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

/// Not a test by itself: the process that the tests signal. It says what it sees and never ends by itself.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn child() {
    let shutdown = Shutdown::default();
    let (wake, woken) = sync_channel(1);
    shutdown.subscribe(Arc::new(move || {
        let _ = wake.try_send(());
    }));
    shutdown.listen_for_signals().unwrap();
    println!("\nstate {:?}", shutdown.state());
    woken.recv().unwrap();
    assert_eq!(shutdown.state(), State::Draining);
    println!("\nstate {:?}", shutdown.state());
    loop {
        std::thread::park();
    }
}

fn check(first: Signal, second: Signal, code: i32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "signals::child", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&child);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut states = lines.filter(|line| line.starts_with("state "));
    assert_eq!(states.next().as_deref(), Some("state Running"));
    // A hangup ends nothing, also where nothing is read again.
    kill_process(pid, Signal::HUP).unwrap();
    kill_process(pid, first).unwrap();
    assert_eq!(states.next().as_deref(), Some("state Draining"));
    kill_process(pid, second).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(code));
}

#[test]
fn a_second_signal_stops_at_once() {
    check(Signal::TERM, Signal::TERM, 143);
    check(Signal::INT, Signal::INT, 130);
    check(Signal::TERM, Signal::INT, 130);
}
