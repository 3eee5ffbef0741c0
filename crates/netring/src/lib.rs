//! Sockets on io_uring inside a [glommio] executor: one [`NetRing`] serves the connections of one
//! thread, from a handful to hundreds of thousands, with one system call for a batch of them.
//!
//! A net ring has no tasks and no callbacks. Its user runs one loop: wait, take events, append
//! output.
//!
//! ```no_run
//! # async fn serve() -> Result<(), netring::Error> {
//! use netring::{Config, Event, NetRing};
//!
//! let mut ring = NetRing::new(Config::default())?;
//! ring.listen("127.0.0.1:7000".parse().expect("an address"), 1_024)?;
//! loop {
//!     // Sends what the last turn appended, sleeps if there is nothing to do.
//!     ring.wait(None).await?;
//!     while let Some(event) = ring.next_event() {
//!         if let Event::Data { conn, chunk } = event
//!             && let Some(outbox) = ring.outbox(conn)
//!         {
//!             outbox.extend_from_slice(chunk.bytes());
//!         }
//!     }
//! }
//! # }
//! ```
//!
//! # What holds
//! - A connection begins with [`Event::Accepted`] or [`Event::Connected`] and ends with exactly one
//!   [`Event::Closed`]. A [`ConnId`] reaches no other connection, ever.
//! - An idle connection is 32 bytes here, and no buffer: receive buffers are the ring's, lent by
//!   [`Chunk`]; output vectors exist while there is output.
//! - No accepted connection is dropped for want of a slot: when all are in use the rest wait in the
//!   listener's backlog.
//! - [`NetRing::wait`] gives other tasks of the executor their turn, at least every millisecond.
//!
//! # What is the caller's
//! - Bounding an outbox: see [`NetRing::outbox_len`], [`NetRing::pause`], [`NetRing::notify_sent`].
//! - Dropping chunks soon.
//! - Timeouts of connects and idle connections.

pub mod limits;
pub mod names;
mod error;
mod config;
mod id;
mod event;
mod stats;
mod net_ring;
mod sleep;
mod tick;
mod waker;
mod acceptor;
mod table;
mod dial;
mod transfer;
mod closing;
mod file_writes;
mod file_write;
mod mapped_file;
mod teardown;
mod slot;
mod outbox;
mod buffers;
mod ops;
mod uring;
mod address;

pub use buffers::Chunk;
pub use config::Config;
pub use error::Error;
pub use event::{CloseReason, Event};
pub use file_write::FileWrite;
pub use id::ConnId;
pub use mapped_file::MappedFile;
pub use net_ring::NetRing;
pub use stats::Stats;
pub use uring::check;
pub use waker::Waker;
