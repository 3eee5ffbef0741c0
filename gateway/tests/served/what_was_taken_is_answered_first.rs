//! However a client ends its connection, what it asked before is answered: behind a logout, behind bytes that are no frame,
//! and behind the end of what it says, all in one segment. A real gateway, frames by hand.

use crate::peer::{Peer, Told, id, send};
use crate::process::Gateway;
use wire::{RefusalCode, frames};

/// Sends of one client, more than a commit.
const SENDS: u64 = 20;

fn start(dir: &tempfile::TempDir) -> Gateway {
    Gateway::start(dir.path(), &["--user-rate", "0", "--connection-rate", "0"])
}

fn sends() -> Vec<u8> {
    let send = |nth: u64| send(2 + nth, (7, 8), id(nth.into()), b"the last words");
    (1..=SENDS).flat_map(send).collect()
}

#[track_caller]
fn are_acked(peer: &mut Peer) {
    let seqs: Vec<u64> = (0..SENDS).map(|_| peer.acked().seq).collect();
    assert_eq!(seqs, (1..=SENDS).collect::<Vec<_>>());
}

#[test]
fn what_stands_before_a_logout_is_answered_first() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let logout = peer.logout(99);
    peer.say(&[sends(), logout, sends()].concat());
    are_acked(&mut peer);
    peer.hear(|frame| frame.read::<frames::LogoutReply>().unwrap()).expect("it is answered");
    assert!(peer.ended());
    assert_eq!(gateway.metric("longline_sends_total"), SENDS, "nothing behind it is heard");
}

#[test]
fn what_stands_before_garbage_is_answered_first() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    peer.say(&[sends(), vec![0xff; 64]].concat());
    are_acked(&mut peer);
    assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::UnsupportedVersion, 0)));
    assert!(peer.ended());
}

#[test]
fn what_stands_before_a_half_close_is_answered_first() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    peer.say(&sends());
    peer.says_all();
    are_acked(&mut peer);
    assert!(peer.ended());
    // Also if nothing is under way.
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    peer.says_all();
    assert!(peer.ended());
}
