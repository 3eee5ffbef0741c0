//! A client that polls over HTTP is a client like another: it logs in, sends to one over TCP and hears from it, on any connection
//! and core; it misses nothing, whatever answers are lost; what it may not ask is a problem that says so, a page of a foreign
//! origin gets nothing, and a drain answers it. The examples of PROTOCOL.md are asked. A real gateway.

use crate::caller::{Answer, Caller};
use crate::peer::{Peer, id, send, uuid};
use crate::process::{Gateway, PATIENCE};
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};
use wire::frames::Push;

const PROTOCOL: &str = include_str!("../../../crates/wire/PROTOCOL.md");

/// A device that polls from where it is.
struct Device {
    token: String,
    cursor: u64,
    inbox_epoch: String,
    texts: Vec<String>,
}

impl Device {
    /// One that begins at the head.
    fn new(gateway: &Gateway, uid: u64) -> Self {
        let token = gateway.token(uid);
        let answer = Caller::connect(gateway).call((&token, "POST /v1/login?device=5"), "");
        let reply = &answer.body["login_reply"];
        assert_eq!((answer.status, &reply["uid"]), (200, &uid.to_string().into()));
        let (cursor, texts) = (reply["inbox_head"].as_u64().unwrap(), Vec::new());
        Self { token, cursor, inbox_epoch: reply["inbox_epoch"].as_str().unwrap().into(), texts }
    }

    fn line(&self, wait_s: u64) -> String {
        let Self { cursor, inbox_epoch, .. } = self;
        format!("GET /v1/poll?device=5&cursor={cursor}&inbox_epoch={inbox_epoch}&wait_s={wait_s}")
    }

    /// Takes what a poll was answered with: rows without a gap.
    fn take(&mut self, answer: &Answer) {
        assert_eq!(answer.status, 200, "{answer:?}");
        for message in answer.body["sync_page"]["messages"].as_array().expect("a page") {
            self.cursor += 1;
            assert_eq!(message["inbox_seq"], self.cursor, "{answer:?}");
            self.texts.push(message["text"].as_str().unwrap().to_owned());
        }
    }
}

#[test]
fn a_poll_and_a_peer_over_tcp_talk() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let mut device = Device::new(&gateway, 7);
    let mut peer = Peer::logged_in(&gateway, 8, 1);
    let mut caller = Caller::connect(&gateway);
    caller.calls((&device.token, &device.line(25)), "");
    until(&gateway, "longline_polls_waiting", 1);
    peer.say(&send(9, (7, 8), id(1), b"hello"));
    device.take(&caller.answer().unwrap());
    assert_eq!(device.texts, ["hello"]);
    let said = format!(r#"{{"send":{{"to":"8","client_msg_id":"{}","text":"hi"}}}}"#, uuid(2));
    let mut other = Caller::connect(&gateway);
    let line = "POST /v1/requests?device=5";
    let acked = other.call((&device.token, line), &said).body;
    assert!(acked["send_ack"]["seq"].is_u64(), "{acked}");
    let again = other.call((&device.token, line), &said).body;
    assert_eq!(again["send_ack"]["seq"], acked["send_ack"]["seq"], "it is the same message");
    let push = loop {
        if let Some(push) = peer.hear(|frame| frame.read::<Push>().ok()).unwrap() {
            break push;
        }
    };
    assert_eq!(push.message.body.as_ref(), b"hi");
    let history = r#"{"id":4,"history":{"to":"8","limit":9}}"#;
    let history = other.call((&device.token, line), history).body;
    assert_eq!(history["history_page"]["messages"].as_array().map(Vec::len), Some(2));
    assert_eq!(history["id"], 4);
    // It is its own message that the next poll is answered with, and what is not there is waited for.
    device.take(&caller.call((&device.token, &device.line(25)), ""));
    let started = Instant::now();
    device.take(&caller.call((&device.token, &device.line(1)), ""));
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    assert_eq!(device.texts, ["hello", "hi"]);
}

