//! What a user does is said to a server that passes it on, as often as the server does; what a peer does is told, each kind as
//! it is, and up to where peers have read as pages say it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Session, hello_reply, login_reply, with};
use wire::frames::{ChatsPage, Conversation, HelloReply, Signal};
use wire::{FEATURES, Kind, SignalKind};

/// Of a server that passes signals on, or not.
fn session(features: u64) -> Session {
    let mut session = Session::new(0, 5);
    session.machine.on_connected(session.now_ms, &mut session.out);
    session.hear(1, HelloReply { features, ..hello_reply() }).unwrap();
    session.hear(2, login_reply(5, 0, 0)).unwrap();
    session.said();
    session.told();
    session
}

fn says(session: &mut Session, peer: u64, kind: SignalKind) -> bool {
    let is_said = session.machine.signal(with(peer), kind, session.now_ms, &mut session.out);
    assert_eq!(session.said(), if is_said { vec![(Kind::Signal, 0)] } else { vec![] });
    is_said
}

#[test]
fn a_conversation_rests_and_an_end_is_said_once() {
    let (typing, stopped) = (SignalKind::TYPING, SignalKind::STOPPED);
    let mut session = session(FEATURES);
    assert!(!says(&mut session, 8, stopped), "nothing was begun");
    assert!(says(&mut session, 8, typing) && !says(&mut session, 8, typing));
    session.now_ms += 2_999;
    assert!(!says(&mut session, 8, SignalKind::RECORDING));
    assert!(says(&mut session, 8, stopped) && !says(&mut session, 8, stopped));
    assert!(!says(&mut session, 8, typing), "the server would drop it");
    session.now_ms += 1;
    assert!(says(&mut session, 8, typing) && says(&mut session, 9, typing));
    assert!(!says(&mut session, 8, SignalKind::READ), "that is the server's");
    session.machine.on_disconnected();
    assert!(!says(&mut session, 9, stopped));
}

#[test]
fn a_server_of_an_earlier_release_is_told_nothing() {
    assert!(!says(&mut session(0), 8, SignalKind::TYPING));
}

#[test]
fn each_kind_is_told_as_it_is() {
    let mut session = session(FEATURES);
    let conversation = Conversation::from(with(8));
    for kind in 1..=5 {
        let conversation = conversation.clone();
        let signal = Signal { conversation, uid: 8, seq: 3, ttl_ms: 50, kind };
        session.hear(0, signal).unwrap();
    }
    let own = Signal { conversation, uid: 7, seq: 3, ttl_ms: 50, kind: 2 };
    session.hear(0, own).unwrap();
    assert_eq!(session.told(), ["8 Read(Seq(3))", "8 Typing(50)", "8 Recording(50)", "8 Nothing"]);
    let page = ChatsPage { next_after: Conversation::NONE, version: 1, chats: vec![] };
    session.hear_with(3, page, &[4, 5]).unwrap();
    assert_eq!(session.told(), ["chats 3"], "numbers of no chat are passed over");
}
