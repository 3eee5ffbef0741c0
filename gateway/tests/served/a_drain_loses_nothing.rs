//! SIGTERM: clients are told to go, what they sent before is answered, what they send after is refused with a hint, and
//! the process ends with 0; a second signal ends it at once. A real process, real signals.

use crate::peer::{Peer, id, send};
use crate::process::{Gateway, between, block_on};
use rustix::process::Signal;
use std::collections::HashSet;
use wire::{RefusalCode, Seq, frames};

const SENDS: u64 = 64;

#[test]
fn what_was_sent_is_answered_and_kept_and_the_exit_is_0() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &["--user-rate", "0", "--connection-rate", "0"]);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let mut burst = Vec::new();
    (0..SENDS).for_each(|nth| burst.extend(send(10 + nth, (7, 8), id(nth.into()), b"before")));
    peer.say(&burst);
    gateway.signal(Signal::TERM);
    let (mut acked, mut refused, mut told) = (HashSet::new(), HashSet::new(), 0);
    while let Some(answered) = peer.hear(|frame| {
        let id = frame.header.request_id;
        if frame.read::<frames::SendAck>().is_ok() {
            return acked.insert(id);
        }
        if let Ok(refusal) = frame.read::<frames::Refusal>() {
            assert_eq!(refusal.code, RefusalCode::Draining as u16);
            assert!(refusal.retry_after_ms > 0);
            return refused.insert(id);
        }
        let parting = frame.read::<frames::GoingAway>().unwrap();
        assert_eq!(parting.code, RefusalCode::Draining as u16);
        assert!(parting.jitter_ms > 0, "clients come back spread over some time");
        told += 1;
        false
    }) {
        if !answered {
            // Told to go, and stays: new sends are refused, and it is closed after a while.
            peer.say(&send(1_000, (7, 8), id(1_000), b"after"));
        }
    }
    assert_eq!(told, 1);
    assert!(refused.contains(&1_000), "{refused:?}");
    let answers = (10..10 + SENDS).filter(|id| acked.contains(id) != refused.contains(id));
    assert_eq!(answers.count() as u64, SENDS, "each has one answer");
    let end = gateway.wait();
    assert_eq!(end.code, Some(0), "{}", end.told);
    let gateway = Gateway::start(dir.path(), &[]);
    let history = block_on(async {
        let (eight, _) = gateway.connect(8, 1).await;
        eight.history(between(7, 8), Seq(0), 256).await.unwrap()
    });
    assert_eq!(history.len(), acked.len(), "what was acknowledged is there, and nothing else");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &["--drain-timeout-ms", "600000"]);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    gateway.signal(Signal::TERM);
    peer.hear(|frame| frame.read::<frames::GoingAway>().unwrap()).expect("it is told");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.wait().code, Some(143));
}
