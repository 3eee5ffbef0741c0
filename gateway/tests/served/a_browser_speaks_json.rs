//! A client that speaks JSON over WebSocket is a client like another: it logs in, sends to one over TCP and hears from it, on the
//! same port; what it says wrong is refused under its id, or ends it with words. A real gateway, and tungstenite at the other end.

use crate::peer::{Peer, framed, id, send, uuid};
use crate::process::Gateway;
use crate::websocket;
use serde_json::{Value, json};
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};
use wire::frames;

/// A page in a browser, or a script.
struct Page(WebSocket<TcpStream>);

impl Page {
    /// One of this origin connects; else the status of what it is answered.
    fn open(gateway: &Gateway, origin: Option<&'static str>) -> Result<Self, u16> {
        let headers = [("Sec-WebSocket-Protocol", "longline.v1.json, longline.v1")];
        let (socket, response) = websocket::open(gateway, origin, &headers)?;
        assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "longline.v1.json");
        Ok(Self(socket))
    }

    /// One that begins at its inbox's head.
    fn logged_in(gateway: &Gateway, uid: u64) -> Self {
        let mut page = Self::open(gateway, None).unwrap();
        let (token, device) = (gateway.token(uid), "18446744073709551615");
        page.say(&json!({"id": 1, "login": {"token": token, "device": device, "from_head": true}}));
        assert_eq!(page.hear()["hello_reply"]["body_bytes_max"], 32_768);
        let reply = page.hear();
        assert_eq!(
            (&reply["id"], &reply["login_reply"]["uid"]),
            (&1.into(), &uid.to_string().into())
        );
        page
    }

    fn say(&mut self, object: &Value) {
        self.0.send(Message::text(object.to_string())).unwrap();
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let message = self.0.read().unwrap();
        let Message::Text(text) = message else { panic!("{message:?}") };
        serde_json::from_str(&text).unwrap()
    }

    /// The next message of this kind; pushes and signals may come between.
    #[track_caller]
    fn hear_of(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear();
            if heard[kind].is_object() {
                return heard;
            }
            assert!(heard["push"].is_object() || heard["signal"].is_object(), "{heard}");
        }
    }

    /// The code and the reason of the close, behind other messages.
    #[track_caller]
    fn closed(&mut self) -> (u16, String) {
        websocket::closed(&mut self.0, Message::is_text)
    }
}

#[test]
fn a_page_and_a_peer_over_tcp_talk() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let (mut seven, mut eight) = (Page::logged_in(&gateway, 7), Peer::logged_in(&gateway, 8, 1));
    let long = "ü\n\"".repeat(8_000);
    for (nth, text) in ["hello", "", "\u{1f600}", &long].into_iter().enumerate() {
        let client_msg_id = uuid(nth as u128);
        let send = json!({"to": "8", "client_msg_id": client_msg_id, "text": text});
        seven.say(&json!({"id": 3, "send": send}));
        let ack = seven.hear_of("send_ack");
        assert_eq!((&ack["id"], &ack["send_ack"]["seq"]), (&3.into(), &(nth + 1).into()));
        let (_, message) = eight.pushed();
        assert_eq!(message.body, text.as_bytes());
        assert_eq!(message.message_id.to_string(), ack["send_ack"]["message_id"]);
        eight.say(&framed(0, frames::PushAck { inbox_seq: message.inbox_seq }));
    }
    for (random, body, key, said) in
        [(10, &b"back"[..], "text", "back"), (11, &[0, 0xff], "body", "AP8=")]
    {
        eight.say(&send(4, (8, 7), id(random), body));
        eight.acked();
        let push = seven.hear_of("push");
        let message = &push["push"]["message"];
        assert_eq!((&message["sender"], &message[key]), (&"8".into(), &said.into()));
        assert_eq!(message["conversation"], json!({"kind": 1, "a": "8", "b": "7"}));
        seven.say(&json!({"push_ack": {"inbox_seq": message["inbox_seq"]}}));
    }
    assert_eq!(gateway.metric("longline_upgrades_total"), 1);
}

#[test]
fn who_types_is_seen() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let (mut seven, mut eight) = (Page::logged_in(&gateway, 7), Page::logged_in(&gateway, 8));
    seven.say(&json!({"signal": {"to": "8", "kind": 2}}));
    let conversation = json!({"kind": 1, "a": "8", "b": "7"});
    let typing = json!({"conversation": conversation, "uid": "7", "ttl_ms": 6_000, "kind": 2});
    assert_eq!(eight.hear(), json!({"signal": typing}));
}

