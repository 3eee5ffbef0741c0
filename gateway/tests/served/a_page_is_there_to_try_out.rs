//! A browser on this machine gets the chat page and a token, and with it a session, on the port of all clients; pages of other
//! hosts get none; where a key is configured there is no page. A real gateway.

use crate::process::{Gateway, PATIENCE};
use crate::websocket;
use std::io::{Read, Write};
use std::net::TcpStream;

/// The answer to a request.
fn answered(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway.listen).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(path: &str, host: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

fn post(host: &str, more: &str) -> String {
    let body = r#"{"uid":"7"}"#;
    format!(
        "POST /v1/dev-token HTTP/1.1\r\nHost: {host}\r\n{more}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_page_gets_a_token_that_logs_in() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &[]);
    let host = gateway.listen.to_string();
    let page = answered(&gateway, &get("/", &host));
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{page}");
    assert!(page.contains("/app.js"), "{page}");
    let script = answered(&gateway, &get("/app.js", &host));
    assert!(script.ends_with(include_str!("../../assets/app.js")));
    let answer = answered(&gateway, &post(&host, &format!("Origin: http://{host}\r\n")));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    let made: serde_json::Value = serde_json::from_str(body).unwrap();
    let login = format!(
        "{{\"id\":1,\"login\":{{\"token\":{},\"device\":\"5\",\"from_head\":true}}}}",
        made["token"]
    );
    let headers = [("Sec-WebSocket-Protocol", "longline.v1.json")];
    let (mut socket, _) = websocket::open(&gateway, None, &headers).unwrap();
    socket.send(tungstenite::Message::text(login)).unwrap();
    socket.read().unwrap();
    let reply = socket.read().unwrap();
    assert!(reply.to_text().unwrap().contains(r#""uid":"7""#), "{reply}");
}

#[test]
fn a_page_of_another_host_gets_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path(), &["--origins", "https://app.example"]);
    let port = gateway.listen.port();
    let own = format!("127.0.0.1:{port}");
    let evil = format!("evil.example:{port}");
    for request in [
        post(&evil, &format!("Origin: http://{evil}\r\n")),
        post(&evil, ""),
        post(&own, &format!("Origin: http://{evil}\r\n")),
        post(&own, "Origin: null\r\n"),
        post(&own, "Origin: https://app.example\r\n"),
    ] {
        let answer = answered(&gateway, &request);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{request}\n{answer}");
        assert!(!answer.contains("token\":"), "{answer}");
    }
}

#[test]
fn with_a_key_there_is_no_page_unless_it_is_wanted() {
    let (dir, keys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = keys.path().join("key");
    std::fs::write(&key, [b'k'; 32]).unwrap();
    let key = key.to_str().unwrap();
    let gateway = Gateway::start(dir.path(), &["--jwt-hs256-key-file", key]);
    assert!(answered(&gateway, &get("/", "localhost")).starts_with("HTTP/1.1 404 "));
    drop(gateway);
    let gateway = Gateway::start(dir.path(), &["--jwt-hs256-key-file", key, "--pages", "true"]);
    assert!(answered(&gateway, &get("/", "localhost")).starts_with("HTTP/1.1 200 "));
    assert!(answered(&gateway, &post("localhost", "")).starts_with("HTTP/1.1 404 "));
}
