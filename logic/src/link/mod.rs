//! What travels between processes: frames of items, and the handshake before them. Pure: one [`Link`] an end, bytes in and
//! events out.
//!
//! It does not know sockets, clocks, who should dial whom, or what an item leads to. The secret
//! decides who may link. It does not hide what is said, nor protect it on the way: a link belongs
//! on a private network, or inside a tunnel.
//!
//! ```text
//! dialer                                    acceptor
//!    │ ◄──────────── Challenge{nonce} ───────── │
//!    │ ── Hello{cluster, peer, nonce, mac} ───► │  the peer knows the secret; the caller admits it, or not
//!    │ ◄──── Welcome{entry, holder, mac} ────── │  so does the acceptor; or Refused{text}, and the end
//!    │ ◄═════════════ Batch{items} ═══════════► │
//! ```

mod limits;
mod item;
mod frame;
mod intake;
mod secret;
mod handshake;
mod session;
mod line;

pub use frame::{FrameError, HEADER_BYTES, Kind, LINK_VERSION};
pub use handshake::{Admission, Nonce, Peer, PeerId};
pub use item::{Item, NodeAddress};
pub use limits::*;
pub use line::{HANDSHAKE_MS_MAX, Line, PING_MS, SILENT_MS_MAX};
pub use secret::{Secret, SecretError};
pub use session::{Event, Link, LinkError, Terms};
