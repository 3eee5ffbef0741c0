//! What is kept of each connection. It does not know what a frame leads to.

use std::mem;

use wire::FrameBuffer;

use super::users::{Slot, Users};

/// Who a connection speaks for.
#[derive(Default)]
pub struct Session {
    /// None before login.
    pub uid: Option<u64>,
}

/// Where a frame came from, and when.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub slot: Slot,
    pub now_ms: u64,
}

/// One connection: what it received in part, and what it has to send.
#[derive(Default)]
pub struct Connection {
    pub frames: FrameBuffer,
    pub session: Session,
    pub out: Vec<u8>,
    /// The other buffer is with the kernel.
    pub sending: bool,
    /// In the list of those that have something to send.
    pub listed: bool,
    /// No more comes, and nothing more is sent.
    pub ended: bool,
}

/// All that the relay knows.
pub struct Relay {
    pub outboxes: Outboxes,
    pub users: Users,
}

/// The connections and what they have to send.
pub struct Outboxes {
    pub connections: Vec<Connection>,
    pub listed: Vec<Slot>,
}

impl Outboxes {
    /// Appends a frame for `slot`.
    pub fn append(&mut self, slot: Slot, encode: impl FnOnce(&mut Vec<u8>)) {
        let connection = self.at(slot);
        if !connection.ended {
            encode(&mut connection.out);
            self.list(slot);
        }
    }

    /// It has something to send.
    pub fn list(&mut self, slot: Slot) {
        if !mem::replace(&mut self.at(slot).listed, true) {
            self.listed.push(slot);
        }
    }

    /// A connection by its place.
    pub fn at(&mut self, slot: Slot) -> &mut Connection {
        &mut self.connections[slot as usize]
    }
}
