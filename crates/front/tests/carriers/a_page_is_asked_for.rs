//! A request for something else than a WebSocket: it is handed over whole, once, and nothing more is heard; or it is refused
//! with a status, and what is not whole costs no more than its bounds.

use crate::scene::{Kept, Scene, request};
use front::{ASKED_BODY_BYTES_MAX, Carrier, Fault, Method};
use wire::RefusalCode;

/// What is heard of a request, behind what it speaks.
#[track_caller]
fn heard(bytes: &str) -> Vec<Kept> {
    let mut scene = Scene::with_pages();
    scene.hear(bytes.as_bytes());
    assert_eq!(scene.heard.remove(0), Kept::Speaks(Carrier::Http));
    let count = scene.heard.len();
    scene.hear(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((scene.heard.len(), scene.part(None)), (count, vec![]), "nothing more");
    scene.heard
}

/// The status with which it is refused, and why.
#[track_caller]
fn refused(bytes: &str) -> (String, Fault) {
    match &heard(bytes)[..] {
        [Kept::Say(answer), Kept::Broken(fault)] => (answer[9..12].to_owned(), *fault),
        other => panic!("{bytes}: {other:?}"),
    }
}

fn asks(method: Method, path: &str, body: &str) -> Vec<Kept> {
    vec![Kept::Asks(method, path.to_owned(), "im.example".to_owned(), body.into())]
}

fn post(body: &str, more: &str) -> String {
    format!(
        "POST /v1/dev-token HTTP/1.1\r\nHost: im.example\r\nContent-Type: application/json\r\n{more}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_in_order_is_handed_over_once() {
    let get = "GET /app.js HTTP/1.1\r\nHost: im.example\r\n\r\n";
    assert_eq!(heard(get), asks(Method::Get, "/app.js", ""));
    assert_eq!(heard(&get.replace("GET", "HEAD")), asks(Method::Head, "/app.js", ""));
    assert_eq!(heard(&get.repeat(2)), asks(Method::Get, "/app.js", ""), "one a connection");
    let own = get.replace("\r\n\r\n", "\r\nOrigin: http://im.example\r\n\r\n");
    assert_eq!(heard(&own), asks(Method::Get, "/app.js", ""));
    assert_eq!(heard(&post("{}", "")), asks(Method::Post, "/v1/dev-token", "{}"));
    assert_eq!(heard(&post("", "")), asks(Method::Post, "/v1/dev-token", ""));
    let most = "x".repeat(ASKED_BODY_BYTES_MAX);
    let typed = post(&most, "").replace("json", "JSON; charset=utf-8");
    assert_eq!(heard(&typed), asks(Method::Post, "/v1/dev-token", &most));
}

#[test]
fn a_body_comes_in_pieces() {
    let mut scene = Scene::with_pages();
    let bytes = post(r#"{"uid":"7"}"#, "");
    for byte in bytes.as_bytes() {
        assert_eq!(scene.heard.iter().filter(|it| matches!(it, Kept::Asks(..))).count(), 0);
        scene.hear(&[*byte]);
    }
    assert_eq!(scene.heard[1..], asks(Method::Post, "/v1/dev-token", r#"{"uid":"7"}"#));
}

#[test]
fn what_is_not_in_order_is_refused() {
    let with = |line: &str| format!("GET / HTTP/1.1\r\nHost: im.example\r\n{line}\r\n");
    let get = with("");
    let body = post("{}", "");
    let large = post(&"x".repeat(ASKED_BODY_BYTES_MAX + 1), "");
    for (bytes, status) in [
        (get.replace("GET", "PUT"), "405"),
        (get.replace("GET", "DELETE"), "405"),
        (get.replace("HTTP/1.1", "HTTP/1.0"), "505"),
        (get.replace("Host: im.example\r\n", ""), "400"),
        (with("Host: other\r\n"), "400"),
        (with("Content-Length: 0\r\n"), "400"),
        (with("Transfer-Encoding: chunked\r\n"), "400"),
        (body.replace("Content-Length: 2\r\n", ""), "400"),
        (body.replace("Length: 2", "Length: +2"), "400"),
        (body.replace("Length: 2", "Length: "), "400"),
        (body.replace("Length: 2", "Length: 0x2"), "400"),
        (body.replace("Length: 2", "Length: 99999999999999999999999"), "413"),
        (post("{}", "Content-Length: 2\r\n"), "400"),
        (post("{}", "Transfer-Encoding: chunked\r\n"), "400"),
        (large, "413"),
        (body.replace("application/json", "text/plain"), "415"),
        (body.replace("Content-Type", "X-Type"), "415"),
    ] {
        assert_eq!(refused(&bytes), (status.to_owned(), Fault::Http), "{bytes}");
    }
    // Where a WebSocket is, nothing else is.
    assert_eq!(refused(&body.replace("/v1/dev-token", "/v1/ws")).0, "405");
    assert_eq!(refused(&get.replace("GET /", "GET /v1/ws")).0, "426");
}

#[test]
fn only_a_page_of_the_same_host_may_ask() {
    for origin in ["https://evil.example", "null", "http://im.example:81", "file://"] {
        let more = format!("Origin: {origin}\r\n");
        let get = format!("GET / HTTP/1.1\r\nHost: im.example\r\n{more}\r\n");
        for bytes in [get, post("{}", &more)] {
            assert_eq!(refused(&bytes), ("403".to_owned(), Fault::Origin), "{bytes}");
        }
    }
    let listed = post("{}", "Origin: https://app.example\r\n");
    for origins in ["https://app.example", "*"] {
        let mut scene = Scene::with_pages();
        scene.origins = vec![origins.to_owned()];
        scene.hear(listed.as_bytes());
        assert_eq!(scene.heard.last(), Some(&Kept::Broken(Fault::Origin)), "it may open a socket");
    }
}

#[test]
fn a_websocket_is_there_beside_pages() {
    let mut scene = Scene::with_pages();
    scene.hear(request("").as_bytes());
    assert_eq!(scene.heard.last(), Some(&Kept::Speaks(Carrier::WebSocket)));
}

#[test]
fn without_pages_there_are_none() {
    for bytes in [post("{}", "").as_str(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut scene = Scene::default();
        scene.hear(bytes.as_bytes());
        assert_eq!(scene.heard.last(), Some(&Kept::Broken(Fault::Http)));
    }
}

#[test]
fn a_body_that_does_not_come_in_time_is_told_so() {
    let mut scene = Scene::with_pages();
    let bytes = post("{}", "");
    scene.hear(&bytes.as_bytes()[..bytes.len() - 1]);
    let answer = String::from_utf8(scene.part(Some(RefusalCode::LoginTimeout))).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(scene.part(Some(RefusalCode::LoginTimeout)), b"", "once");
}
