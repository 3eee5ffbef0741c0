//! What a server hears of a connection: from whatever carries them to frames. Eight bytes and nothing else while nothing is
//! partial.

use crate::detect::{Speech, detect};
use crate::head::{self, Head};
use crate::json::{self, Unclear};
use crate::limits::{FIRST_BYTES, JSON_BYTES_MAX};
use crate::problem::Problem;
use crate::say;
use crate::socket::{Part, Rules, Side, Unfinished};
use crate::subprotocol::Subprotocol;
use crate::text::Gathered;
use crate::upgrade::judge;
use httparse::Request;
use tungstenite::protocol::frame::coding::{CloseCode, Data};
use wire::{FRAME_BYTES_MAX, FrameBuffer, FrameError, RawFrame, RefusalCode, Scratch};

/// What carries the frames of a connection. Who reads it keeps this, and is told when it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// It has not said so much that it is known. It is written to as if by nothing.
    #[default]
    New,
    /// Nothing: frames as they are.
    Frames,
    /// A request that is still coming. No frame can be said yet.
    Http,
    /// Messages, a frame in each.
    WebSocket,
    /// Messages of text, a frame as an object in each.
    Json,
}

/// What is heard.
#[derive(Debug)]
pub enum Heard<'a> {
    /// A frame, or bytes that are none.
    Frame(Result<&'a RawFrame<'a>, FrameError>),
    /// From now on this carries its frames.
    Speaks(Carrier),
    /// A request that no frame can be made of: of this number, and as what and with which words it is to be refused.
    Unclear(u64, RefusalCode, &'a str),
    /// To be written as it is.
    Say(&'a [u8]),
    /// A ping: [`crate::pong`] answers it.
    Ping(&'a [u8]),
    /// The client says that it closes: nothing more is heard.
    Closes,
    /// It may not be said: nothing more is heard.
    Broken(Fault),
}

/// What may not be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// TLS, which is not served.
    Tls,
    /// A request that no WebSocket begins with.
    Http,
    /// A page of a foreign origin.
    Origin,
    /// Something against the rules of WebSocket.
    WebSocket,
}

/// What a connection may say.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// Bytes of a frame, and of a message.
    pub frame_bytes_max: usize,
    /// Whose pages may connect, beside those of the host that they ask.
    pub origins: &'a [String],
    /// The user who is logged in; 0: none is.
    pub user: u64,
}

/// What is partial of one connection. Eight bytes while nothing is.
#[derive(Default)]
pub struct Front(Option<Box<Partial>>);

enum Partial {
    /// Its first bytes, fewer than say what it speaks.
    First { first: [u8; FIRST_BYTES], count: usize },
    /// A frame.
    Frames(FrameBuffer),
    /// The head of a request.
    Head(Head),
    /// A message.
    Talk(Talk),
    /// Nothing more is heard, and this is still to be said: the code of a close.
    Over(Option<u16>),
}

struct Talk {
    unfinished: Unfinished,
    content: Content,
}

/// What is partial of a message's content.
enum Content {
    Frames(FrameBuffer),
    Text(Gathered),
}

/// Bytes that were copied, and whether to read on.
type Read = (usize, bool);

