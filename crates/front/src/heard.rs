//! What a server hears of a connection, by which bounds, and what the connections of a core share for it.

use crate::asked::Asked;
use crate::call::{Caller, Calls};
use rustls::ServerConfig;
use std::sync::Arc;
use wire::{FrameError, RawFrame, RefusalCode, Scratch};

/// What carries the frames of a connection. Who reads it keeps this, and is told when it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// It has not said so much that it is known. It is written to as if by nothing.
    #[default]
    New,
    /// Nothing: frames as they are.
    Frames,
    /// A request that is still coming, or none. No frame can be said.
    Http,
    /// A call that is there: the one frame that is said is its answer, and the connection closes behind it or waits for the next.
    /// Whoever says it goes back to [`Carrier::Http`].
    Call {
        /// It closes.
        closes: bool,
    },
    /// Messages, a frame in each.
    WebSocket,
    /// Messages of text, a frame as an object in each.
    Json,
}

impl Carrier {
    /// Whether what is said answers calls.
    #[must_use]
    pub fn carries_calls(self) -> bool {
        matches!(self, Self::Http | Self::Call { .. })
    }

    /// Whether a call is there that has no answer yet.
    #[must_use]
    pub fn is_call(self) -> bool {
        matches!(self, Self::Call { .. })
    }
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
    /// A request for something else than a WebSocket, to be answered: nothing more is heard.
    Asks(Asked<'a>),
    /// A call, whose body is still to come. If it is believed, the user is said; else it was answered, and nothing more is heard.
    Calls(Caller<'a>, &'a mut u64),
    /// A call of which all is there, and which no frame says.
    Called(Calls),
    /// To be written.
    Say(&'a [u8]),
    /// TLS lies beneath: from now on all that is written is sealed first, by [`crate::Front::seal`].
    Sealed,
    /// To be written as it is, sealed or not.
    Raw(&'a [u8]),
    /// Its handshake is due, and there were many this turn: nothing is to be read of it in the next, which goes on.
    Waits,
    /// Its handshake is done.
    Agreed,
    /// A ping: [`crate::pong`] answers it.
    Ping(&'a [u8]),
    /// The client says that it closes, or has all that it asked for: nothing more is heard.
    Closes,
    /// It may not be said: nothing more is heard.
    Broken(Fault),
}

/// What may not be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// TLS, which is not served.
    Tls,
    /// Anything but TLS, which must be.
    Plain,
    /// An alert: it does not trust the certificate, or wants something else that it is not given.
    TlsAlert,
    /// A handshake by which the ends have nothing in common.
    TlsTerms,
    /// A record that is none, or that the keys do not open.
    TlsRecord,
    /// A request that no WebSocket begins with, nor anything else that there is.
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
    /// Whether anything else than a WebSocket may be asked for.
    pub has_pages: bool,
    /// The user who is logged in; 0: none is.
    pub user: u64,
}

/// Whether connections may or must speak TLS, and how.
#[derive(Clone, Debug, Default)]
pub enum Security {
    /// They may not.
    #[default]
    Off,
    /// They may.
    Accept(Arc<ServerConfig>),
    /// They must.
    Require(Arc<ServerConfig>),
}

/// What the connections of a core share.
#[derive(Default)]
pub struct Common {
    /// Whether they speak TLS.
    pub security: Security,
    /// Steps of handshakes that may still be taken this turn.
    pub handshakes: u32,
    /// Memory for frames.
    pub scratch: Scratch,
    /// Memory for what was in records, and for records to be written.
    pub(crate) opened: Vec<u8>,
    pub(crate) records: Vec<u8>,
}

impl Common {
    /// Of connections that speak TLS so.
    #[must_use]
    pub fn new(security: Security) -> Self {
        Self { security, ..Self::default() }
    }
}