#[test]
fn pages_and_chats_are_there() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let (mut seven, mut eight) = (Page::logged_in(&gateway, 7), Page::logged_in(&gateway, 8));
    let client_msg_id = uuid(1);
    let send = json!({"to": "8", "client_msg_id": client_msg_id, "text": "hello"});
    seven.say(&json!({"id": 2, "send": send}));
    seven.hear_of("send_ack");
    eight.hear_of("push");
    let mut ask = |request: Value, kind: &str| {
        eight.say(&request);
        let mut heard = eight.hear_of(kind);
        assert_eq!(heard["id"], request["id"]);
        heard[kind].take()
    };
    let page = ask(json!({"id": 3, "sync": {"cursor": 0, "limit": 10}}), "sync_page");
    assert_eq!((&page["messages"][0]["text"], &page["inbox_tail"]), (&"hello".into(), &1.into()));
    let page = ask(json!({"id": 4, "history": {"to": "7", "limit": 10}}), "history_page");
    assert_eq!(page["messages"][0]["client_msg_id"], client_msg_id);
    let page = ask(json!({"id": 5, "chats": {"limit": 10}}), "chats_page");
    assert_eq!(
        (&page["chats"][0]["unread"], &page["chats"][0]["read_seq"]),
        (&1.into(), &0.into())
    );
    let chat = ask(json!({"id": 6, "mark_read": {"to": "7", "seq": 1}}), "chat_reply");
    assert_eq!((&chat["unread"], &chat["is_hidden"]), (&0.into(), &false.into()));
    let chat = ask(json!({"id": 7, "hide_chat": {"to": "7"}}), "chat_reply");
    assert_eq!(chat["is_hidden"], true);
    let head = ask(json!({"id": 8, "heartbeat": {"time_ms": 5}}), "heartbeat_reply");
    // The message, what was read, what was hidden.
    assert_eq!((&head["time_ms"], &head["inbox_head"]), (&5.into(), &3.into()));
    assert!(head["server_time_ms"].as_u64().unwrap() > 1_700_000_000_000);
    let until = ask(json!({"id": 9, "renew": {"token": gateway.token(8)}}), "renew_reply");
    assert!(until["until_ms"].is_u64());
    let conversation = json!({"kind": 1, "a": "8", "b": "7"});
    let read = json!({"conversation": conversation, "uid": "8", "seq": 1, "kind": 1});
    assert_eq!(seven.hear_of("signal")["signal"], read, "the peer has read");
    seven.say(&json!({"id": 3, "chats": {"limit": 10}}));
    assert_eq!(seven.hear_of("chats_page")["chats_page"]["peer_read_seqs"], json!([1]));
}

#[test]
fn what_is_said_wrong_is_refused_under_its_id() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let mut page = Page::logged_in(&gateway, 7);
    let mut refused = |request: Value, code: u16, words: &str| {
        page.say(&request);
        let heard = page.hear();
        assert_eq!((&heard["id"], &heard["refusal"]["code"]), (&request["id"], &code.into()));
        let text = heard["refusal"]["text"].as_str().unwrap();
        assert!(text.starts_with(words) && text.len() <= 256, "{text}");
    };
    let send = json!({"to": "8", "client_msg_id": uuid(1), "text": "hi", "urgent": true});
    refused(json!({"id": 3, "send": send}), 27, "send: unknown key `urgent`");
    refused(json!({"id": 4, "ü".repeat(300): {}}), 27, "unknown request `üü");
    refused(
        json!({"id": 5, "sync": {"cursor": "0", "limit": 1}}),
        27,
        "sync: cursor: invalid type",
    );
    let send = json!({"to": "8", "client_msg_id": uuid(1), "text": "x".repeat(32_769)});
    refused(json!({"id": 6, "send": send}), 14, "the body is over 32768 bytes");
    let send = json!({"to": "8", "client_msg_id": uuid(1), "text": "x".repeat(100_000)});
    refused(json!({"id": 7, "send": send}), 14, "the request is over 65536 bytes");
    let send = json!({"to": "7", "client_msg_id": uuid(1), "text": "to myself"});
    refused(json!({"id": 8, "send": send}), 15, "there is no such conversation");
    refused(json!({"id": 9, "logout": {"generation": 1}}), 19, "a value is out of its range");
    assert_eq!(gateway.metric("longline_refusals_total{code=\"unsupported\"}"), 3);
}

#[test]
fn an_end_has_a_code_and_words() {
    let (gateway, _dir) = Gateway::in_new_dir(&["--login-timeout-ms", "1000"]);
    let ends = |says: Message| {
        let mut page = Page::open(&gateway, None).unwrap();
        page.0.send(says).unwrap();
        page.closed()
    };
    let (code, reason) = ends(Message::text("hello"));
    assert!(code == 1007 && reason.contains("one JSON object"), "{code} {reason}");
    let (code, reason) = ends(Message::binary(vec![0; 24]));
    assert!(code == 1003 && reason.contains("text"), "{code} {reason}");
    let (code, reason) = ends(Message::text(" ".repeat(4_097)));
    assert!(code == 1009 && reason.contains("4096"), "{code} {reason}");
    let login =
        |more: &str| format!(r#"{{"id":1,"login":{{"token":"no token","device":"1"{more}}}}}"#);
    assert_eq!(ends(Message::text(login(""))), (4004, "BadToken".to_owned()));
    assert_eq!(ends(Message::text(login(r#","x":1"#))), (4027, "Unsupported".to_owned()));
    let first = Message::text(r#"{"id":1,"chats":{"limit":1}}"#);
    assert_eq!(ends(first), (4003, "NotLoggedIn".to_owned()));
    let mut silent = Page::open(&gateway, None).unwrap();
    assert_eq!(silent.closed(), (4020, "LoginTimeout".to_owned()));
    let mut old = Page::logged_in(&gateway, 7);
    let mut new = Page::logged_in(&gateway, 7);
    let end = old.hear_of("session_end");
    assert_eq!(
        (&end["session_end"]["name"], &end["session_end"]["next"]),
        (&"SessionReplaced".into(), &2.into())
    );
    assert_eq!(old.closed(), (4017, "SessionReplaced".to_owned()));
    new.say(&json!({"id": 1, "login": {"token": gateway.token(7), "device": "1"}}));
    assert_eq!(new.closed(), (4001, "Malformed".to_owned()), "once");
}

#[test]
fn a_page_of_a_foreign_origin_is_not_let_in() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    assert_eq!(Page::open(&gateway, Some("https://evil.example")).err(), Some(403));
    let own: &'static str = format!("http://{}", gateway.listen).leak();
    assert!(Page::open(&gateway, Some(own)).is_ok());
}
