//! What can end a session or a request, and whether coming back can help.

use std::io;
use std::sync::Arc;
use wire::{BODY_BYTES_MAX, FrameError, Kind, Next, PAGE_ROWS_MAX, RefusalCode};
use wire::{TOKEN_BYTES_MAX, VERSION};

use crate::limits::SENDS_PENDING_MAX;

/// Why a session or a request ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The server's bytes are no frame that this client reads.
    #[error("could not read the server's frame: {0}")]
    Frame(#[from] FrameError),
    /// The server chose a version that was not offered.
    #[error(
        "the server speaks protocol version {0}, this client {VERSION}: update the older of the two"
    )]
    Version(u8),
    /// The server sent what only a client sends, or sent it too early.
    #[error("the server sent a {0:?} frame where it may not")]
    Unexpected(Kind),
    /// The server refused.
    #[error("refused by the server ({code:?}): {text}")]
    Refused {
        /// Why; `None` is a code of a newer server.
        code: Option<RefusalCode>,
        /// Do not come back before this many ms.
        retry_after_ms: u32,
        /// For a person.
        text: String,
    },
    /// The server ended the session.
    #[error("the server ended the session ({code:?}): {text}")]
    SessionEnd {
        /// Why; `None` is a code of a newer server.
        code: Option<RefusalCode>,
        /// What the server wants of this client.
        next: Next,
        /// For a person.
        text: String,
    },
    /// Nothing came for two heartbeats.
    #[error("the server was silent for two heartbeats")]
    Silent,
    /// Hello and login were not answered.
    #[error("the server did not answer the login in time")]
    LoginTimeout,
    /// Wait for acks before sending more.
    #[error("{SENDS_PENDING_MAX} sends wait for their acks already: wait for one")]
    SendsPending,
    /// The body will not be accepted.
    #[error("a body of {0} bytes is over the limit of {BODY_BYTES_MAX}")]
    BodyTooLarge(usize),
    /// A request needs a session; there is none now.
    #[error("not logged in: try again once the client is connected")]
    NotLoggedIn,
    /// The connection went before the reply came.
    #[error("the connection was lost before the reply")]
    Disconnected,
    /// Wait for replies before asking more.
    #[error("too many requests wait for their replies: wait for one")]
    RequestsPending,
    /// No reply came.
    #[error("the server did not answer the request in time")]
    RequestTimeout,
    /// The server drains: come back elsewhere.
    #[error("the server is going away")]
    GoingAway,
    /// The server stopped reading.
    #[error("the server does not read what this client writes")]
    Unread,
    /// A login needs a token of a possible size.
    #[error("the token has {0} bytes; it must have 1 to {TOKEN_BYTES_MAX}")]
    Token(usize),
    /// A page is of a possible size.
    #[error("a limit of {0} is not within 1 to {PAGE_ROWS_MAX}")]
    Limit(u32),
    /// There is nobody to connect to.
    #[error("no address is given: give at least one host:port")]
    NoAddress,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// The network failed.
    #[error("could not {verb} {address}: {source}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With whom.
        address: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl ClientError {
    /// True if connecting again with the same credentials cannot help.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Version(_)
            | Self::Token(_)
            | Self::NoAddress
            | Self::Closed
            | Self::Frame(FrameError::Version(_)) => true,
            Self::Refused { code, .. } => code.is_some_and(ends_session),
            Self::SessionEnd { next, .. } => *next != Next::Again,
            Self::Frame(_)
            | Self::Unexpected(_)
            | Self::Silent
            | Self::LoginTimeout
            | Self::SendsPending
            | Self::BodyTooLarge(_)
            | Self::NotLoggedIn
            | Self::Disconnected
            | Self::RequestsPending
            | Self::RequestTimeout
            | Self::GoingAway
            | Self::Unread
            | Self::Limit(_)
            | Self::Io { .. } => false,
        }
    }
}

/// Whether the server closes the connection with this code.
pub(crate) fn ends_connection(code: RefusalCode) -> bool {
    use RefusalCode::{LoginTimeout, NotLoggedIn, Unresponsive};
    ends_session(code) || matches!(code, NotLoggedIn | LoginTimeout | Unresponsive)
}

/// Whether the same credentials (or this program) would be refused again, or would end the session that took this one's
/// place: there is no coming back by itself.
fn ends_session(code: RefusalCode) -> bool {
    code.next() != Next::Again
}
