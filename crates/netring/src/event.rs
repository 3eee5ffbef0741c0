//! What a net ring tells its caller. It does not know how any of it came about.

use std::io;

use crate::buffers::Chunk;
use crate::file_write::FileWrite;
use crate::id::ConnId;

/// One thing that happened. Every connection begins with `Accepted` or `Connected` and ends with
/// exactly one `Closed`; one that never came to be ends with `ConnectFailed`.
#[derive(Debug)]
pub enum Event {
    /// A peer connected to the listener; receiving is on.
    Accepted {
        /// The new connection.
        conn: ConnId,
    },
    /// A `connect` succeeded; receiving is on.
    Connected {
        /// The connection `connect` returned.
        conn: ConnId,
    },
    /// A `connect` failed, or was closed before it succeeded (`ECANCELED`).
    ConnectFailed {
        /// The connection `connect` returned; it is gone.
        conn: ConnId,
        /// The system's reason.
        error: io::Error,
    },
    /// Bytes arrived.
    Data {
        /// The connection.
        conn: ConnId,
        /// The bytes. It holds a receive buffer of the ring: drop it soon.
        chunk: Chunk,
    },
    /// The peer has said everything: it has shut down its side, or closed. Nothing more is received; what is sent may still
    /// arrive. The connection is to be closed. Only if the configuration keeps half-open connections.
    Ended {
        /// The connection.
        conn: ConnId,
    },
    /// All output was taken by the kernel; asked for with `notify_sent`, once each time.
    Sent {
        /// The connection.
        conn: ConnId,
    },
    /// The connection is gone, and its id with it.
    Closed {
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// Every slot is in use: nothing is accepted until a connection closes.
    AcceptPaused,
    /// An accept failed for want of resources; it is tried again shortly.
    ListenerError {
        /// The system's reason.
        error: io::Error,
    },
    /// A write to a file came back.
    Written {
        /// As it was given.
        write: Box<FileWrite>,
        /// Bytes written, or the system's reason.
        result: io::Result<usize>,
    },
    /// A `Waker` was used, once or more, since the last `Woken`.
    Woken,
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// This side closed it.
    Local,
    /// The peer closed it, or its half of it, and half-open connections are not kept.
    Eof,
    /// The peer reset it.
    Reset,
    /// The system's error number.
    Error(i32),
}

impl CloseReason {
    pub(crate) fn from_errno(errno: i32) -> Self {
        match errno {
            libc::ECONNRESET | libc::EPIPE => CloseReason::Reset,
            _ => CloseReason::Error(errno),
        }
    }
}
