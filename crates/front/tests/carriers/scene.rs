//! A connection as a server hears it, and what a client says.

use front::{
    Asked, Bounds, Caller, Calls, Carrier, Common, Fault, Front, Heard, Method, Subprotocol,
};
use wire::frames::Heartbeat;
use wire::{FRAME_BYTES_MAX, FrameError, RefusalCode, encode};

/// What was heard, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A frame with this request id, or its error.
    Frame(Result<u64, FrameError>),
    /// A request with this id, its refusal and the text.
    Unclear(u64, RefusalCode, String),
    Speaks(Carrier),
    /// A request for something else: how, for what, of which host, with what.
    Asks(Method, String, String, Vec<u8>),
    /// A call: the token, the device, and for what.
    Calls(String, u64, Calls),
    Called(Calls),
    Say(String),
    Sealed,
    Waits,
    Agreed,
    Ping(Vec<u8>),
    Closes,
    Broken(Fault),
}

/// One connection.
pub struct Scene {
    front: Front,
    carrier: Carrier,
    pub common: Common,
    pub heard: Vec<Kept>,
    /// What is written beneath what is heard.
    pub raw: Vec<u8>,
    pub origins: Vec<String>,
    pub has_pages: bool,
    pub frame_bytes_max: usize,
    /// Who is logged in, and who calls; 0: who calls is not believed.
    pub user: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            front: Front::default(),
            carrier: Carrier::New,
            common: Common::default(),
            heard: Vec::new(),
            raw: Vec::new(),
            origins: Vec::new(),
            has_pages: false,
            frame_bytes_max: FRAME_BYTES_MAX,
            user: 0,
        }
    }
}

impl Scene {
    /// One of a server that has pages.
    pub fn with_pages() -> Self {
        Self { has_pages: true, ..Self::default() }
    }

    /// The same, on which this user calls; 0: who calls is not believed.
    pub fn called_by(user: u64) -> Self {
        Self { user, ..Self::with_pages() }
    }

    /// One whose WebSocket is open; what was heard on the way is forgotten.
    pub fn open() -> Self {
        Self::opened(&request(""), Carrier::WebSocket)
    }

    /// The same whose messages are JSON.
    pub fn open_json() -> Self {
        let asks = request("").replace("chat, longline.v1", Subprotocol::Json.name());
        Self::opened(&asks, Carrier::Json)
    }

    fn opened(asks: &str, carrier: Carrier) -> Self {
        let mut scene = Self::default();
        scene.hear(asks.as_bytes());
        assert!(scene.heard.contains(&Kept::Speaks(carrier)), "{:?}", scene.heard);
        scene.heard.clear();
        scene
    }

    /// A piece comes.
    pub fn hear(&mut self, piece: &[u8]) {
        let Self { front, carrier, common, heard, raw, origins, has_pages, frame_bytes_max, user } =
            self;
        let bounds = Bounds {
            frame_bytes_max: *frame_bytes_max,
            origins,
            has_pages: *has_pages,
            user: *user,
        };
        let mut by = *carrier;
        front.read(*carrier, &mut piece.to_vec(), (bounds, common), |it| {
            let mut goes_on = !matches!(it, Heard::Frame(Err(_)));
            heard.push(match it {
                Heard::Raw(bytes) => {
                    raw.extend_from_slice(bytes);
                    return true;
                }
                Heard::Sealed => Kept::Sealed,
                Heard::Waits => Kept::Waits,
                Heard::Agreed => Kept::Agreed,
                Heard::Frame(frame) => Kept::Frame(frame.map(|frame| frame.header.request_id)),
                Heard::Unclear(request_id, code, text) => {
                    Kept::Unclear(request_id, code, text.to_owned())
                }
                Heard::Speaks(now) => {
                    by = now;
                    Kept::Speaks(now)
                }
                Heard::Asks(Asked { method, path, host, body }) => {
                    Kept::Asks(method, path.to_owned(), host.to_owned(), body.to_vec())
                }
                Heard::Calls(Caller { token, device, calls }, caller) => {
                    *caller = *user;
                    goes_on = *user != 0;
                    Kept::Calls(token.to_owned(), device, calls)
                }
                Heard::Called(calls) => Kept::Called(calls),
                Heard::Say(bytes) => Kept::Say(String::from_utf8(bytes.to_vec()).unwrap()),
                Heard::Ping(payload) => Kept::Ping(payload.to_vec()),
                Heard::Closes => Kept::Closes,
                Heard::Broken(fault) => Kept::Broken(fault),
            });
            goes_on
        });
        *carrier = by;
    }

    /// What is written to it goes out sealed.
    pub fn seal(&mut self, plain: &[u8]) {
        self.front.seal(plain, &mut self.raw);
    }

    /// It is told that nothing more comes.
    pub fn close(&mut self) {
        self.front.close(&mut self.raw);
    }

    /// Its call is answered.
    pub fn answer(&mut self) {
        self.carrier = Carrier::Http;
    }

    /// Its last word.
    pub fn part(&mut self, why: Option<RefusalCode>) -> Vec<u8> {
        let mut out = Vec::new();
        self.front.part(self.carrier, why, &mut out);
        out
    }

    /// The code with which it closes, if it was a WebSocket.
    pub fn code(&mut self) -> Option<u16> {
        match self.part(Some(RefusalCode::Malformed))[..] {
            [0x88, _, high, low, ..] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

/// A request in order, with more lines.
pub fn request(more: &str) -> String {
    format!(
        "GET /v1/ws HTTP/1.1\r\nHost: im.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: chat, longline.v1\r\n{more}\r\n"
    )
}

/// A frame with this request id.
pub fn frame(request_id: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, request_id, Heartbeat { time_ms: request_id });
    out
}

/// A WebSocket frame of a client: its first byte, and its payload under a mask.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [0x12, 0x34, 0x56, 0x78];
    let mut out = vec![first];
    match payload.len() {
        length @ 0..126 => out.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(key);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
    out
}
