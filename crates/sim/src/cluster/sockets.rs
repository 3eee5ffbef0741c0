//! The sockets of a process, as its core has them: what it appended, and what it asked for, until the world takes that
//! after a turn. It knows nobody at the other ends.

use crate::random::Random;
use gateway::transport::{Channel, Outbox, Outboxes};
use link::LINK_PUSHES_BYTES_MAX;
use link::dial::Ring;
use netring::ConnId;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Where a process is dialed.
pub type Address = std::net::SocketAddr;

/// The table of connections that this process dialed. Those that were accepted are in the first one.
const DIALED: u16 = 1;

/// What a core wants of a connection.
#[derive(Debug)]
pub enum Asked {
    /// Dial it.
    Dial(ConnId, Address),
    /// Send this.
    Send(ConnId, Vec<u8>),
    /// Close it.
    Close(ConnId),
    /// Close it and drop what is under way.
    CloseNow(ConnId),
}

/// The connections of a process that are open, and what it wants of them.
#[derive(Debug)]
pub struct Sockets {
    outboxes: BTreeMap<ConnId, Vec<u8>>,
    asked: Vec<Asked>,
    dials: u32,
    /// In so many of 1,000 cases it seems that a peer does not read: too much waits for it, for a push or mail.
    crowded: u64,
    random: RefCell<Random>,
}

impl Sockets {
    /// None is open.
    #[must_use]
    pub fn new(random: Random) -> Self {
        let (outboxes, asked) = (BTreeMap::new(), Vec::new());
        Self { outboxes, asked, dials: 0, crowded: 0, random: RefCell::new(random) }
    }

    /// How often it seems from now on that a peer does not read, in permille.
    pub fn set_crowded(&mut self, crowded: u64) {
        self.crowded = crowded;
    }

    /// Somebody connected.
    pub fn on_accepted(&mut self, conn: ConnId) {
        self.outboxes.insert(conn, Vec::new());
    }

    /// A connection is gone.
    pub fn on_closed(&mut self, conn: ConnId) {
        self.outboxes.remove(&conn);
    }

    /// What was asked for in a turn, in order; what was appended to a connection comes before its end.
    pub fn take(&mut self) -> Vec<Asked> {
        let mut asked = std::mem::take(&mut self.asked);
        for (conn, outbox) in self.outboxes.iter_mut().filter(|(_, outbox)| !outbox.is_empty()) {
            asked.push(Asked::Send(*conn, std::mem::take(outbox)));
        }
        asked
    }
}

impl Ring for Sockets {
    fn connect(&mut self, address: Address) -> Option<ConnId> {
        self.dials += 1;
        let conn = ConnId::new(DIALED, self.dials, 1);
        self.outboxes.insert(conn, Vec::new());
        self.asked.push(Asked::Dial(conn, address));
        Some(conn)
    }

    fn outbox(&mut self, conn: ConnId) -> Option<&mut Vec<u8>> {
        self.outboxes.get_mut(&conn)
    }

    fn outbox_len(&self, _: ConnId) -> usize {
        let is_crowded = self.crowded > 0 && self.random.borrow_mut().permille(self.crowded);
        if is_crowded { LINK_PUSHES_BYTES_MAX + 1 } else { 0 }
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(bytes) = self.outboxes.remove(&conn) {
            self.asked.extend([Asked::Send(conn, bytes), Asked::Close(conn)]);
        }
    }

    fn close_now(&mut self, conn: ConnId) {
        if self.outboxes.remove(&conn).is_some() {
            self.asked.push(Asked::CloseNow(conn));
        }
    }
}

impl Outboxes for Sockets {
    fn outbox(&mut self, channel: Channel) -> Option<Outbox<'_>> {
        let bytes = self.outboxes.get_mut(&channel.conn())?;
        Some(Outbox { bytes, waiting: 0, carrier: channel.carrier })
    }
}
