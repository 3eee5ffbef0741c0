//! What carries frames: from the bytes of a connection to the frames in them, and back. One port serves all of it: a
//! connection's first bytes say whether they are frames as they are, an HTTP request that becomes a WebSocket, with frames or
//! JSON in its messages, HTTP requests that each stand for a frame as JSON, or TLS with any of these in it.
//!
//! Both ends are here: what a server hears, and what a client says. Everything is pure: bytes in, bytes out. It knows no
//! socket, no session, not what a frame means nor which pages there are; no clock but the one by which rustls lets tickets grow old and judges
//! certificates.

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
mod asked;
mod call;
mod reply;
mod head;
mod request;
mod validity;
mod trust;
mod tls;
mod heard;
mod sealed;
mod front;
mod client;
mod answer;
mod poller;

pub use asked::{Asked, Method};
pub use call::{Caller, Calls, Poll};
pub use client::{Client, ClientError, Told};
pub use front::Front;
pub use heard::{Bounds, Carrier, Common, Fault, Heard, Security};
pub use limits::*;
pub use poller::{Lane, Poller};
pub use reply::{Said, reply, said, status};
pub use rustls::pki_types::ServerName;
pub use rustls::server::{ClientHello, ResolvesServerCert};
pub use rustls::sign::CertifiedKey;
pub use rustls::{ClientConfig, ServerConfig};
pub use say::{message, parting, ping, pong};
pub use subprotocol::Subprotocol;
pub use text::text;
pub use tls::{Read, Tls};
pub use trust::{Part, TrustError, certified_key, client, server};
pub use validity::expires_unix_s;
