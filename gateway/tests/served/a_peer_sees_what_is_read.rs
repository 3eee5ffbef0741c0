//! Who has written a message sees that it is read: at once if it is there and wants to know, else in its list of chats; in
//! frames and in JSON, and after a restart.

use crate::peer::{Peer, direct, framed, hello_of, login};
use crate::process::{Gateway, PATIENCE, block_on};
use client::{Client, Doing, Inbox, Received, Signal};
use tokio::time::timeout;
use wire::{ConversationId, FEATURE_SESSION_END, Kind, Seq, Uid, VERSION, frames};

fn talk() -> ConversationId {
    ConversationId::direct(Uid(1), Uid(2)).unwrap()
}

/// The next signal.
async fn signal(inbox: &mut Inbox) -> Signal {
    loop {
        let received = timeout(PATIENCE, inbox.recv()).await.expect("it comes").unwrap();
        if let Received::Signal(signal) = received {
            return signal;
        }
    }
}

async fn peer_read(client: &Client) -> Seq {
    client.chats(None, 9).await.unwrap().chats[0].peer_read_seq
}

#[test]
fn a_writer_is_told_what_its_peer_has_read() {
    block_on(two_users());
}

async fn two_users() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let (one, mut ones) = gateway.connect(1, 1).await;
    let (other_device, mut others) = gateway.connect(1, 2).await;
    let (two, _) = gateway.connect(2, 1).await;
    for text in ["a", "b", "c"] {
        one.send(talk(), text).await.unwrap();
    }
    assert_eq!(peer_read(&one).await, Seq(0), "nothing is read");
    let read = |seq| Signal { conversation: talk(), uid: Uid(2), does: Doing::Read(Seq(seq)) };
    assert_eq!(two.mark_read(talk(), Seq(2)).await.unwrap().read_seq, Seq(2));
    assert_eq!(signal(&mut ones).await, read(2));
    assert_eq!(signal(&mut others).await, read(2), "every device is told");
    assert_eq!((peer_read(&one).await, peer_read(&two).await), (Seq(2), Seq(0)));

    // Nobody is there to be told: the list has it.
    one.close().await;
    other_device.close().await;
    two.mark_read(talk(), Seq(u64::MAX >> 11)).await.unwrap();
    let (one, _) = gateway.connect(1, 1).await;
    assert_eq!(peer_read(&one).await, Seq(3), "no further than what there is");
    gateway.kill();

    let gateway = Gateway::start(dir.path(), &[]);
    let (one, _) = gateway.connect(1, 1).await;
    assert_eq!(peer_read(&one).await, Seq(3));
}

/// A client of an earlier release: it is told nothing that it did not ask for, and its pages are as before.
#[test]
fn who_does_not_want_signals_gets_none() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    block_on(async {
        let (two, _) = gateway.connect(2, 1).await;
        two.send(talk(), "a").await.unwrap();
        two.close().await;
    });
    let mut one = Peer::connect(&gateway);
    let hello = frames::Hello { features: FEATURE_SESSION_END, ..hello_of(VERSION) };
    one.say(&framed(1, hello));
    one.say(&login(&gateway.token(2), 7));
    let kinds = [(); 2].map(|()| one.hear(|frame| frame.header.kind).flatten());
    assert_eq!(kinds, [Some(Kind::HelloReply), Some(Kind::LoginReply)]);
    block_on(async {
        let (reader, _) = gateway.connect(1, 1).await;
        reader.mark_read(talk(), Seq(1)).await.unwrap();
        reader.close().await;
    });
    one.say(&framed(3, frames::Chats { after: frames::Conversation::NONE, limit: 9 }));
    let page = one.hear(|frame| {
        assert_eq!(frame.header.kind, Some(Kind::ChatsPage), "nothing came before");
        (frame.extended(wire::PEER_READ_SEQS), frame.read::<frames::ChatsPage>().unwrap())
    });
    let (read, page) = page.expect("the page comes");
    assert_eq!((read, &page.chats[0].conversation), (1, &direct(1, 2)), "the list tells it");
}
