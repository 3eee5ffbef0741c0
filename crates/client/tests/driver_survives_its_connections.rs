//! The tokio client over real sockets, against a fake server that does what each test tells it: connections that break
//! between a send and its ack, lost pushes, refusals, an application that does not read. Everything is awaited; the
//! only real time that passes is the client's own delay before it connects again, half a second at most.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, its numbers are small"
)]

mod common;
#[path = "common/fake.rs"]
mod fake;

use client::{CaughtUp, Client, ClientError, Inbox, Received};
use common::{message, push, with};
use fake::{EPOCH, Fake};
use wire::frames::{
    Chat, ChatReply, Chats, ChatsPage, History, HistoryPage, LogoutReply, MarkRead, Refusal,
    RenewReply, Send, SendAck, Sync, SyncPage,
};
use wire::{Bytes, Kind, RefusalCode, Seq};

fn ack(inbox_seq: u64) -> SendAck {
    SendAck { message_id: 1, seq: 1, time_ms: 2, inbox_seq }
}

/// A chat whose newest message has that seq.
fn chat(peer: u64, seq: u64) -> Chat {
    let (conversation, recent) = (with(peer).into(), message(seq));
    Chat { conversation, recent, read_time_ms: 0, read_seq: 0, unread: 1, version: 1, is_hidden: 0 }
}

fn refusal(code: RefusalCode) -> Refusal {
    Refusal { code: code as u16, retry_after_ms: 0, text: Bytes::from_static(b"no") }
}

fn send(client: &Client) -> tokio::task::JoinHandle<Result<client::Ack, ClientError>> {
    let client = client.clone();
    tokio::spawn(async move { client.send(with(8), "hello").await })
}

/// The next message's row; changes of state are passed over.
async fn row(inbox: &mut Inbox) -> Result<u64, ClientError> {
    loop {
        if let Received::Message { message, .. } = inbox.recv().await? {
            return Ok(message.inbox_seq.0);
        }
    }
}

#[tokio::test]
async fn a_send_is_repeated_on_the_next_connection_until_its_ack() {
    let fake = Fake::listen().await;
    let (client, mut inbox, mut first) = fake.start().await;
    let sent = send(&client);
    let heard = first.hear(Kind::Send).await;
    drop(first);
    let mut second = fake.log_in(0).await;
    let again = second.hear(Kind::Send).await;
    let (a, b) = (heard.with(|f| f.read::<Send>()), again.with(|f| f.read::<Send>()));
    assert_eq!(a.unwrap(), b.unwrap(), "the same id, the same body");
    second.say(again.request_id(), ack(1)).await;
    assert_eq!(sent.await.unwrap().unwrap().seq, Seq(1));
    let mut states = vec![];
    while states.len() < 3 {
        states.push(inbox.recv().await.unwrap());
    }
    use Received::{Disconnected, LoggedIn};
    assert!(matches!(states[..], [LoggedIn { .. }, Disconnected { .. }, LoggedIn { .. }]));
}

