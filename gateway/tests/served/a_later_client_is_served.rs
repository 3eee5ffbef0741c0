//! A client of a later release is served as far as this one knows: an unknown request is refused as Unsupported, an
//! unknown note and an unknown extension are passed over, and the connection lives. A real gateway, frames by hand.

use crate::peer::{Peer, Told, changed, direct, framed, hello, hello_of, id, login, message, send};
use crate::process::Gateway;
use wire::frames::{Conversation, Heartbeat, HeartbeatReply, Hello, HelloReply, LoginReply, Send};
use wire::{
    BODY_BYTES_MAX, FRAME_BYTES_MAX, Kind, PAGE_ROWS_MAX, PUSH_WINDOW_MAX, RefusalCode,
    SEND_WINDOW_MAX, VERSION,
};

/// Kinds that no release has: a request, and a note.
const REQUEST: u8 = 0x7f;
const NOTE: u8 = 0xff;

#[track_caller]
fn lives(peer: &mut Peer) {
    peer.say(&framed(77, Heartbeat { time_ms: 5 }));
    let reply = peer.hear(|frame| frame.read::<HeartbeatReply>().unwrap());
    assert_eq!(reply.expect("it is connected").time_ms, 5);
}

#[track_caller]
fn is_unsupported(peer: &mut Peer, says: &[u8]) {
    peer.say(says);
    assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::Unsupported, 0)));
    lives(peer);
}

#[test]
fn an_unknown_request_is_refused_and_the_connection_lives() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let mut peer = Peer::logged_in(&gateway, 7, 1);
    let unknown = changed(framed(9, Heartbeat { time_ms: 1 }), REQUEST, &[1, 2]);
    peer.say(&unknown);
    let request_id = peer.hear(|frame| frame.header.request_id);
    assert_eq!(request_id, Some(9), "it says which");
    lives(&mut peer);
    is_unsupported(&mut peer, &unknown);
    let known = message(direct(7, 8), id(1), b"a body");
    let broadcast = Conversation { kind: 4, a: 5, b: 0 };
    is_unsupported(&mut peer, &framed(3, Send { kind: 2, ..known.clone() }));
    is_unsupported(&mut peer, &framed(3, Send { flags: 1, ..known.clone() }));
    is_unsupported(&mut peer, &framed(3, Send { conversation: broadcast, ..known.clone() }));
    peer.say(&framed(3, known));
    assert_eq!(peer.acked().seq, 1, "nothing of those was stored");
    // Before a login there is no request.
    let mut peer = Peer::greeted(&gateway);
    peer.say(&unknown);
    assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::NotLoggedIn, 0)));
    assert!(peer.ended());
}

#[test]
fn unknown_notes_and_extensions_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let note = || changed(framed(0, Heartbeat { time_ms: 1 }), NOTE, &[3]);
    let extension = [u64::MAX; 3];
    let says = [
        note(),
        changed(hello(), Kind::Hello as u8, &extension),
        note(),
        changed(login(&gateway.token(7), 1), Kind::Login as u8, &extension),
    ];
    let mut peer = Peer::connect(&gateway);
    peer.say(&says.concat());
    peer.hear(|frame| frame.read::<HelloReply>().unwrap()).expect("hello is answered");
    peer.hear(|frame| frame.read::<LoginReply>().unwrap()).expect("the login is answered");
    let send = changed(send(3, (7, 8), id(1), b"a body"), Kind::Send as u8, &extension);
    peer.say(&[note(), send].concat());
    assert_eq!(peer.acked().seq, 1);
    lives(&mut peer);
}

#[test]
fn hello_tells_what_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    // A later client knows more versions and features, and takes larger frames.
    let later = Hello {
        version_max: VERSION + 3,
        frame_bytes_max: u32::MAX,
        features: u64::MAX,
        ..hello_of(VERSION)
    };
    let mut peer = Peer::connect(&gateway);
    peer.say(&framed(1, later));
    let reply = peer.hear(|frame| frame.read::<HelloReply>().unwrap()).unwrap();
    assert_eq!((reply.version, reply.features), (VERSION, wire::FEATURES));
    assert_eq!(reply.frame_bytes_max as usize, FRAME_BYTES_MAX);
    assert_eq!(reply.body_bytes_max as usize, BODY_BYTES_MAX);
    assert_eq!(reply.page_rows_max, PAGE_ROWS_MAX);
    assert_eq!(u64::from(reply.push_window_max), PUSH_WINDOW_MAX);
    assert_eq!(reply.send_window_max, SEND_WINDOW_MAX);
    let small =
        Hello { frame_bytes_max: hello_of(VERSION).frame_bytes_max - 1, ..hello_of(VERSION) };
    let mut peer = Peer::connect(&gateway);
    peer.say(&framed(1, small));
    assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::OutOfRange, 0)));
    assert!(peer.ended());
}
