//! How frames reach a client and come from it. It knows no session, no kind of frame and no user.
//!
//! A transport turns bytes into frames, and lends the buffers that frames for clients are written
//! into.

pub mod tcp;
pub mod sealing;

pub use front::{Caller, Calls, Carrier, Poll};

use netring::ConnId;
use std::num::NonZeroU64;

/// A connection as its transport names it; nobody else reads the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelId(NonZeroU64);

/// A connection, and how it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// Its name.
    pub id: ChannelId,
    /// What carries its frames.
    pub carrier: Carrier,
    /// TLS lies beneath: what is written to it goes out sealed, or not at all.
    pub is_sealed: bool,
}

impl Channel {
    /// The channel over a connection of the net ring, of which nothing is known yet.
    ///
    /// # Panics
    /// The connection has the last of all names, which only the last of 2^32 slots of a core can
    /// have.
    #[must_use]
    pub fn of(conn: ConnId) -> Self {
        let bits = NonZeroU64::new(!conn.to_bits()).expect("no core has 2^32 slots");
        Self { id: ChannelId(bits), carrier: Carrier::New, is_sealed: false }
    }

    /// The connection beneath.
    #[must_use]
    pub fn conn(self) -> ConnId {
        self.id.conn()
    }
}

impl ChannelId {
    /// The connection beneath.
    #[must_use]
    pub fn conn(self) -> ConnId {
        ConnId::from_bits(!self.0.get())
    }
}

/// Output of one channel.
pub struct Outbox<'a> {
    /// What is to be sent is appended here.
    pub bytes: &'a mut Vec<u8>,
    /// Bytes that waited before: appended earlier, and not yet taken by the kernel.
    pub waiting: usize,
    /// What carries its frames.
    pub carrier: Carrier,
}

impl Outbox<'_> {
    /// Appends the one frame that `write` appends, as it is carried. Before a channel can carry any, it is not sent.
    pub fn frame<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        match self.carrier {
            Carrier::New | Carrier::Frames => write(self.bytes),
            Carrier::WebSocket => front::message(self.bytes, write),
            Carrier::Json => front::text(self.bytes, write),
            Carrier::Http => write(&mut Vec::new()),
            Carrier::Call { closes } => front::reply(closes, self.bytes, write),
        }
    }

    /// Asks the peer whether it is there: by a ping, which also a page that sleeps answers, or by the frame.
    pub fn probe(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        match self.carrier {
            Carrier::New | Carrier::Frames => write(self.bytes),
            Carrier::WebSocket | Carrier::Json => front::ping(self.bytes),
            Carrier::Http | Carrier::Call { .. } => {}
        }
    }
}

/// Lends the outboxes of channels.
pub trait Outboxes {
    /// The outbox; none when the channel is not open any more.
    fn outbox(&mut self, channel: Channel) -> Option<Outbox<'_>>;
}
