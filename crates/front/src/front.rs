//! What a server hears of a connection: from whatever carries them to frames. Eight bytes and nothing else while nothing is
//! partial.

use crate::asked::Order;
use crate::call::{Calling, Calls};
use crate::detect::{Speech, detect};
use crate::head::Head;
use crate::heard::{Bounds, Carrier, Common, Fault, Heard, Security};
use crate::json::{self, Unclear};
use crate::limits::{FIRST_BYTES, JSON_BYTES_MAX};
use crate::problem::Problem;
use crate::reply::PREFLIGHT;
use crate::request::{Wants, judged};
use crate::say;
use crate::sealed::{Sealed, emptied};
use crate::socket::{Part, Rules, Side, Unfinished};
use crate::subprotocol::Subprotocol;
use crate::text::Gathered;
use tungstenite::protocol::frame::coding::{CloseCode, Data};
use wire::{FRAME_BYTES_MAX, FrameBuffer, FrameError, RefusalCode};

/// What is partial of one connection, and what TLS keeps of it. Eight bytes while neither is.
#[derive(Default)]
pub struct Front(Option<Box<Partial>>);

enum Partial {
    /// Its first bytes, fewer than say what it speaks.
    First { first: [u8; FIRST_BYTES], count: usize },
    /// A frame.
    Frames(FrameBuffer),
    /// The head of a request.
    Head(Head),
    /// The body of a request for something else than a WebSocket.
    Order(Order),
    /// The body of a call.
    Call(Calling),
    /// Nothing of the next, while a call is answered.
    Answer,
    /// A message.
    Talk(Talk),
    /// TLS, and what is partial of what is in it.
    Sealed(Sealed, Front),
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
        (bounds, common): (Bounds<'_>, &mut Common),
        mut take: impl FnMut(Heard<'_>) -> bool,
    ) -> usize {
        self.hear(carrier, piece, Ends { bounds, common, is_inside: false, take: &mut take })
    }

    /// The same, also of what is in TLS.
    pub(crate) fn hear(&mut self, carrier: Carrier, piece: &mut [u8], mut ends: Ends<'_>) -> usize {
        let (partial, copied) = match self.0.as_deref_mut() {
            // It stays where it lies.
            Some(Partial::Sealed(sealed, inner)) => {
                match ends.open(carrier, piece, (sealed, inner)) {
                    Some(copied) => return copied,
                    None => (Partial::Over(None), 0),
                }
            }
            _ => {
                let partial = self.0.take().map_or_else(|| Partial::none(carrier), |it| *it);
                ends.read(partial, piece)
            }
        };
        self.0 = partial.is_kept().then(|| Box::new(partial));
        copied
    }

    /// Appends the records that carry these bytes, of a connection that is sealed. Nothing, if no record can be written:
    /// before its handshake is done, and when it is over.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        if let Some(Partial::Sealed(sealed, _)) = self.0.as_deref_mut() {
            sealed.seal(plain, out);
        }
    }

    /// Appends what says in TLS that nothing more comes, behind all that was sealed.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(Partial::Sealed(sealed, _)) = self.0.as_deref_mut() {
            sealed.close(out);
        }
    }

    /// Bytes kept of what is partial.
    pub(crate) fn kept_bytes(&self) -> usize {
        match self.0.as_deref() {
            None | Some(Partial::Over(_) | Partial::Sealed(..) | Partial::Answer) => 0,
            Some(Partial::First { count, .. }) => *count,
            Some(Partial::Frames(frames)) => frames.partial_len(),
            Some(Partial::Head(head)) => head.len(),
            Some(Partial::Order(order)) => order.len(),
            Some(Partial::Call(calling)) => calling.len(),
            Some(Partial::Talk(talk)) => talk.content.kept_bytes(),
        }
    }

    /// Appends the last that is to be said behind all frames, before the connection is closed for this reason; none: in
    /// order. Nothing more is heard.
    pub fn part(&mut self, carrier: Carrier, why: Option<RefusalCode>, out: &mut Vec<u8>) {
        if let Some(Partial::Sealed(_, inner)) = self.0.as_deref_mut() {
            return inner.part(carrier, why, out);
        }
        let partial = self.0.replace(Box::new(Partial::Over(None)));
        match (partial.as_deref(), carrier) {
            (Some(Partial::Over(None)), _) | (_, Carrier::New | Carrier::Frames) => {}
            (Some(Partial::Over(Some(code))), _) => {
                say::close(out, *code, say::advice(*code, carrier == Carrier::Json));
            }
            // Of nothing that came, nothing is said.
            (None, Carrier::Http) => {}
            (_, Carrier::Http | Carrier::Call { .. }) => {
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
            Carrier::Call { .. } => Self::Answer,
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
            Self::Head(head) => head.len() > 0,
            Self::Answer => false,
            Self::Order(_) | Self::Call(_) | Self::Sealed(..) | Self::Over(_) => true,
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
    fn kept_bytes(&self) -> usize {
        match self {
            Self::Frames(frames) => frames.partial_len(),
            Self::Text(gathered) => gathered.len(),
        }
    }

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
                let read = gathered.add(piece, is_last, |text| ends.message(text));
                read.unwrap_or(Ok((0, true)))
            }
        }
    }
}

