//! What travels between processes: frames of items, and the handshake before them. Pure, but for
//! [`dial`]: one [`Link`] an end, bytes in and events out.
//!
//! It does not know sockets, clocks, who should dial whom, or what an item leads to. The secret
//! decides who may link. It does not hide what is said, nor protect it on the way: a link belongs
//! on a private network, or inside a tunnel.
//!
//! ```text
//! dialer                                    acceptor
//!    │ ◄─ Challenge{nonce, versions, features}─ │
//!    │ ─ Hello{mac, versions, peer, cluster} ─► │  the peer knows the secret; the caller admits it, or not
//!    │ ◄──── Welcome{mac, entry, holder} ────── │  so does the acceptor; or Refused{text}, and the end
//!    │ ◄═════════════ Batch{items} ═══════════► │  in the highest version that both speak
//! ```

mod plant;
mod versions;
mod limits;
mod item;
mod lane;
mod secret;
mod handshake;
mod fields;
mod codec;
mod next;
mod frame;
mod batch;
mod intake;
mod session;
mod apart;
mod clocks;
mod line;
mod backoff;
pub mod dial;

pub use apart::{Apart, Reading};
pub use backoff::Backoff;
pub use clocks::{Change, Clocks, Distance, Host, Own};
pub use frame::{FrameError, HANDSHAKE_VERSION, HEADER_BYTES, Kind};
pub use handshake::{Admission, Agreed, Nonce, Peer, PeerId};
pub use item::{Item, NodeAddress, Reach};
pub use lane::{Lane, LinkDrop};
pub use limits::*;
pub use line::{HANDSHAKE_MS_MAX, Line, PING_MS, SILENT_MS_MAX};
pub use secret::{Secret, SecretError};
pub use session::{Event, Link, LinkError, Terms};
pub use versions::Versions;