#[tokio::test]
async fn messages_come_in_order_over_a_lost_push() {
    let fake = Fake::listen().await;
    let (_client, mut inbox, mut server) = fake.start().await;
    server.say(0, push(0, 1)).await;
    server.say(0, push(2, 3)).await;
    let sync = server.hear(Kind::Sync).await;
    assert_eq!(sync.with(|f| f.read::<Sync>()).unwrap().cursor, 1);
    let messages = vec![message(2), message(3)];
    let page = SyncPage { inbox_epoch: EPOCH, inbox_head: 3, messages };
    server.say(sync.request_id(), page).await;
    for expected in 1..=3 {
        assert_eq!(row(&mut inbox).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_application_that_does_not_read_can_send_and_misses_nothing() {
    const ROWS: u64 = 3_000;
    let fake = Fake::listen().await;
    let (client, mut inbox, mut server) = fake.start().await;
    for row in 1..=ROWS {
        server.say(0, push(row - 1, row)).await;
    }
    let sent = send(&client);
    let heard = server.hear(Kind::Send).await;
    server.say(heard.request_id(), ack(0)).await;
    sent.await.unwrap().unwrap();
    let serve = async {
        loop {
            let sync = server.hear(Kind::Sync).await;
            let cursor = sync.with(|f| f.read::<Sync>()).unwrap().cursor;
            let messages = (cursor + 1..=ROWS).take(256).map(message).collect();
            let page = SyncPage { inbox_epoch: EPOCH, inbox_head: ROWS, messages };
            server.say(sync.request_id(), page).await;
        }
    };
    let read = async {
        for expected in 1..=ROWS {
            assert_eq!(row(&mut inbox).await.unwrap(), expected);
        }
    };
    tokio::select! {
        () = serve => {}
        () = read => {}
    }
}

#[tokio::test]
async fn a_refused_login_is_told_at_once() {
    let fake = Fake::listen().await;
    let client = fake.client();
    let mut server = fake.accept().await;
    server.say(2, refusal(RefusalCode::BadToken)).await;
    let error = client.await.unwrap().err().unwrap();
    assert!(matches!(error, ClientError::Refused { code: Some(RefusalCode::BadToken), .. }));
}

#[tokio::test]
async fn nobody_listening_is_told_at_once() {
    let fake = Fake::listen().await;
    let client = fake.client();
    drop(fake);
    let error = client.await.unwrap().err().unwrap();
    assert!(matches!(error, ClientError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_replaced_session_ends_the_client_and_says_why() {
    let fake = Fake::listen().await;
    let (client, mut inbox, mut server) = fake.start().await;
    let sent = send(&client);
    server.hear(Kind::Send).await;
    server.say(0, refusal(RefusalCode::SessionReplaced)).await;
    let replaced = |error: &ClientError| {
        matches!(error, ClientError::Refused { code: Some(RefusalCode::SessionReplaced), .. })
    };
    assert!(replaced(&sent.await.unwrap().unwrap_err()));
    assert!(replaced(&row(&mut inbox).await.unwrap_err()));
    assert!(replaced(&send(&client).await.unwrap().unwrap_err()));
}

#[tokio::test]
async fn requests_are_answered_refused_or_end_with_the_connection() {
    let fake = Fake::listen().await;
    let (client, _inbox, mut server) = fake.start().await;
    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.history(with(8), Seq(0), 10).await });
    let heard = server.hear(Kind::History).await;
    let page = HistoryPage { conversation: with(8).into(), messages: vec![message(1)] };
    server.say(heard.request_id(), page).await;
    assert_eq!(asked.await.unwrap().unwrap().len(), 1);

    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.mark_read(with(8), Seq(4)).await });
    let heard = server.hear(Kind::MarkRead).await;
    let conversation = with(8).into();
    assert_eq!(heard.with(|f| f.read()), Ok(MarkRead { conversation, seq: 4 }));
    let conversation = with(8).into();
    let reply = ChatReply { conversation, read_seq: 4, unread: 1, version: 9, is_hidden: 0 };
    server.say(heard.request_id(), reply).await;
    assert_eq!(asked.await.unwrap().unwrap().unread, 1);

    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.renew("a.b.c".to_owned()).await });
    let heard = server.hear(Kind::Renew).await;
    server.say(heard.request_id(), RenewReply { until_ms: 9 }).await;
    asked.await.unwrap().unwrap();
    assert!(matches!(client.renew(String::new()).await, Err(ClientError::Token(0))));

    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.hide_chat(with(8)).await });
    let heard = server.hear(Kind::HideChat).await;
    server.say(heard.request_id(), refusal(RefusalCode::OutOfRange)).await;
    assert!(matches!(asked.await.unwrap(), Err(ClientError::Refused { .. })));

    let asking = client.clone();
    let asked = tokio::spawn(async move { asking.chats(None, 10).await });
    server.hear(Kind::Chats).await;
    drop(server);
    assert!(matches!(asked.await.unwrap(), Err(ClientError::Disconnected)));
    assert!(matches!(client.chats(None, 0).await, Err(ClientError::Limit(0))));
}

#[tokio::test]
async fn what_the_inbox_has_no_more_is_read_from_chats_and_histories() {
    let fake = Fake::listen().await;
    let (client, _inbox, mut server) = fake.start().await;
    // Of one conversation message 3 is known, of another everything, of the last nothing: two of its messages are wanted.
    let known = |conversation| {
        Seq(if conversation == with(8) {
            3
        } else if conversation == with(9) {
            5
        } else {
            0
        })
    };
    let caught = tokio::spawn(async move { client.catch_up(known, 2).await });
    let chats = |peers: &[u64], next_after| {
        let chats = peers.iter().map(|&peer| chat(peer, 5)).collect();
        ChatsPage { next_after, version: 9, chats }
    };
    let heard = server.hear(Kind::Chats).await;
    server.say(heard.request_id(), chats(&[8, 9], with(9).into())).await;
    let history = async |server: &mut fake::Accepted, peer: u64, (before, seqs): (u64, &[u64])| {
        let heard = server.hear(Kind::History).await;
        let asked = heard.with(|frame| frame.read::<History>()).unwrap();
        assert_eq!((asked.conversation, asked.before_seq), (with(peer).into(), before));
        let messages = seqs.iter().map(|&seq| message(seq)).collect();
        server
            .say(heard.request_id(), HistoryPage { conversation: with(peer).into(), messages })
            .await;
    };
    history(&mut server, 8, (0, &[3, 4, 5])).await;
    let heard = server.hear(Kind::Chats).await;
    assert_eq!(heard.with(|frame| frame.read::<Chats>()).unwrap().after, with(9).into());
    server.say(heard.request_id(), chats(&[10], wire::frames::Conversation::NONE)).await;
    // A page may have less than it could.
    history(&mut server, 10, (0, &[5])).await;
    history(&mut server, 10, (5, &[4])).await;
    let caught = caught.await.unwrap().unwrap();
    let seqs = |it: &CaughtUp| it.messages.iter().map(|message| message.seq.0).collect::<Vec<_>>();
    assert_eq!(caught.iter().map(seqs).collect::<Vec<_>>(), [vec![4, 5], vec![], vec![4, 5]]);
}

#[tokio::test]
async fn close_logs_out() {
    let fake = Fake::listen().await;
    let (client, mut inbox, mut server) = fake.start().await;
    let closing = tokio::spawn(client.close());
    let heard = server.hear(Kind::Logout).await;
    server.say(heard.request_id(), LogoutReply { generation: 1 }).await;
    closing.await.unwrap();
    server.closed().await;
    assert!(matches!(row(&mut inbox).await, Err(ClientError::Closed)));
}

#[tokio::test]
async fn dropping_the_handles_closes_the_connection() {
    let fake = Fake::listen().await;
    let (client, inbox, mut server) = fake.start().await;
    drop((client, inbox));
    server.closed().await;
}
