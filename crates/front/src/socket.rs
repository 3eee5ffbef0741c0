//! What is said over a WebSocket: the rules of RFC 6455 around its frames, for either end. It does not know what is in
//! the messages.

use crate::limits::{CONTROL_BYTES_MAX, FRAGMENTS_MAX};
use crate::mask::mask;
use std::io::Cursor;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Longest header of a frame: two bytes, the length in eight, the mask.
const HEADER_BYTES_MAX: usize = 14;

/// Who speaks: a client masks what it says, a server does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The one that connected.
    Client,
    /// The other.
    Server,
}

/// What is allowed to be said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Who speaks.
    pub from: Side,
    /// What messages are of: text, or bytes.
    pub of: Data,
    /// Bytes of a message, over all of its fragments.
    pub message_bytes_max: usize,
}

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The next bytes of a message, and whether it ends with them.
    Data(&'a [u8], bool),
    /// A ping, to be answered with the same bytes.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// The close, with its code if it has one.
    Close(Option<u16>),
}

/// A frame whose payload is coming.
#[derive(Debug)]
struct Frame {
    carries: Carries,
    key: Option<[u8; 4]>,
    /// Bytes of its payload, and how many of them came.
    length: usize,
    read: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    /// A part of a message; whether the last.
    Data(bool),
    Control(Control),
}

/// A message of which more frames follow.
#[derive(Debug)]
struct Message {
    bytes: usize,
    fragments: u8,
}

/// What is unfinished of what one side says. Idle: as it is at first, so that nothing is to be kept.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// Of a header that came in pieces.
    header: [u8; HEADER_BYTES_MAX],
    header_len: usize,
    frame: Option<Frame>,
    message: Option<Message>,
    /// Of a control frame that came in pieces.
    control: Vec<u8>,
}

