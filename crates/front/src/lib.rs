//! What carries frames: from the bytes of a connection to the frames in them, and back. One port serves all of it: a
//! connection's first bytes say whether they are frames as they are, or an HTTP request that becomes a WebSocket, with frames
//! or JSON in its messages.
//!
//! Both ends are here: what a server hears, and what a client says. Everything is pure: bytes in, bytes out. It knows no
//! socket, no clock, no session, and not what a frame means.

mod limits;
mod detect;
mod mask;
mod socket;
mod say;
pub mod json;
mod text;
mod origin;
mod problem;
mod subprotocol;
mod upgrade;
mod head;
mod front;
mod client;

pub use client::{Client, ClientError, Told};
pub use front::{Bounds, Carrier, Fault, Front, Heard};
pub use limits::*;
pub use say::{message, parting, ping, pong};
pub use subprotocol::Subprotocol;
pub use text::text;
