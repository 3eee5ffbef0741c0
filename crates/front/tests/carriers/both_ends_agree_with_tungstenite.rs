//! Another implementation at the other end: tungstenite's client against the server's end here, and its server against the
//! client's.

use crate::scene::{Kept, Scene, frame};
use front::{Client, Subprotocol, Told};
use std::io::{self, Read, Write};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::handshake::{HandshakeError, HandshakeRole, MidHandshake};
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket, accept_hdr, client};
use wire::RefusalCode;

/// Tungstenite's end of a connection: what it has to read, and what it wrote.
#[derive(Default)]
struct Pipe {
    to_read: Vec<u8>,
    written: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.to_read.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = out.len().min(self.to_read.len());
        out[..count].copy_from_slice(&self.to_read[..count]);
        self.to_read.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn waiting<R: HandshakeRole>(error: HandshakeError<R>) -> MidHandshake<R> {
    let HandshakeError::Interrupted(waiting) = error else { panic!("it has nothing to read yet") };
    waiting
}

/// Tungstenite's client on a connection of ours.
fn opened() -> (WebSocket<Pipe>, Scene) {
    let mut request = "ws://im.example/v1/ws".into_client_request().unwrap();
    let subprotocol = HeaderValue::from_static("longline.v1");
    request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol);
    let Err(error) = client(request, Pipe::default()) else { panic!("nobody answered yet") };
    let mut asks = waiting(error);
    let mut scene = Scene::default();
    let pipe = asks.get_mut().get_mut();
    scene.hear(&std::mem::take(&mut pipe.written));
    let Some(Kept::Say(answer)) = scene.heard.get(1) else { panic!("{:?}", scene.heard) };
    pipe.to_read.extend_from_slice(answer.as_bytes());
    let (socket, response) = asks.handshake().expect("it agrees");
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "longline.v1");
    scene.heard.clear();
    (socket, scene)
}

#[test]
fn its_client_is_heard_and_hears() {
    let (mut socket, mut scene) = opened();
    let many: Vec<u8> = (10..1_500).flat_map(frame).collect();
    for message in [frame(1), [frame(2), frame(3)].concat(), many] {
        socket.send(Message::binary(message)).unwrap();
    }
    socket.send(Message::Ping(b"there?".as_ref().into())).unwrap();
    scene.hear(&std::mem::take(&mut socket.get_mut().written));
    let ids = (1..4).chain(10..1_500);
    let frames: Vec<Kept> = ids.map(|id| Kept::Frame(Ok(id))).collect();
    assert_eq!(scene.heard[..frames.len()], frames);
    assert_eq!(scene.heard[frames.len()..], [Kept::Ping(b"there?".to_vec())]);

    let out = &mut socket.get_mut().to_read;
    front::pong(out, b"there?");
    let sizes = [24, 32, 125, 126, 4_000, 65_535, 65_536];
    sizes.into_iter().for_each(|size| front::message(out, |out| out.resize(out.len() + size, 7)));
    front::ping(out);
    out.extend(scene.part(Some(RefusalCode::SessionReplaced)));
    assert_eq!(socket.read().unwrap(), Message::Pong(b"there?".as_ref().into()));
    for size in sizes {
        let Message::Binary(bytes) = socket.read().unwrap() else { panic!("a message") };
        // The rest of the vector was not a part of it.
        assert_eq!((bytes.len(), bytes.iter().all(|byte| *byte == 7)), (size, true));
    }
    assert!(matches!(socket.read().unwrap(), Message::Ping(_)));
    let Message::Close(Some(close)) = socket.read().unwrap() else { panic!("the close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4017, "SessionReplaced"));
}

#[test]
fn its_close_is_answered() {
    let (mut socket, mut scene) = opened();
    socket.close(None).unwrap();
    scene.hear(&std::mem::take(&mut socket.get_mut().written));
    assert_eq!(scene.heard, [Kept::Closes]);
    socket.get_mut().to_read.extend(scene.part(None));
    assert!(matches!(socket.read().unwrap(), Message::Close(_)));
}

#[test]
fn its_server_hears_our_client() {
    let mut out = Vec::new();
    let mut own = Client::ask("im.example", Subprotocol::Frames, &mut out);
    let pipe = Pipe { to_read: out, written: Vec::new() };
    #[allow(clippy::result_large_err, reason = "the callback's own type")]
    let agree = |_: &Request, mut response: Response| {
        let subprotocol = HeaderValue::from_static("longline.v1");
        response.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol);
        Ok(response)
    };
    let mut socket = accept_hdr(pipe, agree).expect("it has the whole request");
    let mut told = Vec::new();
    let mut keep = |it: Told<'_>| told.push(format!("{it:?}"));
    own.read(&mut std::mem::take(&mut socket.get_mut().written), &mut keep).unwrap();

    let frames: Vec<u8> = (1..4).flat_map(frame).collect();
    let mut keys = 0..;
    let key = || u32::to_be_bytes(keys.next().unwrap());
    Client::say(Subprotocol::Frames, &frames, key, &mut socket.get_mut().to_read);
    Client::pong(b"here", [1, 2, 3, 4], &mut socket.get_mut().to_read);
    for nth in 1..4 {
        assert_eq!(socket.read().unwrap(), Message::binary(frame(nth)));
    }
    assert_eq!(socket.read().unwrap(), Message::Pong(b"here".as_ref().into()));

    socket.send(Message::binary(vec![7; 3])).unwrap();
    socket.send(Message::Ping(b"there?".as_ref().into())).unwrap();
    socket.close(None).unwrap();
    own.read(&mut std::mem::take(&mut socket.get_mut().written), &mut keep).unwrap();
    let ping = b"there?";
    let expected = [Told::Opened, Told::Data(&[7, 7, 7]), Told::Ping(ping), Told::Closes(None)];
    assert_eq!(told, expected.map(|it| format!("{it:?}")));
}
