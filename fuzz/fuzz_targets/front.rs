//! What a connection says, in pieces: the first byte of the input says how large they are, the second whether the bytes are all
//! of it, what follows a request in order for a WebSocket with frames or with JSON, what follows one for a token or a call, or
//! what a server says to a client. Nothing may panic, and the same bytes in one piece are heard as the same.
#![no_main]

use front::{Bounds, Carrier, Client, Common, Front, Heard, Subprotocol};
use libfuzzer_sys::fuzz_target;
use wire::FRAME_BEFORE_LOGIN_BYTES_MAX;

/// A request in order, but for its last line.
const REQUEST: &[u8] =
    b"GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: longline.v1";

/// A request for a token, but for the length of its body.
const POST: &[u8] = b"POST /v1/dev-token HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/json\r\nContent-Length: ";

/// A call, but for the length of its body and what is behind.
const CALL: &[u8] = b"POST /v1/requests?device=5 HTTP/1.1\r\nHost: x\r\n\
    Authorization: Bearer a.b.c\r\nContent-Length: ";

fuzz_target!(|input: &[u8]| {
    let [size, manner, bytes @ ..] = input else { return };
    let (size, whole) = (usize::from(*size) + 1, bytes.len().max(1));
    match manner % 7 {
        0 => assert_eq!(heard(bytes, size), heard(bytes, whole)),
        1 => {
            let says = [REQUEST, b"\r\n\r\n", bytes].concat();
            assert_eq!(heard(&says, size), heard(&says, says.len()));
        }
        2 => tell(bytes, size),
        3 => {
            let says = [REQUEST, b".json\r\n\r\n", bytes].concat();
            assert_eq!(heard(&says, size), heard(&says, says.len()));
        }
        5 => {
            let says = [CALL, bytes].concat();
            assert_eq!(heard(&says, size), heard(&says, says.len()));
        }
        6 => {
            let says = [b"GET /v1/poll?".as_slice(), bytes].concat();
            assert_eq!(heard(&says, size), heard(&says, says.len()));
        }
        _ => {
            let says = [POST, bytes].concat();
            assert_eq!(heard(&says, size), heard(&says, says.len()));
        }
    }
});

/// What is heard, and the last word.
fn heard(says: &[u8], size: usize) -> (Vec<String>, Vec<u8>) {
    let (mut front, mut common, mut heard) = (Front::default(), Common::default(), vec![]);
    let mut carrier = Carrier::New;
    let frame_bytes_max = FRAME_BEFORE_LOGIN_BYTES_MAX;
    let bounds = Bounds { frame_bytes_max, origins: &[], has_pages: true, user: 7 };
    for piece in says.chunks(size) {
        let mut goes_on = true;
        let by = carrier;
        front.read(by, &mut piece.to_vec(), (bounds, &mut common), |it| {
            goes_on = !matches!(it, Heard::Frame(Err(_)));
            heard.push(match it {
                Heard::Frame(frame) => format!("{:?}", frame.map(|frame| frame.header.request_id)),
                Heard::Speaks(now) => {
                    carrier = now;
                    format!("{now:?}")
                }
                Heard::Calls(caller, user) => {
                    *user = caller.device;
                    goes_on = *user != 0;
                    format!("{caller:?}")
                }
                other => format!("{other:?}"),
            });
            goes_on
        });
        if !goes_on {
            break;
        }
    }
    let mut last = vec![];
    front.part(carrier, None, &mut last);
    (heard, last)
}

/// A client is told something.
fn tell(bytes: &[u8], size: usize) {
    let mut client = Client::ask("x", Subprotocol::Frames, &mut vec![]);
    for piece in bytes.chunks(size) {
        if client.read(&mut piece.to_vec(), |_| {}).is_err() {
            return;
        }
    }
}