/// What is read into, and by which bounds.
pub(crate) struct Ends<'a> {
    pub bounds: Bounds<'a>,
    pub common: &'a mut Common,
    /// What is read was in TLS.
    pub is_inside: bool,
    pub take: &'a mut dyn FnMut(Heard<'_>) -> bool,
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
            Partial::Order(order) => (self.gather(order, piece), 0),
            Partial::Call(calling) => self.call(calling, piece),
            Partial::Answer => (self.hold(piece), 0),
            Partial::Talk(mut talk) => match talk.read(piece, self) {
                Ok((copied, _)) => (Partial::Talk(talk), copied),
                // Of a session that is over already, its own reason is said.
                Err((heard, code)) => match (self.take)(heard) {
                    true => (Partial::Over(Some(code.into())), 0),
                    false => (Partial::none(Carrier::New), 0),
                },
            },
            Partial::Sealed(mut sealed, mut inner) => {
                match self.open(Carrier::New, piece, (&mut sealed, &mut inner)) {
                    Some(copied) => (Partial::Sealed(sealed, inner), copied),
                    None => (Partial::Over(None), 0),
                }
            }
            Partial::Over(code) => (Partial::Over(code), 0),
        }
    }

    /// Opens what is whole of TLS, and reads what was in it as if it had come by itself. `None`: it is broken, and over.
    fn open(
        &mut self,
        carrier: Carrier,
        piece: &mut [u8],
        (sealed, inner): (&mut Sealed, &mut Front),
    ) -> Option<usize> {
        let mut plain = std::mem::take(&mut self.common.opened);
        let kept = (self.bounds.frame_bytes_max, inner.kept_bytes());
        let opened = sealed.read((piece, &mut plain), kept, self.common, self.take);
        let mut copied = 0;
        if !plain.is_empty() {
            let (bounds, common) = (self.bounds, &mut *self.common);
            let inside = Ends { bounds, common, is_inside: true, take: &mut *self.take };
            copied = inner.hear(opened.agreed.unwrap_or(carrier), &mut plain, inside);
        }
        self.common.opened = emptied(plain);
        if let Some(fault) = opened.fault {
            (self.take)(Heard::Broken(fault));
            return None;
        }
        if opened.is_closed {
            (self.take)(Heard::Closes);
        }
        Some(copied)
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
        let (last, partial) = self.meet(first);
        if !(self.take)(last) || matches!(partial, Partial::Over(_)) {
            return (Partial::Over(None), 0);
        }
        // What came before this piece is too short for anything to come of it.
        let (partial, _) = self.read(partial, &mut first[..kept]);
        self.read(partial, piece)
    }

    /// What a connection with these first bytes is told to be, and how it goes on.
    fn meet(&mut self, first: [u8; FIRST_BYTES]) -> (Heard<'static>, Partial) {
        let broken = |fault| (Heard::Broken(fault), Partial::Over(None));
        let speech = detect(first);
        match (speech, &self.common.security) {
            (Speech::Tls, Security::Accept(config) | Security::Require(config))
                if !self.is_inside =>
            {
                (Heard::Sealed, Partial::Sealed(Sealed::new(config), Front::default()))
            }
            (Speech::Tls, _) => broken(Fault::Tls),
            (_, Security::Require(_)) if !self.is_inside => {
                if speech == Speech::Http {
                    let mut answer = Vec::new();
                    Problem::Plain.write(&mut answer);
                    (self.take)(Heard::Raw(&answer));
                }
                broken(Fault::Plain)
            }
            (Speech::Frames, _) => (Heard::Speaks(Carrier::Frames), Partial::none(Carrier::Frames)),
            (Speech::Http, _) => (Heard::Speaks(Carrier::Http), Partial::none(Carrier::Http)),
            (Speech::Unknown, _) => {
                let length = u32::from_le_bytes(first);
                let error = FrameError::Length(length, self.bounds.frame_bytes_max);
                (Heard::Frame(Err(error)), Partial::Over(None))
            }
        }
    }

    /// A request is asked once all of its body is there.
    fn gather(&mut self, mut order: Order, piece: &[u8]) -> Partial {
        if !order.add(piece) {
            return Partial::Order(order);
        }
        (self.take)(Heard::Asks(order.asked()));
        Partial::Over(None)
    }

    /// A call is handed over once all of its body is there.
    fn call(&mut self, mut calling: Calling, piece: &[u8]) -> (Partial, usize) {
        let Some(behind) = calling.add(piece) else { return (Partial::Call(calling), 0) };
        (self.take)(Heard::Speaks(Carrier::Call { closes: calling.closes }));
        (self.bounds.user, self.bounds.frame_bytes_max) = (calling.user, FRAME_BYTES_MAX);
        let copied = if calling.calls == Calls::Request {
            self.text(calling.body()).map_or_else(
                |Unclear { request_id, code, text }| {
                    (self.take)(Heard::Unclear(request_id.unwrap_or(0), code, &text));
                    0
                },
                |(copied, _)| copied,
            )
        } else {
            (self.take)(Heard::Called(calling.calls));
            0
        };
        (self.hold(behind), copied)
    }

    /// While a call is answered the next may not be said: how long it would wait is not known.
    fn hold(&mut self, piece: &[u8]) -> Partial {
        if piece.is_empty() {
            return Partial::Answer;
        }
        (self.take)(Heard::Broken(Fault::Http));
        Partial::Over(None)
    }

    /// A request becomes a WebSocket, or asks for something else, or neither.
    fn shake_hands(&mut self, mut head: Head, mut piece: &mut [u8]) -> (Partial, usize) {
        match judged(&mut head, &mut piece, self.bounds) {
            Ok(None) => (Partial::Head(head), 0),
            Ok(Some(Wants::Order(order))) => (self.gather(order, piece), 0),
            Ok(Some(Wants::Preflight)) => {
                (self.take)(Heard::Say(PREFLIGHT));
                (self.take)(Heard::Closes);
                (Partial::Over(None), 0)
            }
            Ok(Some(Wants::Call(call))) => {
                let mut user = 0;
                if !(self.take)(Heard::Calls(call.caller(), &mut user)) {
                    return (Partial::Over(None), 0);
                }
                if call.expects {
                    (self.take)(Heard::Say(b"HTTP/1.1 100 Continue\r\n\r\n"));
                }
                self.call(call.of(user), piece)
            }
            Ok(Some(Wants::Socket(answer, subprotocol))) => {
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
                let is_foreign = matches!(problem, Problem::ForeignOrigin | Problem::ForeignPage);
                let fault = if is_foreign { Fault::Origin } else { Fault::Http };
                (self.take)(Heard::Broken(fault));
                (Partial::Over(None), 0)
            }
        }
    }

    /// Hands over the frames of a text.
    ///
    /// # Errors
    /// It stands for none.
    fn text(&mut self, text: &[u8]) -> Result<Read, Unclear> {
        let text = str::from_utf8(text).map_err(|error| Unclear {
            request_id: None,
            code: RefusalCode::Unsupported,
            text: error.to_string(),
        })?;
        let mut frames = Vec::new();
        json::read(text, self.bounds.user, &mut frames)?;
        Ok(self.frames(&mut FrameBuffer::default(), &frames))
    }

    /// Hands over the frames of a message of text.
    fn message(&mut self, message: &[u8]) -> Result<Read, CloseCode> {
        match self.text(message) {
            Ok(read) => Ok(read),
            Err(Unclear { request_id: Some(request_id), code, text }) => {
                Ok((0, (self.take)(Heard::Unclear(request_id, code, &text))))
            }
            Err(Unclear { request_id: None, .. }) => Err(CloseCode::Invalid),
        }
    }

    /// Hands over the frames that end in a piece.
    fn frames(&mut self, buffer: &mut FrameBuffer, piece: &[u8]) -> Read {
        let mut frames = buffer.read(piece, self.bounds.frame_bytes_max);
        while let Some(frame) = frames.next(&mut self.common.scratch) {
            let is_last = frame.is_err();
            if !(self.take)(Heard::Frame(frame.as_ref().map_err(|error| *error))) || is_last {
                return (frames.copied_bytes(), false);
            }
        }
        (frames.copied_bytes(), true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_eight_bytes() {
        assert_eq!(size_of::<Front>(), 8);
    }
}
