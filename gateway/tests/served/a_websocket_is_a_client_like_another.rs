//! A client over WebSocket logs in, sends, is pushed to and is told why it ends as one over TCP is, on the same port; what is
//! neither is closed for a counted reason. A real gateway, and tungstenite at the other end.

use crate::peer::{Peer, framed, hello, id, login, send};
use crate::process::{Gateway, PATIENCE};
use crate::websocket;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpStream;
use tungstenite::{Message, WebSocket};
use wire::{FRAME_BYTES_MAX, FrameBuffer, RawFrame, RefusalCode, Scratch, frames};

/// One connection.
struct Socket {
    socket: WebSocket<TcpStream>,
    generation: u64,
}

impl Socket {
    /// A page of this origin connects; else the status of what it is answered.
    fn open(gateway: &Gateway, origin: Option<&'static str>) -> Result<Self, u16> {
        let headers = [
            ("Sec-WebSocket-Protocol", "longline.v1"),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ];
        let (socket, response) = websocket::open(gateway, origin, &headers)?;
        assert!(!response.headers().contains_key("Sec-WebSocket-Extensions"));
        Ok(Self { socket, generation: 0 })
    }

    fn logged_in(gateway: &Gateway, uid: u64) -> Self {
        let mut socket = Self::open(gateway, None).unwrap();
        socket.say(&[hello(), login(&gateway.token(uid), 1)].concat());
        socket.hear(|frame| frame.read::<frames::HelloReply>().unwrap());
        let reply = socket.hear(|frame| frame.read::<frames::LoginReply>().unwrap());
        socket.generation = reply.generation;
        socket
    }

    fn say(&mut self, frames: &[u8]) {
        self.socket.send(Message::binary(frames.to_vec())).unwrap();
    }

    /// What `take` makes of the next frame, which is a message.
    #[track_caller]
    fn hear<T>(&mut self, take: impl FnOnce(&RawFrame<'_>) -> T) -> T {
        let message = self.socket.read().unwrap();
        let Message::Binary(bytes) = message else { panic!("{message:?}") };
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(&bytes, FRAME_BYTES_MAX);
        let heard = take(&frames.next(&mut scratch).expect("it is whole").unwrap());
        assert!(frames.next(&mut scratch).is_none(), "a message is a frame");
        heard
    }

    /// The code and the reason of the close, behind other messages.
    #[track_caller]
    fn closed(&mut self) -> (u16, String) {
        websocket::closed(&mut self.socket, Message::is_binary)
    }
}

fn closes(gateway: &Gateway, reason: &str) -> u64 {
    gateway.metric(&format!("longline_closes_total{{reason=\"{reason}\"}}"))
}

#[test]
fn messages_go_both_ways_between_a_websocket_and_tcp() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let (mut seven, mut eight) = (Socket::logged_in(&gateway, 7), Peer::logged_in(&gateway, 8, 1));
    for size in [1, 100, 2_000, 32_768] {
        let body = vec![b'x'; size];
        seven.say(&send(3, (7, 8), id(size as u128), &body));
        // Its own push may come first.
        let mut pushed = 0;
        loop {
            let is_ack = seven.hear(|frame| {
                if let Ok(push) = frame.read::<frames::Push>() {
                    assert_eq!(push.message.body, body);
                    pushed = push.message.inbox_seq;
                }
                frame.read::<frames::SendAck>().is_ok()
            });
            if is_ack {
                break;
            }
        }
        let (_, message) = eight.pushed();
        assert_eq!(message.body, body);
        eight.say(&framed(0, frames::PushAck { inbox_seq: message.inbox_seq }));
        if pushed > 0 {
            seven.say(&framed(0, frames::PushAck { inbox_seq: pushed }));
        }
    }
    eight.say(&send(4, (8, 7), id(1), b"back"));
    eight.acked();
    let said = seven.hear(|frame| frame.read::<frames::Push>().unwrap().message.body);
    assert_eq!(said, b"back"[..]);
    assert_eq!(gateway.metric("longline_upgrades_total"), 1);
}

#[test]
fn an_end_has_a_code() {
    let (gateway, _dir) = Gateway::in_new_dir(&["--login-timeout-ms", "1000"]);
    let mut bad = Socket::open(&gateway, None).unwrap();
    bad.say(&[hello(), login("no token", 1)].concat());
    assert_eq!(bad.closed(), (4004, "BadToken".to_owned()));
    let mut old = Socket::logged_in(&gateway, 7);
    let mut new = Socket::logged_in(&gateway, 7);
    assert_eq!(old.closed(), (4017, "SessionReplaced".to_owned()));
    let generation = new.generation;
    new.say(&framed(3, frames::Logout { generation }));
    new.hear(|frame| frame.read::<frames::LogoutReply>().unwrap());
    assert_eq!(new.closed().0, 1000);
    let mut silent = Socket::open(&gateway, None).unwrap();
    assert_eq!(silent.closed(), (4020, "LoginTimeout".to_owned()));
    let mut large = Socket::open(&gateway, None).unwrap();
    large.say(&vec![0; wire::FRAME_BEFORE_LOGIN_BYTES_MAX + 1]);
    assert_eq!(large.closed().0, 1009);
    let mut text = Socket::open(&gateway, None).unwrap();
    text.socket.send(Message::text("{}")).unwrap();
    assert_eq!(text.closed().0, 1003);
    let mut leaving = Socket::logged_in(&gateway, 7);
    leaving.socket.close(None).unwrap();
    assert!(matches!(leaving.socket.read().unwrap(), Message::Close(_)));
    let mut staying = Socket::logged_in(&gateway, 8);
    gateway.signal(Signal::TERM);
    assert_eq!(staying.closed(), (1001, "Draining".to_owned()));
}

#[test]
fn a_page_connects_from_its_own_host_or_a_listed_origin() {
    let (gateway, _dir) = Gateway::in_new_dir(&["--origins", "https://app.example"]);
    assert!(Socket::open(&gateway, Some("https://app.example")).is_ok());
    assert_eq!(Socket::open(&gateway, Some("https://evil.example")).err(), Some(403));
    let own: &'static str = format!("http://{}", gateway.listen).leak();
    assert!(Socket::open(&gateway, Some(own)).is_ok());
    assert_eq!(closes(&gateway, "origin"), 1);
}

#[test]
fn a_ping_is_answered() {
    let (gateway, _dir) = Gateway::in_new_dir(&[]);
    let mut socket = Socket::logged_in(&gateway, 7);
    socket.socket.send(Message::Ping(b"there?".as_ref().into())).unwrap();
    assert_eq!(socket.socket.read().unwrap(), Message::Pong(b"there?".as_ref().into()));
}

#[test]
fn what_is_not_served_is_told_so_and_counted() {
    let (gateway, _dir) = Gateway::in_new_dir(&["--login-timeout-ms", "500"]);
    let answered = |says: &[u8]| {
        let mut stream = TcpStream::connect(gateway.listen).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(says).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(answered(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert_eq!(answered(b"\x16\x03\x01\x00\xa5\x01"), "");
    // A head that does not end: no step begins the time anew.
    assert!(answered(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n").starts_with("HTTP/1.1 408 "));
    for reason in ["http", "tls", "login_timeout"] {
        assert_eq!(closes(&gateway, reason), 1, "{reason}");
    }
    assert!(answered(b"HELO x\r\n").starts_with("HTTP/1.1 400 "));
    let mut other = Peer::connect(&gateway);
    other.say(b"help");
    let told = other.told();
    assert_eq!(told, Some(crate::peer::Told::Refused(RefusalCode::Malformed, 0)));
    assert!(other.ended());
}
