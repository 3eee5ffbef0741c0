//! A client that calls over HTTP, request by request, on a connection that stays.

use super::process::{Gateway, PATIENCE};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// One connection.
pub struct Caller {
    stream: BufReader<TcpStream>,
}

/// What is answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The lines of its head, in lower case.
    pub head: String,
    pub body: Value,
}

impl Caller {
    /// Connects, and says nothing.
    pub fn connect(gateway: &Gateway) -> Self {
        Self::connect_to(gateway.listen)
    }

    /// Connects to another address.
    pub fn connect_to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Says bytes, if anybody is there to hear them.
    pub fn say(&mut self, bytes: &str) {
        let _ = self.stream.get_mut().write_all(bytes.as_bytes());
    }

    /// Calls with a token, and does not wait for the answer.
    pub fn calls(&mut self, (token, line): (&str, &str), body: &str) {
        let length = match body.len() {
            0 => String::new(),
            length => format!("Content-Length: {length}\r\n"),
        };
        self.say(&format!(
            "{line} HTTP/1.1\r\nHost: im.example\r\nAuthorization: Bearer {token}\r\n{length}\r\n{body}"
        ));
    }

    /// Calls, and is answered.
    pub fn call(&mut self, call: (&str, &str), body: &str) -> Answer {
        self.calls(call, body);
        self.answer().expect("an answer")
    }

    /// The next answer; none: the connection ended.
    pub fn answer(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head).ok().filter(|read| *read > 0).is_none() {
                assert_eq!(head, "", "an answer is whole");
                return None;
            }
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).unwrap();
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Some(Answer { status: head[9..12].parse().unwrap(), head, body })
    }
}
