//! A text that stands for no frame is refused with words that name what is wrong, under its id if that can be read; nothing
//! panics, whatever it is.

use crate::forms::bytes;
use wire::{BODY_BYTES_MAX, Bytes, Kind, RefusalCode, frames};

const ID: &str = "0197c1f0-2a33-7d0e-8a5b-3c1d2e4f5a6b";

/// The words about a text with id 3.
#[track_caller]
fn told(text: &str) -> String {
    let unclear = bytes(text).expect_err(text);
    assert_eq!(unclear.request_id, Some(3), "{text}");
    assert_eq!(unclear.code, RefusalCode::Unsupported);
    unclear.text
}

#[test]
fn what_is_wrong_is_named() {
    for (request, words) in [
        (r#""sand":{}"#, "unknown request `sand`"),
        (r#""hello":{}"#, "unknown request `hello`"),
        (r#""sync":{"cursor":0,"limit":1,"rows":1}"#, "sync: unknown key `rows`"),
        (r#""sync":{"cursor":0}"#, "sync: `limit` is missing"),
        (r#""sync":{"cursor":0,"limit":1,"limit":1}"#, "sync: limit: is said twice"),
        (
            r#""sync":{"cursor":0,"limit":"1"}"#,
            "sync: limit: invalid type: string \"1\", expected a whole number from 0 to 4294967295",
        ),
        (
            r#""sync":{"cursor":9007199254740992,"limit":1}"#,
            "sync: cursor: invalid value: integer `9007199254740992`, expected a whole number from 0 to 9007199254740991",
        ),
        (
            r#""sync":{"cursor":-1,"limit":1}"#,
            "sync: cursor: invalid type: integer `-1`, expected a whole number",
        ),
        (r#""sync":{"cursor":1.0,"limit":1}"#, "sync: cursor: invalid type: floating point `1.0`"),
        (r#""sync":{"cursor":1e3,"limit":1}"#, "sync: cursor: invalid type: floating point"),
        (r#""sync":{"cursor":0,"limit":4294967296}"#, "sync: limit: invalid value"),
        (r#""sync":[]"#, "sync: invalid type: sequence, expected an object"),
        (r#""sync":null"#, "sync: invalid type: null, expected an object"),
        (r#""sync":{},"chats":{}"#, "sync: `cursor` is missing"),
        (r#""push_ack":{"inbox_seq":1},"chats":{}"#, "chats: a message is one request"),
        (
            r#""history":{"to":8,"limit":1}"#,
            "history: to: invalid type: integer `8`, expected a number in decimal, in quotes",
        ),
        (r#""history":{"to":"08","limit":1}"#, "history: to: invalid value: string \"08\""),
        (r#""history":{"to":"+8","limit":1}"#, "history: to: invalid value"),
        (r#""history":{"to":"","limit":1}"#, "history: to: invalid value"),
        (r#""history":{"to":"18446744073709551616","limit":1}"#, "history: to: invalid value"),
        (
            r#""history":{"to":"8","conversation":{"kind":1,"a":"8","b":"7"},"limit":1}"#,
            "history: conversation: is said twice",
        ),
        (r#""history":{"limit":1}"#, "history: `conversation` or `to` is missing"),
        (
            r#""history":{"conversation":{"kind":256,"a":"8"},"limit":1}"#,
            "history: conversation: kind: invalid value",
        ),
        (
            r#""login":{"token":"t","device":"1","from_head":1}"#,
            "login: from_head: invalid type: integer `1`, expected a boolean",
        ),
        (r#""login":{"token":"t"}"#, "login: `device` is missing"),
        (r#""renew":{"token":["t"]}"#, "renew: token: invalid type: sequence, expected a string"),
    ] {
        for text in [format!("{{\"id\":3,{request}}}"), format!("{{{request},\"id\":3}}")] {
            let told = told(&text);
            assert!(told.starts_with(words), "{text}\n{told}");
        }
    }
    assert!(told(r#"{"id":3}"#).starts_with("the request is missing"));
    assert!(told(r#"{"id":3,"id":3,"sync":{}}"#).starts_with("id: is said twice"));
    assert!(told(r#"{"id":3,"push_ack":{"inbox_seq":1}} {}"#).starts_with("trailing characters"));
    assert!(told(r#"{"id":3,"push_ack":{"inbox_seq":1},"#).contains("EOF"));
}

fn send(more: &str) -> String {
    format!(r#"{{"id":3,"send":{{"to":"8","client_msg_id":"{ID}"{more}}}}}"#)
}

#[test]
fn a_body_is_said_once() {
    let sent = |more: &str| told(&send(more));
    assert!(sent("").starts_with("send: `body` or `text` is missing"));
    assert!(sent(r#","text":"a","body":"YQ==""#).starts_with("send: body: is said twice"));
    assert!(
        sent(r#","body":"YQ""#)
            .starts_with("send: body: invalid value: string \"YQ\", expected base64")
    );
    assert!(sent(r#","body":"Y-Q=""#).starts_with("send: body: invalid value"));
    assert!(sent(r#","text":"\ud800""#).starts_with("send: text: "));
    for id in ["", "1", &ID.replace('-', ""), &format!("{{{ID}}}"), &ID.replace('f', "g")] {
        let text = send(r#","text":"a""#).replace(ID, id);
        assert!(told(&text).starts_with("send: client_msg_id: invalid value"), "{id}");
    }
}

#[test]
fn to_is_the_chat_with_a_user() {
    let frame = bytes(&send(r#","text":"a""#)).unwrap();
    let id = u128::from_str_radix(&ID.replace('-', ""), 16).unwrap().to_be_bytes();
    for (to, (a, b)) in [("8", (8, 7)), ("6", (7, 6)), ("7", (7, 7)), ("0", (7, 0))] {
        let mut expected = Vec::new();
        let conversation = frames::Conversation { kind: 1, a, b };
        let (kind, flags, body) = (1, 0, Bytes::from_static(b"a"));
        let said = frames::Send { conversation, client_msg_id: id, kind, flags, body };
        wire::encode(&mut expected, 3, said);
        let text = send(r#","text":"a""#).replace("\"8\"", &format!("\"{to}\""));
        assert_eq!(bytes(&text).unwrap(), expected);
    }
    assert_eq!(frame[4], Kind::Send as u8);
}

#[test]
fn without_an_id_nothing_is_refused_but_the_message() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        "3",
        "\"id\"",
        "{}",
        "{\"id\":}",
        "{'id':3}",
        "\u{feff}{}",
        "nonsense",
        "{\"id\":\"3\",\"sync\":{}}",
        "{\"id\":-3,\"sync\":{}}",
        "{\"id\":3.5,\"sync\":{}}",
        "{\"sync\":{},\"id\":null}",
        "{\"id\":9007199254740992,\"sync\":{}}",
        "{\"sync\":{\"id\":3}}",
    ] {
        assert_eq!(bytes(text).expect_err(text).request_id, None, "{text}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    for open in ["[", "{\"a\":", "{\"id\":3,\"sync\":{\"cursor\":["] {
        let deep = open.repeat(100_000 / open.len());
        assert!(bytes(&deep).is_err());
    }
    let deep = format!("{{\"a\":{}{},\"id\":3}}", "[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(bytes(&deep).expect_err("deep").request_id, Some(3), "it is skipped");
    // One that is too large for a message is the server's to refuse; for a frame, it is not one.
    let body = |size: usize| send(&format!(",\"text\":\"{}\"", "x".repeat(size)));
    assert!(bytes(&body(BODY_BYTES_MAX + 1)).is_ok());
    let unclear = bytes(&body(100_000)).expect_err("no frame holds it");
    assert_eq!((unclear.request_id, unclear.code), (Some(3), RefusalCode::BodyTooLarge));
}