impl Unfinished {
    /// Whether nothing is.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.header_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// The next that is said at the front of a piece, which it is taken off; none: the piece is read. The mask is taken off
    /// where the bytes lie.
    ///
    /// # Errors
    /// Something may not be said: the code to close with. Nothing more can be read then.
    pub fn next<'a, 'b: 'a>(
        &'a mut self,
        piece: &mut &'b mut [u8],
        rules: Rules,
    ) -> Result<Option<Part<'a>>, CloseCode> {
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.header(piece, rules)? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        let missing = frame.length - frame.read;
        if missing > 0 && piece.is_empty() {
            self.frame = Some(frame);
            return Ok(None);
        }
        let bytes = take(piece, missing);
        if let Some(key) = frame.key {
            mask(bytes, key, frame.read);
        }
        let is_first = frame.read == 0;
        frame.read += bytes.len();
        let is_whole = frame.read == frame.length;
        let carries = frame.carries;
        if !is_whole {
            self.frame = Some(frame);
        }
        match carries {
            Carries::Data(is_last) => Ok(Some(Part::Data(bytes, is_last && is_whole))),
            Carries::Control(control) if is_first && is_whole => said(control, bytes).map(Some),
            Carries::Control(control) => {
                if is_first {
                    self.control.clear();
                }
                self.control.extend_from_slice(bytes);
                if is_whole { said(control, &self.control).map(Some) } else { Ok(None) }
            }
        }
    }

    /// Reads a header; none: more of it is to come.
    fn header(&mut self, piece: &mut &mut [u8], rules: Rules) -> Result<Option<Frame>, CloseCode> {
        let kept = self.header_len;
        let (header, length, size) = if kept == 0
            && let Some(parsed) = parse(piece)?
        {
            parsed
        } else {
            let more = piece.len().min(HEADER_BYTES_MAX - kept);
            self.header[kept..kept + more].copy_from_slice(&piece[..more]);
            let Some(parsed) = parse(&self.header[..kept + more])? else {
                self.header_len += more;
                take(piece, more);
                return Ok(None);
            };
            parsed
        };
        self.header_len = 0;
        take(piece, size - kept);
        self.judge(&header, length, rules).map(Some)
    }

    /// Whether the frame may come here; a message that is too large is known by its header.
    fn judge(
        &mut self,
        header: &FrameHeader,
        length: u64,
        rules: Rules,
    ) -> Result<Frame, CloseCode> {
        let is_masked = header.mask.is_some();
        if header.rsv1 || header.rsv2 || header.rsv3 || is_masked != (rules.from == Side::Client) {
            return Err(CloseCode::Protocol);
        }
        let carries = match header.opcode {
            OpCode::Control(control) => {
                if !header.is_final || length > CONTROL_BYTES_MAX {
                    return Err(CloseCode::Protocol);
                }
                Carries::Control(control)
            }
            OpCode::Data(data) => {
                self.follow(data, header.is_final, length, rules)?;
                Carries::Data(header.is_final)
            }
        };
        let length = usize::try_from(length).map_err(|_| CloseCode::Size)?;
        Ok(Frame { carries, key: header.mask, length, read: 0 })
    }

    /// A frame of a message follows those before.
    fn follow(
        &mut self,
        data: Data,
        is_final: bool,
        length: u64,
        rules: Rules,
    ) -> Result<(), CloseCode> {
        let before = match (data, self.message.take()) {
            (data, None) if data == rules.of => Message { bytes: 0, fragments: 0 },
            (Data::Continue, Some(message)) => message,
            (Data::Text | Data::Binary, None) => return Err(CloseCode::Unsupported),
            (Data::Text | Data::Binary | Data::Continue | Data::Reserved(_), _) => {
                return Err(CloseCode::Protocol);
            }
        };
        let bytes = usize::try_from(length).ok().and_then(|more| before.bytes.checked_add(more));
        let bytes =
            bytes.filter(|bytes| *bytes <= rules.message_bytes_max).ok_or(CloseCode::Size)?;
        let fragments = before.fragments + 1;
        if fragments > FRAGMENTS_MAX {
            return Err(CloseCode::Size);
        }
        self.message = (!is_final).then_some(Message { bytes, fragments });
        Ok(())
    }
}

/// A header that lies whole at the front of the bytes, the length of its payload, and its own.
fn parse(bytes: &[u8]) -> Result<Option<(FrameHeader, u64, usize)>, CloseCode> {
    let mut cursor = Cursor::new(bytes);
    let Some((header, length)) =
        FrameHeader::parse(&mut cursor).map_err(|_| CloseCode::Protocol)?
    else {
        return Ok(None);
    };
    let size = header.len(length);
    // A length has one form, the shortest.
    if cursor.position() != size as u64 {
        return Err(CloseCode::Protocol);
    }
    Ok(Some((header, length, size)))
}

/// What a whole control frame says.
fn said(control: Control, payload: &[u8]) -> Result<Part<'_>, CloseCode> {
    match control {
        Control::Ping => Ok(Part::Ping(payload)),
        Control::Pong => Ok(Part::Pong),
        Control::Close => match payload {
            [] => Ok(Part::Close(None)),
            [high, low, reason @ ..] => {
                let code = u16::from_be_bytes([*high, *low]);
                if !CloseCode::from(code).is_allowed() {
                    return Err(CloseCode::Protocol);
                }
                str::from_utf8(reason).map_err(|_| CloseCode::Invalid)?;
                Ok(Part::Close(Some(code)))
            }
            [_] => Err(CloseCode::Protocol),
        },
        Control::Reserved(_) => Err(CloseCode::Protocol),
    }
}

/// Takes bytes off the front of a piece, as many as there are.
fn take<'a>(piece: &mut &'a mut [u8], count: usize) -> &'a mut [u8] {
    let count = count.min(piece.len());
    let (head, rest) = std::mem::take(piece).split_at_mut(count);
    *piece = rest;
    head
}
