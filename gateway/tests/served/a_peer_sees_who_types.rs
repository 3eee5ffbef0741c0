//! Who types to somebody is seen doing so: at once or not at all, never stored, by the peer's devices only; at the rate of the
//! protocol, whatever a client says.

use crate::peer::{Peer, direct, framed, hello, login};
use crate::process::{Gateway, PATIENCE, block_on};
use client::{Doing, Inbox, Received, Signal};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use wire::{ConversationId, Kind, Seq, SignalKind, Uid, frames};

fn talk() -> ConversationId {
    ConversationId::direct(Uid(1), Uid(2)).unwrap()
}

/// What a peer does next.
async fn does(inbox: &mut Inbox) -> Doing {
    loop {
        let received = timeout(PATIENCE, inbox.recv()).await.expect("it comes").unwrap();
        if let Received::Signal(Signal { conversation, does, .. }) = received {
            assert_eq!(conversation, talk());
            return does;
        }
    }
}

#[test]
fn typing_is_seen_while_it_lasts() {
    block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(dir.path(), &[]);
        let (one, mut ones) = gateway.connect(1, 1).await;
        let (two, mut twos) = gateway.connect(2, 1).await;
        let (_second, mut seconds) = gateway.connect(2, 2).await;
        (0..50).for_each(|_| one.typing(talk()));
        assert_eq!(does(&mut twos).await, Doing::Typing(6_000));
        assert_eq!(does(&mut seconds).await, Doing::Typing(6_000), "every device sees it");
        one.stopped(talk());
        assert_eq!(does(&mut twos).await, Doing::Nothing, "and of fifty nothing more");
        two.recording(talk());
        assert_eq!(does(&mut ones).await, Doing::Recording(6_000));
        // Nobody wrote anything: there is no chat, and no row.
        assert_eq!(one.chats(None, 9).await.unwrap().chats, []);
        assert_eq!(one.history(talk(), Seq(0), 9).await.unwrap(), []);
        assert_eq!(gateway.metric("longline_commit_rows_total"), 0);
        assert_eq!(gateway.metric("longline_signals_refused_total"), 0, "the client rests itself");
    });
}

fn signal(to: frames::Conversation, kind: SignalKind) -> Vec<u8> {
    let ttl_ms = u32::MAX;
    framed(0, frames::Signal { conversation: to, uid: 99, seq: 99, ttl_ms, kind: kind.0 })
}

#[test]
fn what_is_no_signal_of_a_chat_of_two_or_too_soon_is_dropped_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (mut one, mut two) = (Peer::logged_in(&gateway, 1, 1), Peer::logged_in(&gateway, 2, 1));
    let began = Instant::now();
    let group = frames::Conversation { kind: 2, a: 5, b: 0 };
    let none = frames::Conversation { kind: 9, a: 5, b: 7 };
    for (to, kind) in [
        (direct(1, 2), SignalKind::READ),
        (direct(1, 2), SignalKind(200)),
        (direct(2, 3), SignalKind::TYPING),
        (direct(1, 1), SignalKind::TYPING),
        (group, SignalKind::TYPING),
        (none, SignalKind::TYPING),
    ] {
        one.say(&signal(to, kind));
    }
    let all = [SignalKind::TYPING, SignalKind::RECORDING, SignalKind::STOPPED];
    (0..30).for_each(|nth| one.say(&signal(direct(1, 2), all[nth % 3])));
    let mut heard = || {
        let signal = two.hear(|frame| frame.read::<frames::Signal>().unwrap()).expect("a signal");
        assert_eq!((signal.uid, signal.seq, &signal.conversation), (1, 0, &direct(1, 2)));
        (SignalKind(signal.kind), signal.ttl_ms)
    };
    assert_eq!(heard(), (SignalKind::TYPING, 30_000), "no longer than that");
    assert_eq!(heard(), (SignalKind::STOPPED, 0));
    one.say(&framed(3, frames::Heartbeat { time_ms: 1 }));
    let next = one.hear(|frame| (frame.header.kind, frame.header.request_id));
    assert_eq!(next, Some((Some(Kind::HeartbeatReply), 3)), "none of it was answered");
    assert_eq!(gateway.metric("longline_signals_refused_total"), 28);
    let rest = Duration::from_millis(3_100).saturating_sub(began.elapsed());
    block_on(async { tokio::time::sleep(rest).await });
    one.say(&signal(direct(1, 2), SignalKind::RECORDING));
    assert_eq!(heard(), (SignalKind::RECORDING, 30_000));
}

/// Before its login nobody says anything.
#[test]
fn who_is_not_logged_in_signals_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let mut two = Peer::logged_in(&gateway, 2, 1);
    let mut one = Peer::connect(&gateway);
    one.say(&hello());
    one.say(&signal(direct(1, 2), SignalKind::TYPING));
    one.say(&login(&gateway.token(1), 1));
    assert_eq!(one.hear(|frame| frame.header.kind).flatten(), Some(Kind::HelloReply));
    assert_eq!(one.hear(|frame| frame.header.kind).flatten(), Some(Kind::Refusal));
    assert!(one.ended());
    two.say(&framed(3, frames::Heartbeat { time_ms: 1 }));
    assert_eq!(two.hear(|frame| frame.header.kind).flatten(), Some(Kind::HeartbeatReply));
}
