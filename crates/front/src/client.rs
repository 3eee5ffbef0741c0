//! The client's end of a WebSocket: the request that asks for it, and then frames in messages, as they are or as JSON.

use crate::head::{self, Head};
use crate::json;
use crate::limits::{SAID_BYTES_MAX, WEBSOCKET_PATH};
use crate::problem::Problem;
use crate::say;
use crate::socket::{Part, Rules, Side, Unfinished};
use crate::subprotocol::Subprotocol;
use crate::text::{self, Gathered};
use crate::upgrade::{names, values};
use httparse::Response;
use std::fmt;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::{CloseCode, Data};
use wire::FRAME_BYTES_MAX;

/// The status of a server that agrees.
const SWITCHING: u16 = 101;

/// One connection.
pub struct Client {
    subprotocol: Subprotocol,
    state: State,
}

enum State {
    /// The request was written; what the answer must accept it with.
    Asked {
        accept: String,
        head: Head,
    },
    Talking(Unfinished, Gathered),
}

/// What the server tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// It agrees: frames may be said.
    Opened,
    /// Bytes of frames, in order.
    Data(&'a [u8]),
    /// A ping: [`Client::pong`] answers it.
    Ping(&'a [u8]),
    /// It closes, with this code.
    Closes(Option<u16>),
}

/// What a server may not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// It does not agree: the status of its answer, 0 if it is none.
    Refused(u16),
    /// Against the rules of WebSocket: the code to close with.
    Broken(u16),
    /// A message that no frame can be made of: what is wrong with it.
    Unclear(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "no WebSocket: HTTP status {status}"),
            Self::Broken(code) => write!(f, "against the rules of WebSocket ({code})"),
            Self::Unclear(text) => write!(f, "a message stands for no frame: {text}"),
        }
    }
}

impl std::error::Error for ClientError {}

impl Client {
    /// Writes the request for a WebSocket of this host, as a URL has it.
    pub fn ask(host: &str, subprotocol: Subprotocol, out: &mut Vec<u8>) -> Self {
        let (key, name) = (generate_key(), subprotocol.name());
        let request = format!(
            "GET {WEBSOCKET_PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Protocol: {name}\r\n\r\n"
        );
        out.extend_from_slice(request.as_bytes());
        let accept = derive_accept_key(key.as_bytes());
        Self { subprotocol, state: State::Asked { accept, head: Head::default() } }
    }

    /// Appends frames, each a message under a mask of its own. As JSON, a hello is not said: the subprotocol's name does.
    ///
    /// # Panics
    /// The bytes are not whole frames.
    pub fn say(
        subprotocol: Subprotocol,
        mut frames: &[u8],
        mut key: impl FnMut() -> [u8; 4],
        out: &mut Vec<u8>,
    ) {
        let mut text = Vec::new();
        while let Some(length) = frames.first_chunk() {
            let (frame, rest) = frames.split_at(u32::from_le_bytes(*length) as usize);
            frames = rest;
            if subprotocol == Subprotocol::Frames {
                say::masked(Data::Binary, out, frame, key());
                continue;
            }
            text.clear();
            text::append(frame, &mut text).expect("only whole frames are said");
            if !text.is_empty() {
                say::masked(Data::Text, out, &text, key());
            }
        }
        assert!(frames.is_empty(), "only whole frames are said");
    }

    /// Appends the answer to a ping.
    pub fn pong(payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
        say::masked_pong(out, payload, key);
    }

    /// Reads one piece, and hands over what is in it.
    ///
    /// # Errors
    /// The connection is to be closed.
    pub fn read(
        &mut self,
        mut piece: &mut [u8],
        mut take: impl FnMut(Told<'_>),
    ) -> Result<(), ClientError> {
        if let State::Asked { accept, head } = &mut self.state {
            if !is_agreed(head, (accept, self.subprotocol), &mut piece)? {
                return Ok(());
            }
            self.state = State::Talking(Unfinished::default(), Gathered::default());
            take(Told::Opened);
        }
        let State::Talking(unfinished, gathered) = &mut self.state else { return Ok(()) };
        let (of, message_bytes_max) = match self.subprotocol {
            Subprotocol::Frames => (Data::Binary, FRAME_BYTES_MAX),
            Subprotocol::Json => (Data::Text, SAID_BYTES_MAX),
        };
        let rules = Rules { from: Side::Server, of, message_bytes_max };
        let broken = |code: CloseCode| ClientError::Broken(code.into());
        while let Some(part) = unfinished.next(&mut piece, rules).map_err(broken)? {
            match part {
                Part::Data(bytes, _) if of == Data::Binary => take(Told::Data(bytes)),
                Part::Data(bytes, is_last) => {
                    let frames = gathered.add(bytes, is_last, frames).transpose()?;
                    frames.iter().for_each(|frames| take(Told::Data(frames)));
                }
                Part::Ping(payload) => take(Told::Ping(payload)),
                Part::Pong => {}
                Part::Close(code) => {
                    take(Told::Closes(code));
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The frames of a message of text.
fn frames(message: &[u8]) -> Result<Vec<u8>, ClientError> {
    let text =
        str::from_utf8(message).map_err(|_| ClientError::Broken(CloseCode::Invalid.into()))?;
    let mut frames = Vec::new();
    json::read(text, 0, &mut frames).map_err(|unclear| ClientError::Unclear(unclear.text))?;
    Ok(frames)
}

/// Reads the answer's head; whether it is there and agrees.
fn is_agreed(
    head: &mut Head,
    (accept, subprotocol): (&str, Subprotocol),
    piece: &mut &mut [u8],
) -> Result<bool, ClientError> {
    let answer = head.read(piece, |bytes, headers| {
        let mut response = Response::new(headers);
        let Some(size) = head::size(response.parse(bytes))? else { return Ok(None) };
        let has = |name, value: &str| values(response.headers, name).eq([value]);
        let agrees = response.code == Some(SWITCHING)
            && names(response.headers, "Upgrade", "websocket")
            && names(response.headers, "Connection", "upgrade")
            && has("Sec-WebSocket-Accept", accept)
            && has("Sec-WebSocket-Protocol", subprotocol.name());
        Ok::<_, Problem>(Some((size, (agrees, response.code.unwrap_or(0)))))
    });
    match answer {
        Ok(None) => Ok(false),
        Ok(Some((true, _))) => Ok(true),
        Ok(Some((false, status))) => Err(ClientError::Refused(status)),
        Err(_) => Err(ClientError::Refused(0)),
    }
}
