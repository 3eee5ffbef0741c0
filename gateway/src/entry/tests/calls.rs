//! A client that calls over HTTP: its token is judged each time, its poll is the device's session, it gets one answer a call,
//! and its connection rests between them.

use super::*;
use crate::limits::{CALL_LOOK_MS, CALL_REST_MS};
use shard::rows::{Chain, InboxRow, MessageRow};
use wire::{ClientMsgId, ConversationId, MessageId, RowKind, Seq};

const SYNC: &str = r#"{"sync":{"cursor":3,"limit":5}}"#;

/// What a client is answered: the status, and the body.
type Answered = (u16, serde_json::Value);

impl Scene {
    /// A user calls, of device 1.
    fn calls(&mut self, client: Client, (uid, line): (u64, &str), body: &str) {
        let (token, length) = (self.token(uid), body.len());
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {length}\r\n") };
        let says = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{length}\r\n{body}"
        );
        self.hear(client, says.as_bytes());
    }

    fn requests(&mut self, client: Client, uid: u64, body: &str) {
        self.calls(client, (uid, "POST /v1/requests?device=1"), body);
    }

    /// The shard of a caller that is not logged in says that its token is believed.
    fn believes(&mut self, client: Client, uid: u64) {
        let (command, reply) = self.asked();
        assert_eq!(command, Command::Believe { uid: Uid(uid), issued_s: START_MS / 1_000 });
        assert!(self.output(client).is_empty(), "it waits for that");
        self.answer(reply, Answer::Believed);
    }

    /// Polls as device 1 with row 3 of epoch 9.
    fn polls(&mut self, client: Client, uid: u64) {
        self.calls(client, (uid, "GET /v1/poll?device=1&cursor=3&inbox_epoch=9"), "");
    }

    /// The one answer that a client got since.
    #[track_caller]
    fn answered(&mut self, client: Client) -> Answered {
        let text = String::from_utf8(self.output(client)).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
        let length = format!("Content-Length: {}\r\n", body.len());
        assert!(format!("{head}\r\n").contains(&length), "one answer: {text}");
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// The key of the session that a client's connection is now.
    fn now(&mut self, client: Client) -> Client {
        let key = self.tcp.key(client.conn).unwrap();
        let session = self.entry.sessions.get_mut(key).unwrap();
        Client { key, login: session.login().unwrap_or(client.login), ..client }
    }

    /// A client whose poll waits for row 4.
    fn waits(&mut self, uid: u64) -> Client {
        let client = self.connect();
        self.polls(client, uid);
        let (_, reply) = self.asked();
        self.answer(reply, begun(uid, 3));
        let (_, reply) = self.asked();
        self.answer(reply, page(3, &[]));
        assert_eq!((self.output(client), self.entry.polls_waiting()), (vec![], 1));
        self.now(client)
    }
}

/// Logged in, with one row behind the cursor.
fn begun(uid: u64, cursor: u64) -> Answer {
    begun_at(uid, cursor, 4)
}

fn begun_at(uid: u64, cursor: u64, head: u64) -> Answer {
    let login = Login { uid: Uid(uid), device: DeviceId(1), generation: Generation(uid) };
    let (inbox_head, cursor, inbox_tail) = (InboxSeq(head), InboxSeq(cursor), InboxSeq(1));
    Answer::LoggedIn { login, inbox_head, cursor, inbox_tail }
}

fn row(uid: u64, inbox_seq: u64) -> InboxRow {
    let conversation = ConversationId::direct(Uid(7), Uid(8)).unwrap();
    let message = MessageRow {
        conversation,
        seq: Seq(inbox_seq),
        number: inbox_seq,
        sender: Uid(8),
        message_id: MessageId(inbox_seq),
        time_ms: 1,
        client_msg_id: ClientMsgId([1; 16]),
        kind: RowKind::MESSAGE,
        flags: 0,
        chain: Chain(0),
        seen: Seq(0),
        body: Bytes::from_static(b"hi"),
    };
    InboxRow { uid: Uid(uid), inbox_seq: InboxSeq(inbox_seq), flags: 0, chain: Chain(0), message }
}