/// Waits until a metric of all cores together is this.
fn until(gateway: &Gateway, name: &str, value: u64) {
    let started = Instant::now();
    while gateway.metric(name) != value {
        assert!(started.elapsed() < PATIENCE, "{name} is not {value}");
    }
}

#[test]
fn answers_that_are_lost_are_asked_for_again_on_any_connection() {
    const MESSAGES: u64 = 120;
    let (gateway, _dir) = Gateway::in_new_dir(&["--user-rate", "0", "--connection-rate", "0"]);
    let mut device = Device::new(&gateway, 7);
    let mut peer = Peer::logged_in(&gateway, 8, 1);
    let mut caller = Caller::connect(&gateway);
    for nth in 0..MESSAGES {
        peer.say(&send(9, (7, 8), id(nth.into()), format!("{nth}").as_bytes()));
        caller.calls((&device.token, &device.line(0)), "");
        match (nth % 4, caller.answer().filter(|answer| answer.status != 409)) {
            // An answer is lost, with its connection or on it.
            (0, _) => Caller::connect(&gateway).calls((&device.token, &device.line(5)), ""),
            (1, Some(answer)) => assert_eq!(answer.status, 200),
            (2, Some(answer)) => device.take(&answer),
            // What was given up may have ended what followed.
            (_, _) => caller = Caller::connect(&gateway),
        }
    }
    while device.texts.len() as u64 != MESSAGES {
        let answer = Caller::connect(&gateway).call((&device.token, &device.line(5)), "");
        if answer.status != 409 {
            device.take(&answer);
        }
    }
    let expected: Vec<String> = (0..MESSAGES).map(|nth| nth.to_string()).collect();
    assert_eq!(device.texts, expected);
}

#[test]
fn a_newer_poll_of_the_device_ends_the_older() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let device = Device::new(&gateway, 7);
    let mut older = Caller::connect(&gateway);
    older.calls((&device.token, &device.line(25)), "");
    until(&gateway, "longline_polls_waiting", 1);
    let mut newer = Caller::connect(&gateway);
    newer.calls((&device.token, &device.line(25)), "");
    let answer = older.answer().unwrap();
    assert_eq!((answer.status, &answer.body["title"]), (409, &"SessionReplaced".into()));
    assert!(older.answer().is_none());
    until(&gateway, "longline_polls_waiting", 1);
    drop(newer);
    until(&gateway, "longline_polls_waiting", 0);
    until(&gateway, "longline_users_online", 0);
}

#[test]
fn a_drain_answers_polls_and_the_exit_is_0() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let device = Device::new(&gateway, 7);
    let mut caller = Caller::connect(&gateway);
    caller.calls((&device.token, &device.line(50)), "");
    until(&gateway, "longline_polls_waiting", 1);
    gateway.signal(Signal::TERM);
    let answer = caller.answer().unwrap();
    assert_eq!((answer.status, &answer.body["title"]), (503, &"Draining".into()));
    assert!(answer.head.contains("retry-after: 5\r\n"), "{answer:?}");
    assert!(answer.body["going_away"]["jitter_ms"].as_u64() > Some(0), "{answer:?}");
    assert!(caller.answer().is_none());
    let end = gateway.wait();
    assert_eq!(end.code, Some(0), "{}", end.told);
}

