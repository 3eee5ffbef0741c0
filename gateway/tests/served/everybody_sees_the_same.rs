//! All devices of a user, its inbox, the histories and the chats tell the same story, whoever was there when it
//! happened. A real gateway, real clients.

use crate::peer::{Peer, Told, framed, id, send};
use crate::process::{Gateway, between, block_on, messages};
use client::{Ack, Client, ClientError, Position, Received};
use tokio::task::JoinSet;
use wire::{InboxSeq, RefusalCode, Seq, Uid, frames};

/// More than a page of the inbox.
const MANY: usize = 300;

/// Sends the numbers of a range to a user, many at a time.
async fn send_all(client: &Client, to: u64, name: &str, count: usize) {
    let conversation = between(client.uid().0, to);
    let mut sends: JoinSet<Result<Ack, ClientError>> = JoinSet::new();
    for number in 0..count {
        if sends.len() == 64 {
            sends.join_next().await.unwrap().unwrap().unwrap();
        }
        let (client, body) = (client.clone(), format!("{name} {number}"));
        sends.spawn(async move { client.send(conversation, body).await });
    }
    while let Some(sent) = sends.join_next().await {
        sent.unwrap().unwrap();
    }
}

/// A gateway that does not limit whoever sends much.
fn start(dir: &tempfile::TempDir) -> Gateway {
    Gateway::start(dir.path(), &["--user-rate", "0", "--connection-rate", "0"])
}

#[test]
fn devices_of_a_user_get_one_order_and_the_histories_agree() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    block_on(async {
        let (seven, _) = gateway.connect(7, 1).await;
        let (seven_too, _) = gateway.connect(7, 2).await;
        let (nine, _) = gateway.connect(9, 1).await;
        let mut devices = Vec::new();
        for device in 1..=3 {
            devices.push(gateway.connect(8, device).await);
        }
        tokio::join!(
            send_all(&seven, 8, "a", 100),
            send_all(&seven_too, 8, "b", 100),
            send_all(&nine, 8, "c", 100)
        );
        let first = messages(&mut devices[0].1, 300).await;
        assert!(first.iter().map(|row| row.0).eq(1..=300), "an inbox has no hole");
        for (_, inbox) in &mut devices[1..] {
            assert_eq!(messages(inbox, 300).await, first);
        }
        for peer in [7, 9] {
            let mut history = Vec::new();
            let mut before = Seq(0);
            while before != Seq(1) {
                let page = devices[0].0.history(between(peer, 8), before, 100).await.unwrap();
                before = page[0].seq;
                history.splice(0..0, page);
            }
            let bodies = history.iter().map(|message| message.body.as_ref());
            let pushed = first.iter().filter(|row| row.1 == Uid(peer));
            assert!(bodies.eq(pushed.map(|row| row.2.as_bytes())), "history and inbox agree");
            assert!(history.iter().map(|message| message.seq.0).eq(1..=history.len() as u64));
        }
    });
}

#[test]
fn who_was_away_finds_everything_at_login_and_only_that() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    block_on(async {
        let (seven, _) = gateway.connect(7, 1).await;
        send_all(&seven, 8, "while away", MANY).await;
        let (eight, mut inbox) = gateway.connect(8, 1).await;
        let Received::LoggedIn { inbox_epoch, .. } = inbox.recv().await.unwrap() else {
            panic!("a session begins with its login")
        };
        let found = messages(&mut inbox, MANY).await;
        assert!(found.iter().map(|row| row.0).eq(1..=MANY as u64));
        eight.close().await;
        seven.send(between(7, 8), "one more").await.unwrap();
        let cursor = InboxSeq(MANY as u64);
        let position = Position { cursor, inbox_epoch, ..Position::default() };
        let (_eight, mut inbox) = gateway.connect_from(8, 1, position).await;
        let rest = messages(&mut inbox, 1).await;
        assert_eq!(rest, [(MANY as u64 + 1, Uid(7), "one more".to_owned())]);
    });
}

#[test]
fn chats_and_unread_numbers_follow_also_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    let unread = block_on(async {
        let (seven, _) = gateway.connect(7, 1).await;
        let (eight, _) = gateway.connect(8, 1).await;
        for body in ["one", "two", "three"] {
            seven.send(between(7, 8), body).await.unwrap();
        }
        let page = eight.chats(None, 10).await.unwrap();
        let [chat] = &page.chats[..] else { panic!("{page:?}") };
        assert_eq!((chat.state.conversation, chat.state.unread), (Some(between(7, 8)), 3));
        assert_eq!(chat.recent.body.as_ref(), b"three");
        let state = eight.mark_read(between(7, 8), Seq(2)).await.unwrap();
        assert_eq!((state.read_seq, state.unread), (Seq(2), 1));
        let state = eight.mark_read(between(7, 8), Seq(1)).await.unwrap();
        assert_eq!(state.unread, 1, "what was read stays read");
        let state = eight.mark_read(between(7, 8), Seq(u64::MAX)).await.unwrap();
        assert_eq!((state.read_seq, state.unread), (Seq(3), 0), "there is no more to read");
        let own = seven.chats(None, 10).await.unwrap();
        let own = own.chats[0].state;
        assert_eq!(
            (own.read_seq, own.unread),
            (Seq(0), 0),
            "own messages are not unread, nor read"
        );
        assert!(eight.hide_chat(between(7, 8)).await.unwrap().is_hidden);
        seven.send(between(7, 8), "four").await.unwrap();
        let page = eight.chats(None, 10).await.unwrap();
        assert!(!page.chats[0].state.is_hidden, "a message brings a chat back");
        page.chats[0].state
    });
    gateway.kill();
    let gateway = start(&dir);
    block_on(async {
        let (eight, _) = gateway.connect(8, 1).await;
        let page = eight.chats(None, 10).await.unwrap();
        assert_eq!(page.chats[0].state, unread);
        assert_eq!(page.chats[0].recent.body.as_ref(), b"four");
        let stranger = eight.mark_read(between(8, 9), Seq(1)).await;
        assert!(matches!(stranger, Err(ClientError::Refused { .. })), "{stranger:?}");
    });
}

#[test]
fn a_logout_ends_one_session_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = start(&dir);
    let mut one = Peer::logged_in(&gateway, 8, 1);
    let mut other = Peer::logged_in(&gateway, 8, 2);
    one.say(&framed(3, frames::Logout { generation: 0 }));
    assert_eq!(
        one.told(),
        Some(Told::Refused(RefusalCode::OutOfRange, 0)),
        "no session of its own"
    );
    one.say(&one.logout(4));
    one.hear(|frame| frame.read::<frames::LogoutReply>().unwrap()).expect("it is answered");
    assert!(one.ended());
    let mut seven = Peer::logged_in(&gateway, 7, 1);
    seven.say(&send(3, (7, 8), id(1), b"to who is left"));
    seven.acked();
    let push = other.hear(|frame| frame.read::<frames::Push>().unwrap()).unwrap();
    assert_eq!(push.message.body.as_ref(), b"to who is left");
    assert_eq!(gateway.metric("longline_users_online"), 2);
}