fn page(head: u64, rows: &[u64]) -> Answer {
    let rows = rows.iter().map(|inbox_seq| row(7, *inbox_seq)).collect();
    Answer::Inbox { head: InboxSeq(head), rows, tail: InboxSeq(1) }
}

fn push(previous: u64, inbox_seq: u64) -> Answer {
    Answer::Push { previous: InboxSeq(previous), row: Box::new(row(7, inbox_seq)) }
}

#[test]
fn a_poll_logs_in_asks_and_waits_and_the_next_row_answers_it() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.polls(client, 7);
    let (command, reply) = scene.asked();
    assert_eq!(command, log_in(7));
    scene.answer(reply, begun(7, 3));
    let (command, reply) = scene.asked();
    assert!(matches!(command, Command::Sync { uid: Uid(7), after: InboxSeq(3), .. }));
    scene.answer(reply, page(3, &[]));
    assert_eq!((scene.output(client), scene.entry.users_online()), (vec![], 1));
    let client = scene.now(client);
    scene.push(client, push(3, 4));
    let (status, body) = scene.answered(client);
    assert_eq!((status, &body["sync_page"]["messages"][0]["inbox_seq"]), (200, &4.into()));
    assert_eq!(body["sync_page"]["inbox_head"], 4);
    // The next acknowledges what the last was answered with, and logs in no more.
    scene.calls(client, (7, "GET /v1/poll?device=1&cursor=4&inbox_epoch=9"), "");
    let commands = std::mem::take(&mut scene.effects.commands);
    let login = scene.now(client).login;
    assert_eq!(commands[0].0, Command::PushAck(login, InboxSeq(4)));
    scene.answer(commands[1].1, page(6, &[5, 6]));
    assert_eq!(scene.answered(client).1["sync_page"]["messages"][1]["inbox_seq"], 6);
    assert_eq!((scene.done(client), scene.metrics.calls.get()), (vec![], 2));
}

#[test]
fn a_login_at_the_head_has_nothing_to_ask_for() {
    let mut scene = Scene::new();
    for (wait_s, waits) in [(0, 0), (5, 1)] {
        let client = scene.connect();
        let line = format!("GET /v1/poll?device=1&cursor=3&inbox_epoch=9&wait_s={wait_s}");
        scene.calls(client, (7, &line), "");
        let (_, reply) = scene.asked();
        scene.answer(reply, begun_at(7, 3, 3));
        assert_eq!((scene.effects.commands.len(), scene.entry.polls_waiting()), (0, waits));
        if waits == 0 {
            let (status, body) = scene.answered(client);
            assert_eq!((status, body["sync_page"]["inbox_tail"].as_u64()), (200, Some(1)));
        }
    }
}

#[test]
fn a_poll_that_waited_long_enough_is_answered_with_nothing() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    scene.pass(24_000);
    assert_eq!(scene.output(client), b"");
    scene.pass(1_000);
    let (status, body) = scene.answered(client);
    assert_eq!((status, &body["sync_page"]["messages"]), (200, &serde_json::json!([])));
    assert_eq!(
        (scene.entry.polls_waiting(), body["sync_page"]["inbox_head"].as_u64()),
        (0, Some(3))
    );
    assert_eq!(scene.done(client), [], "it rests");
}

#[test]
fn what_is_not_the_next_row_is_asked_for() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    // A message of its own lies between.
    scene.push(client, push(3, 5));
    let (command, reply) = scene.asked();
    assert!(matches!(command, Command::Sync { after: InboxSeq(3), .. }));
    scene.push(client, push(5, 6));
    scene.answer(reply, page(5, &[4, 5]));
    assert_eq!(scene.answered(client).1["sync_page"]["messages"][0]["inbox_seq"], 4);
    let client = scene.waits(8);
    scene.push(client, Answer::News(InboxSeq(4)));
    assert!(matches!(scene.asked().0, Command::Sync { uid: Uid(8), after: InboxSeq(3), .. }));
}