impl Front {
    /// Reads one piece of a connection with this carrier, and hands over what is in it until `take` wants no more. Of a close
    /// and of what may not be said, `take` tells whether it counts. Returns the bytes that were copied, because their
    /// frame is split or lies unaligned.
    pub fn read(
        &mut self,
        carrier: Carrier,
        piece: &mut [u8],
        (bounds, scratch): (Bounds<'_>, &mut Scratch),
        mut take: impl FnMut(Heard<'_>) -> bool,
    ) -> usize {
        let partial = self.0.take().map_or_else(|| Partial::none(carrier), |partial| *partial);
        let mut ends = Ends { bounds, scratch, take: &mut take };
        let (partial, copied) = ends.read(partial, piece);
        self.0 = partial.is_kept().then(|| Box::new(partial));
        copied
    }

    /// Appends the last that is to be said behind all frames, before the connection is closed for this reason; none: in
    /// order. Nothing more is heard.
    pub fn part(&mut self, carrier: Carrier, why: Option<RefusalCode>, out: &mut Vec<u8>) {
        let partial = self.0.replace(Box::new(Partial::Over(None)));
        match (partial.as_deref(), carrier) {
            (Some(Partial::Over(None)), _) | (_, Carrier::New | Carrier::Frames) => {}
            (Some(Partial::Over(Some(code))), _) => {
                say::close(out, *code, say::advice(*code, carrier == Carrier::Json));
            }
            (_, Carrier::Http) => {
                let is_late = why == Some(RefusalCode::LoginTimeout);
                let problem = if is_late { Problem::Timeout } else { Problem::Unavailable };
                problem.write(out);
            }
            (_, Carrier::WebSocket | Carrier::Json) => {
                let (code, reason) = say::parting(why);
                say::close(out, code, &reason);
            }
        }
    }
}

impl Partial {
    /// Nothing of what this carrier carries.
    fn none(carrier: Carrier) -> Self {
        match carrier {
            Carrier::New => Self::First { first: [0; FIRST_BYTES], count: 0 },
            Carrier::Frames => Self::Frames(FrameBuffer::default()),
            Carrier::Http => Self::Head(Head::default()),
            Carrier::WebSocket => Self::talk(Content::Frames(FrameBuffer::default())),
            Carrier::Json => Self::talk(Content::Text(Gathered::default())),
        }
    }

    fn talk(content: Content) -> Self {
        Self::Talk(Talk { unfinished: Unfinished::default(), content })
    }

    /// Whether there is something to keep.
    fn is_kept(&self) -> bool {
        match self {
            Self::First { count, .. } => *count > 0,
            Self::Frames(frames) => frames.partial_len() > 0,
            Self::Talk(talk) => !talk.unfinished.is_idle(),
            Self::Head(_) | Self::Over(_) => true,
        }
    }
}

impl Talk {
    /// Reads a piece.
    ///
    /// # Errors
    /// The last that is heard, and the code to close with.
    fn read(
        &mut self,
        mut piece: &mut [u8],
        ends: &mut Ends<'_>,
    ) -> Result<Read, (Heard<'static>, CloseCode)> {
        let frame_bytes_max = ends.bounds.frame_bytes_max;
        let (of, message_bytes_max) = match &self.content {
            // Text is longer than what it stands for.
            Content::Text(_) if frame_bytes_max == FRAME_BYTES_MAX => (Data::Text, JSON_BYTES_MAX),
            Content::Text(_) => (Data::Text, frame_bytes_max),
            Content::Frames(_) => (Data::Binary, frame_bytes_max),
        };
        let rules = Rules { from: Side::Client, of, message_bytes_max };
        let broken = |code| (Heard::Broken(Fault::WebSocket), code);
        let mut copied = 0;
        loop {
            let goes_on = match self.unfinished.next(&mut piece, rules).map_err(broken)? {
                None => return Ok((copied, true)),
                Some(Part::Data(bytes, is_last)) => {
                    let read = self.content.read((bytes, is_last), ends).map_err(broken)?;
                    copied += read.0;
                    read.1
                }
                Some(Part::Ping(payload)) => (ends.take)(Heard::Ping(payload)),
                Some(Part::Pong) => true,
                Some(Part::Close(code)) => {
                    let code = code.map_or(CloseCode::Normal, CloseCode::from);
                    return Err((Heard::Closes, code));
                }
            };
            if !goes_on {
                return Ok((copied, false));
            }
        }
    }
}

impl Content {
    /// Reads a piece of a message, perhaps the last.
    fn read(
        &mut self,
        (piece, is_last): (&[u8], bool),
        ends: &mut Ends<'_>,
    ) -> Result<Read, CloseCode> {
        match self {
            Self::Frames(frames) => {
                let (copied, goes_on) = ends.frames(frames, piece);
                // A message is whole frames.
                let is_whole = !goes_on || !is_last || frames.partial_len() == 0;
                if is_whole { Ok((copied, goes_on)) } else { Err(CloseCode::Invalid) }
            }
            Self::Text(gathered) => {
                let read = gathered.add(piece, is_last, |message| ends.text(message));
                read.unwrap_or(Ok((0, true)))
            }
        }
    }
}

/// What is read into, and by which bounds.
struct Ends<'a> {
    bounds: Bounds<'a>,
    scratch: &'a mut Scratch,
    take: &'a mut dyn FnMut(Heard<'_>) -> bool,
}

