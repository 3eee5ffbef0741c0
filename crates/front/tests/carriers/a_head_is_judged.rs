//! What a request must say to become a WebSocket, and what it is answered if it does not: a status and a text, once, and
//! nothing more is heard.

use crate::scene::{Kept, Scene, frame, masked, request};
use front::{Carrier, Fault, HEAD_BYTES_MAX, HEADERS_MAX};
use wire::RefusalCode;

/// The status of the answer, and what was broken.
#[track_caller]
fn answered(head: &str, origins: &[&str]) -> (String, Option<Fault>) {
    let mut scene = Scene::default();
    scene.origins = origins.iter().map(|it| (*it).to_owned()).collect();
    scene.hear(head.as_bytes());
    let [Kept::Speaks(Carrier::Http), Kept::Say(answer), last] = &scene.heard[..] else {
        panic!("{:?}", scene.heard)
    };
    let status = answer.strip_prefix("HTTP/1.1 ").unwrap()[..3].to_owned();
    let (last, answer) = (last.clone(), answer.clone());
    if let Kept::Broken(fault) = last {
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", text.len())), "{answer}");
        assert!(head.contains("Connection: close"), "{answer}");
        scene.hear(&masked(0x82, &frame(1)));
        assert_eq!((scene.heard.len(), scene.part(None)), (3, vec![]), "nothing more");
        return (status, Some(fault));
    }
    assert_eq!(last, Kept::Speaks(Carrier::WebSocket));
    (status, None)
}

#[test]
fn a_request_in_order_becomes_a_websocket() {
    let mut scene = Scene::default();
    scene.hear(request("").as_bytes());
    // The key and its answer are those of RFC 6455.
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                  Sec-WebSocket-Protocol: longline.v1\r\n\r\n";
    assert_eq!(scene.heard[1], Kept::Say(answer.to_owned()));
    scene.hear(&masked(0x82, &frame(9)));
    assert_eq!(scene.heard.last(), Some(&Kept::Frame(Ok(9))));
}

#[test]
fn what_is_not_in_order_is_told_what_it_lacks() {
    let without = |line: &str| {
        let lines = request("");
        lines.split_inclusive("\r\n").filter(|it| !it.starts_with(line)).collect::<String>()
    };
    let with = |from: &str, to: &str| request("").replace(from, to);
    for (head, status) in [
        (with("GET /v1/ws", "POST /v1/ws"), "405"),
        (with("GET /v1/ws", "GET /"), "404"),
        (with("GET /v1/ws", "GET /v1/ws?token=x"), "404"),
        (with("HTTP/1.1", "HTTP/1.0"), "505"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "505"),
        (without("Host"), "400"),
        (request("Host: other\r\n"), "400"),
        (without("Upgrade"), "426"),
        (without("Connection"), "426"),
        (with("Version: 13", "Version: 8"), "426"),
        (without("Sec-WebSocket-Key"), "400"),
        (with("ZQ==", "ZQ=="), "101"),
        (with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ"), "400"),
        (with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j!Q=="), "400"),
        (without("Sec-WebSocket-Protocol"), "400"),
        (with("chat, longline.v1", "chat, longline.v2"), "400"),
        (with("chat, longline.v1", "chat\r\nSec-WebSocket-Protocol: longline.v1"), "101"),
        (request("Content-Length: 0\r\n"), "400"),
        (request("Transfer-Encoding: chunked\r\n"), "400"),
        (request("Sec-WebSocket-Extensions: permessage-deflate\r\n"), "101"),
        (request("X-Folded: a\r\n b\r\n"), "400"),
        (request("X-Space : a\r\n"), "400"),
        (with("Host: im.example\r\n", "Host: im.example\n"), "400"),
        (request("").replace("\r\n", "\n"), "400"),
    ] {
        let fault = (status != "101").then_some(Fault::Http);
        assert_eq!(answered(&head, &[]), (status.to_owned(), fault), "{head}");
    }
}

#[test]
fn a_page_of_a_foreign_origin_gets_nothing() {
    let from = |origin: &str| request(&format!("Origin: {origin}\r\n"));
    let refused = ("403".to_owned(), Some(Fault::Origin));
    let agreed = ("101".to_owned(), None);
    assert_eq!(answered(&from("https://im.example"), &[]), agreed);
    assert_eq!(answered(&from("https://evil.example"), &[]), refused);
    assert_eq!(answered(&from("null"), &["https://app.example"]), refused);
    assert_eq!(answered(&from("https://app.example"), &["https://app.example"]), agreed);
    assert_eq!(answered(&from("https://evil.example"), &["*"]), agreed);
    let twice = request("Origin: https://im.example\r\nOrigin: https://evil.example\r\n");
    assert_eq!(answered(&twice, &[]).0, "400");
}

#[test]
fn a_head_is_bounded() {
    let lines = |count: usize| request(&"X: y\r\n".repeat(count));
    let own = lines(0).matches(": ").count();
    assert_eq!(answered(&lines(HEADERS_MAX - own), &[]).0, "101");
    assert_eq!(answered(&lines(HEADERS_MAX - own + 1), &[]).0, "431");
    let long = |bytes: usize| {
        let more = bytes - lines(0).len() - "X: \r\n".len();
        request(&format!("X: {}\r\n", "y".repeat(more)))
    };
    assert_eq!(answered(&long(HEAD_BYTES_MAX), &[]).0, "101");
    assert_eq!(answered(&long(HEAD_BYTES_MAX + 1), &[]).0, "431");
    assert_eq!(answered(&format!("GET /{}", "y".repeat(HEAD_BYTES_MAX)), &[]).0, "431");
}

#[test]
fn what_is_neither_frames_nor_http_is_closed_at_once() {
    let mut scene = Scene::default();
    scene.hear(&[0x16, 3, 1, 2]);
    assert_eq!(scene.heard, [Kept::Broken(Fault::Tls)]);
    assert_eq!(scene.part(None), b"");
    let mut scene = Scene::default();
    scene.hear(b"hell");
    assert!(matches!(scene.heard[..], [Kept::Frame(Err(_))]), "{:?}", scene.heard);
}

#[test]
fn a_head_that_does_not_come_in_time_is_told_so() {
    for (why, status) in [(RefusalCode::LoginTimeout, "408"), (RefusalCode::Draining, "503")] {
        let mut scene = Scene::default();
        scene.hear(b"GET /v1/ws HTTP/1.1\r\nHost: ");
        let answer = String::from_utf8(scene.part(Some(why))).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert_eq!(scene.part(Some(why)), b"", "once");
    }
}
