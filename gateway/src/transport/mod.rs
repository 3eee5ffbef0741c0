//! How frames reach a client and come from it. It knows no session, no kind of frame and no user.
//!
//! A transport turns bytes into frames, and lends the buffers that frames for clients are written
//! into.

pub mod tcp;

use netring::ConnId;
use std::num::NonZeroU64;

/// A connection as its transport names it; nobody else reads the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Channel(NonZeroU64);

impl Channel {
    /// The channel over a connection of the net ring.
    ///
    /// # Panics
    /// The connection has the last of all names, which only the last of 2^32 slots of a core can
    /// have.
    #[must_use]
    pub fn of(conn: ConnId) -> Self {
        Self(NonZeroU64::new(!conn.to_bits()).expect("no core has 2^32 slots"))
    }

    /// The connection beneath.
    #[must_use]
    pub fn conn(self) -> ConnId {
        ConnId::from_bits(!self.0.get())
    }
}

/// Output of one channel.
pub struct Outbox<'a> {
    /// Frames are appended here.
    pub bytes: &'a mut Vec<u8>,
    /// Bytes that waited before: appended earlier, and not yet taken by the kernel.
    pub waiting: usize,
}

/// Lends the outboxes of channels.
pub trait Outboxes {
    /// The outbox; none when the channel is not open any more.
    fn outbox(&mut self, channel: Channel) -> Option<Outbox<'_>>;
}