#[test]
fn pushes_that_no_poll_waits_for_are_left_to_the_inbox() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    scene.push(client, push(3, 4));
    scene.answered(client);
    scene.push(client, push(4, 5));
    scene.push(client, Answer::News(InboxSeq(5)));
    assert_eq!((scene.output(client), scene.done(client)), (vec![], vec![]));
    assert_eq!(scene.metrics.deliveries_dropped.of(crate::metrics::DropReason::NoPoll).get(), 2);
}

#[test]
fn a_device_that_has_another_inbox_is_told_where_it_begins() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.polls(client, 7);
    let (_, reply) = scene.asked();
    scene.answer(reply, begun(7, 0));
    let (status, body) = scene.answered(client);
    assert_eq!((status, &body["login_reply"]["cursor"]), (200, &0.into()));
    assert_eq!(body["login_reply"]["inbox_epoch"], "9");
    // Of another epoch it logs in again, as another session.
    scene.calls(client, (7, "GET /v1/poll?device=1&cursor=3&inbox_epoch=8"), "");
    let commands = std::mem::take(&mut scene.effects.commands);
    assert!(matches!(commands[0].0, Command::Logout(_)), "{commands:?}");
    assert!(matches!(commands[1].0, Command::Login { .. }), "{commands:?}");
    assert_ne!(commands[0].1.session, commands[1].1.session);
    assert_eq!(scene.entry.users_online(), 0);
    scene.answer(commands[1].1, begun(7, 0));
    assert_eq!((scene.answered(client).0, scene.entry.users_online()), (200, 1));
}

#[test]
fn a_poll_of_another_inbox_is_told_of_this_one_also_if_it_has_nothing() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.calls(client, (7, "GET /v1/poll?device=1&cursor=0&inbox_epoch=8"), "");
    let (_, reply) = scene.asked();
    scene.answer(reply, begun(7, 0));
    let (status, body) = scene.answered(client);
    assert_eq!((status, &body["login_reply"]["inbox_epoch"]), (200, &"9".into()));
    assert_eq!(scene.entry.polls_waiting(), 0);
}

#[test]
fn a_request_needs_no_login_and_is_its_own_users() {
    let mut scene = Scene::new();
    let client = scene.connect();
    for uid in [7, 9] {
        let id = "0197c1f0-2a33-7d0e-8a5b-3c1d2e4f5a6b";
        let send = format!(r#"{{"id":3,"send":{{"to":"8","client_msg_id":"{id}","text":"hi"}}}}"#);
        scene.requests(client, uid, &send);
        scene.believes(client, uid);
        let (command, reply) = scene.asked();
        let Command::Send(send) = command else { panic!("{command:?}") };
        assert_eq!((send.sender, send.device), (Uid(uid), DeviceId(1)));
        scene.answer(reply, refused(RefusalCode::StoreFull));
        let (status, body) = scene.answered(client);
        assert_eq!((status, &body["refusal"]["name"]), (503, &"StoreFull".into()));
        assert_eq!((&body["id"], &body["title"]), (&3.into(), &"StoreFull".into()));
    }
    assert_eq!((scene.entry.users_online(), scene.done(client)), (0, vec![]));
}

/// The entry cannot know it: the token is signed, and in its time.
#[test]
fn a_request_with_a_token_that_was_taken_back_comes_to_nothing() {
    let mut scene = Scene::new();
    let client = scene.connect();
    for is_believed in [false, true] {
        scene.requests(client, 7, SYNC);
        if is_believed {
            scene.believes(client, 7);
            assert!(matches!(scene.asked().0, Command::Sync { .. }));
            break;
        }
        let (_, reply) = scene.asked();
        scene.answer(reply, refused(RefusalCode::TokenRevoked));
        let (status, body) = scene.answered(client);
        assert_eq!((status, &body["refusal"]["name"]), (401, &"TokenRevoked".into()));
        assert_eq!(scene.effects.commands.len(), 0, "it is not asked for");
    }
}

#[test]
fn a_request_of_another_user_ends_who_was_logged_in_on_the_connection() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    scene.push(client, push(3, 4));
    scene.answered(client);
    scene.requests(client, 7, SYNC);
    let (_, reply) = scene.asked();
    scene.answer(reply, page(3, &[]));
    assert_eq!((scene.answered(client).0, scene.entry.users_online()), (200, 1), "it goes on");
    scene.requests(client, 9, SYNC);
    let commands = std::mem::take(&mut scene.effects.commands);
    assert_eq!(commands[0].0, Command::Logout(client.login));
    assert!(matches!(commands[1].0, Command::Believe { uid: Uid(9), .. }));
    // What the one before is told does not reach the other.
    scene.push(client, push(4, 5));
    scene.answer(commands[1].1, Answer::Believed);
    let (command, reply) = scene.asked();
    assert!(matches!(command, Command::Sync { uid: Uid(9), .. }));
    scene.answer(reply, page(3, &[]));
    assert_eq!((scene.answered(client).0, scene.entry.users_online()), (200, 0));
}