#[test]
fn a_page_of_a_foreign_origin_gets_nothing() {
    let (gateway, _dir) = Gateway::in_new_dir(&["--origins", "https://app.example"]);
    let token = gateway.token(7);
    for (origin, status) in [("https://app.example", 200), ("https://evil.example", 403)] {
        let line = "POST /v1/login?device=5";
        let mut caller = Caller::connect(&gateway);
        caller.say(&format!(
            "{line} HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
        let answer = caller.answer().unwrap();
        assert_eq!(answer.status, status, "{origin}");
        assert_eq!(answer.head.contains("access-control-allow-origin: *"), status == 200);
        let mut caller = Caller::connect(&gateway);
        caller.say(&format!("OPTIONS /v1/poll HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n\r\n"));
        assert_eq!(caller.answer().unwrap().status, if status == 200 { 204 } else { 403 });
        assert!(caller.answer().is_none());
    }
}

#[test]
fn whoever_is_slow_or_speaks_out_of_turn_loses_its_own_connection() {
    let (gateway, _dir) = Gateway::in_new_dir(&["--login-timeout-ms", "500"]);
    let device = Device::new(&gateway, 7);
    let mut slow = Caller::connect(&gateway);
    slow.say("GET /v1/poll?device=5 HTTP/1.1\r\nHost: x\r\nX: ");
    assert_eq!(slow.answer().unwrap().status, 408);
    let mut early = Caller::connect(&gateway);
    early.calls((&device.token, &device.line(25)), "");
    early.calls((&device.token, &device.line(25)), "");
    assert!(early.answer().is_none(), "one at a time");
    let mut stranger = Caller::connect(&gateway);
    let refused = stranger.call(("a.b.c", "POST /v1/login?device=5"), "");
    assert_eq!((refused.status, &refused.body["title"]), (401, &"BadToken".into()));
    assert!(refused.head.contains("www-authenticate: bearer\r\n"), "{refused:?}");
    assert!(stranger.answer().is_none());
    let mut large = Caller::connect(&gateway);
    large.say("POST /v1/requests?device=5 HTTP/1.1\r\nHost: x\r\nContent-Length: 131073\r\n\r\n");
    assert_eq!(large.answer().unwrap().status, 413);
    let mut other = Caller::connect(&gateway);
    assert_eq!(other.call((&device.token, &device.line(0)), "").status, 200);
}

/// The blocks of the page that begin so, as they go over the wire.
fn blocks(fence: &str) -> Vec<String> {
    let mut lines = PROTOCOL.lines();
    let mut found = Vec::new();
    while lines.by_ref().any(|line| line == fence) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let (head, body) = block.split_at(block.iter().position(|line| line.is_empty()).unwrap());
        found.push(format!("{}\r\n\r\n{}", head.join("\r\n"), body[1..].join("\n")));
    }
    found
}

/// Whether two values have the same keys and types, at every depth.
fn is_alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.keys().eq(other.keys()) && one.iter().all(|(key, it)| is_alike(it, &other[key]))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_alike(one, other))
        }
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

#[test]
fn the_examples_of_the_page_are_answered_as_it_says() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let token = gateway.token(7);
    let (calls, answers) = (blocks("```http call"), blocks("```http answer"));
    assert!(calls.len() >= 4 && calls.len() == answers.len());
    let (mut epoch, mut cursor) = (String::new(), 0);
    for (call, says) in calls.iter().zip(answers) {
        let (head, body) = call.split_once("\r\n\r\n").unwrap();
        let has_length =
            format!("{head}\r\n").contains(&format!("Content-Length: {}\r\n", body.len()));
        assert!(has_length || body.is_empty(), "{call}");
        let call = call
            .replace("header.claims.mac", &token)
            .replace("0197c1f0-2a33-7d0e-8a5b-3c1d2e4f5a6b", &uuid(1))
            .replace("inbox_epoch=1790000000000", &format!("inbox_epoch={epoch}"))
            .replace("cursor=40", &format!("cursor={cursor}"));
        let mut caller = Caller::connect(&gateway);
        caller.say(&call);
        let answer = caller.answer().unwrap();
        let (head, body) = says.split_once("\r\n\r\n").unwrap();
        for line in head.to_lowercase().lines() {
            assert!(answer.head.contains(&format!("{line}\r\n")), "{line}\n{answer:?}");
        }
        let body: Value = serde_json::from_str(body).unwrap();
        assert!(is_alike(&answer.body, &body), "{call}\n{answer:?}\n{body}");
        for key in ["title", "status", "type"] {
            assert_eq!(answer.body.get(key), body.get(key), "{call}");
        }
        let reply = &answer.body["login_reply"];
        if let Some(inbox_epoch) = reply["inbox_epoch"].as_str() {
            (epoch, cursor) = (inbox_epoch.to_owned(), reply["inbox_head"].as_u64().unwrap());
        }
    }
}