impl Ends<'_> {
    /// Reads a piece behind what is partial; what is partial then, and the bytes that were copied.
    fn read(&mut self, partial: Partial, piece: &mut [u8]) -> (Partial, usize) {
        match partial {
            Partial::First { first, count } => self.begin((first, count), piece),
            Partial::Frames(mut frames) => {
                let (copied, _) = self.frames(&mut frames, piece);
                (Partial::Frames(frames), copied)
            }
            Partial::Head(head) => self.shake_hands(head, piece),
            Partial::Talk(mut talk) => match talk.read(piece, self) {
                Ok((copied, _)) => (Partial::Talk(talk), copied),
                // Of a session that is over already, its own reason is said.
                Err((heard, code)) => match (self.take)(heard) {
                    true => (Partial::Over(Some(code.into())), 0),
                    false => (Partial::none(Carrier::New), 0),
                },
            },
            Partial::Over(code) => (Partial::Over(code), 0),
        }
    }

    /// The first bytes say what a connection speaks.
    fn begin(
        &mut self,
        (mut first, kept): ([u8; FIRST_BYTES], usize),
        piece: &mut [u8],
    ) -> (Partial, usize) {
        let more = piece.len().min(FIRST_BYTES - kept);
        first[kept..kept + more].copy_from_slice(&piece[..more]);
        if kept + more < FIRST_BYTES {
            return (Partial::First { first, count: kept + more }, 0);
        }
        let (last, carrier) = match detect(first) {
            Speech::Frames => (Heard::Speaks(Carrier::Frames), Carrier::Frames),
            Speech::Http => (Heard::Speaks(Carrier::Http), Carrier::Http),
            Speech::Tls => (Heard::Broken(Fault::Tls), Carrier::New),
            Speech::Unknown => {
                let length = u32::from_le_bytes(first);
                let error = FrameError::Length(length, self.bounds.frame_bytes_max);
                (Heard::Frame(Err(error)), Carrier::New)
            }
        };
        if !(self.take)(last) || carrier == Carrier::New {
            return (Partial::Over(None), 0);
        }
        // What came before this piece is too short for anything to come of it.
        let (partial, _) = self.read(Partial::none(carrier), &mut first[..kept]);
        self.read(partial, piece)
    }

    /// A request becomes a WebSocket, or not.
    fn shake_hands(&mut self, mut head: Head, mut piece: &mut [u8]) -> (Partial, usize) {
        match judged(&mut head, &mut piece, self.bounds.origins) {
            Ok(None) => (Partial::Head(head), 0),
            Ok(Some((answer, subprotocol))) => {
                let carrier = match subprotocol {
                    Subprotocol::Frames => Carrier::WebSocket,
                    Subprotocol::Json => Carrier::Json,
                };
                let goes_on = (self.take)(Heard::Say(answer.as_bytes()))
                    && (self.take)(Heard::Speaks(carrier));
                let talk = Partial::none(carrier);
                if goes_on { self.read(talk, piece) } else { (talk, 0) }
            }
            Err(problem) => {
                let mut answer = Vec::new();
                problem.write(&mut answer);
                (self.take)(Heard::Say(&answer));
                let is_foreign = problem == Problem::ForeignOrigin;
                let fault = if is_foreign { Fault::Origin } else { Fault::Http };
                (self.take)(Heard::Broken(fault));
                (Partial::Over(None), 0)
            }
        }
    }

    /// Hands over the frames of a message of text.
    fn text(&mut self, message: &[u8]) -> Result<Read, CloseCode> {
        let message = str::from_utf8(message).map_err(|_| CloseCode::Invalid)?;
        let mut frames = Vec::new();
        match json::read(message, self.bounds.user, &mut frames) {
            Ok(()) => Ok(self.frames(&mut FrameBuffer::default(), &frames)),
            Err(Unclear { request_id: Some(request_id), code, text }) => {
                Ok((0, (self.take)(Heard::Unclear(request_id, code, &text))))
            }
            Err(Unclear { request_id: None, .. }) => Err(CloseCode::Invalid),
        }
    }

    /// Hands over the frames that end in a piece.
    fn frames(&mut self, buffer: &mut FrameBuffer, piece: &[u8]) -> Read {
        let mut frames = buffer.read(piece, self.bounds.frame_bytes_max);
        while let Some(frame) = frames.next(self.scratch) {
            let is_last = frame.is_err();
            if !(self.take)(Heard::Frame(frame.as_ref().map_err(|error| *error))) || is_last {
                return (frames.copied_bytes(), false);
            }
        }
        (frames.copied_bytes(), true)
    }
}

/// Reads a request's head; the answer if it becomes a WebSocket.
fn judged(
    head: &mut Head,
    piece: &mut &mut [u8],
    origins: &[String],
) -> Result<Option<(String, Subprotocol)>, Problem> {
    head.read(piece, |bytes, headers| {
        let mut request = Request::new(headers);
        let Some(size) = head::size(request.parse(bytes))? else { return Ok(None) };
        Ok(Some((size, judge(&request, origins)?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_eight_bytes() {
        assert_eq!(size_of::<Front>(), 8);
    }
}