#[test]
fn what_is_of_a_session_is_no_call() {
    let mut scene = Scene::with(Settings { connection_rate: 3, ..SETTINGS });
    let client = scene.waits(7);
    scene.push(client, push(3, 4));
    scene.answered(client);
    for (body, code) in [
        (r#"{"push_ack":{"inbox_seq":4}}"#, "Unsupported"),
        (r#"{"logout":{"generation":7}}"#, "Unsupported"),
        (r#"{"sand":{}}"#, "Unsupported"),
        (r"{", "Unsupported"),
        (r#"{"renew":{"token":"x"}}"#, "Unsupported"),
        (SYNC, "RateLimited"),
    ] {
        scene.requests(client, 7, body);
        let (status, answer) = scene.answered(client);
        assert_eq!(answer["title"], code, "{body}");
        assert_eq!(status, if code == "RateLimited" { 429 } else { 400 }, "{body}");
    }
    scene.polls(client, 7);
    assert_eq!(scene.answered(client).0, 429);
    assert_eq!((scene.done(client), scene.entry.users_online()), (vec![], 1), "it stays");
    for body in [
        r#"{"login":{"token":"x","device":"1"}}"#,
        r#"{"going_away":{"code":16,"reconnect_after_ms":0,"jitter_ms":0}}"#,
    ] {
        let client = scene.connect();
        scene.requests(client, 9, body);
        assert_eq!(scene.answered(client).0, 400, "{body}");
        assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::Malformed))], "{body}");
    }
}

#[test]
fn a_token_that_is_not_believed_ends_the_connection() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.hear(
        client,
        b"GET /v1/poll?device=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a.b.c\r\n\r\n",
    );
    let (status, body) = scene.answered(client);
    assert_eq!((status, &body["title"]), (401, &"BadToken".into()));
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::BadToken))]);
    assert_eq!(scene.closes(CloseReason::Token), 1);
}

#[test]
fn a_client_that_says_so_has_its_last_answer() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.calls(client, (7, "POST /v1/login?device=1"), "");
    let (_, reply) = scene.asked();
    scene.answer(reply, begun(7, 3));
    assert_eq!(scene.answered(client).1["login_reply"]["uid"], "7");
    let token = scene.token(7);
    let says = format!(
        "GET /v1/poll?device=1&cursor=3&inbox_epoch=9&wait_s=0 HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    scene.hear(client, says.as_bytes());
    let commands = std::mem::take(&mut scene.effects.commands);
    scene.answer(commands[1].1, page(3, &[]));
    assert_eq!(scene.answered(client).0, 200);
    assert_eq!(scene.done(client), [Do::Close(None)]);
    assert!(matches!(scene.asked().0, Command::Logout(_)));
}

#[test]
fn a_connection_rests_for_a_while_and_a_slow_call_makes_it_no_longer() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    scene.pass(25_000);
    scene.answered(client);
    for _ in 0..CALL_REST_MS / 1_000 - 1 {
        scene.pass(1_000);
        scene.hear(client, b"G");
    }
    assert_eq!(scene.done(client), []);
    scene.pass(1_000 + CALL_LOOK_MS);
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::LoginTimeout))]);
    assert_eq!(scene.asked().0, Command::Logout(client.login));
    assert_eq!((scene.closes(CloseReason::Idle), scene.entry.users_online()), (1, 0));
    let silent = scene.connect();
    scene.hear(silent, b"GET /v1/poll?device=1 HT");
    scene.pass(6_000);
    assert_eq!(scene.closes(CloseReason::LoginTimeout), 1);
}

/// A login is timed from its own call, however long the connection rested before.
#[test]
fn a_login_after_a_rest_has_all_of_its_time() {
    let mut scene = Scene::new();
    let client = scene.connect();
    scene.requests(client, 7, SYNC);
    let (_, reply) = scene.asked();
    scene.answer(reply, page(3, &[]));
    scene.answered(client);
    scene.pass(28_000);
    scene.polls(client, 7);
    let (_, reply) = scene.asked();
    scene.pass(4_000);
    assert_eq!((scene.output(client), scene.done(client)), (vec![], vec![]));
    scene.answer(reply, begun_at(7, 3, 3));
    assert_eq!(scene.entry.polls_waiting(), 1);
}

#[test]
fn a_client_that_goes_is_logged_out() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    scene.call(|entry, turn| entry.on_ended(client.key, turn));
    assert_eq!(scene.asked().0, Command::Logout(client.login));
    assert_eq!((scene.done(client), scene.entry.polls_waiting()), (vec![Do::Close(None)], 0));
    // One that asks still hears what it asked for.
    let client = scene.connect();
    scene.polls(client, 9);
    let (_, reply) = scene.asked();
    scene.answer(reply, begun(9, 3));
    let (_, reply) = scene.asked();
    let client = scene.now(client);
    scene.call(|entry, turn| entry.on_ended(client.key, turn));
    assert_eq!(scene.done(client), []);
    scene.answer(reply, page(3, &[]));
    assert_eq!((scene.answered(client).0, scene.done(client)), (200, vec![Do::Close(None)]));
    assert_eq!(scene.entry.polls_waiting(), 0);
}

#[test]
fn a_newer_session_ends_a_poll() {
    let mut scene = Scene::new();
    let client = scene.waits(7);
    scene.push(client, Answer::Closed(RefusalCode::SessionReplaced));
    let (status, body) = scene.answered(client);
    assert_eq!((status, &body["session_end"]["next"]), (409, &2.into()));
    assert_eq!(scene.done(client), [Do::Close(Some(RefusalCode::SessionReplaced))]);
    assert_eq!(scene.asked().0, Command::Logout(client.login));
    let client = scene.waits(7);
    scene.push(client, push(3, 4));
    scene.output(client);
    scene.push(client, Answer::Closed(RefusalCode::SessionReplaced));
    assert_eq!((scene.output(client), scene.done(client)), (vec![], vec![]), "it was not asked");
    assert_eq!(scene.entry.users_online(), 0);
    scene.polls(client, 7);
    assert_eq!(scene.asked().0, log_in(7), "it may log in again");
}

#[test]
fn a_drain_answers_polls_and_lets_requests_be_answered() {
    let mut scene = Scene::new();
    let (polls, asks, rests) = (scene.waits(7), scene.connect(), scene.connect());
    for client in [asks, rests] {
        scene.requests(client, 8, SYNC);
    }
    let [asked, other]: [_; 2] = std::mem::take(&mut scene.effects.commands).try_into().unwrap();
    scene.answer(other.1, page(3, &[]));
    assert_eq!(scene.answered(rests).0, 200);
    let now_ms = scene.now_ms;
    scene.call(|entry, _| entry.drain(now_ms));
    scene.pass(500);
    let (status, body) = scene.answered(polls);
    assert_eq!((status, &body["going_away"]["jitter_ms"]), (503, &5_000.into()));
    scene.answer(asked.1, page(3, &[]));
    assert_eq!(scene.answered(asks).0, 200);
    scene.requests(rests, 8, SYNC);
    let (status, body) = scene.answered(rests);
    assert_eq!((status, &body["title"]), (503, &"Draining".into()));
    scene.pass(1_500);
    for client in [polls, asks, rests] {
        assert_eq!(scene.done(client)[0], Do::Close(Some(RefusalCode::Draining)));
    }
}
