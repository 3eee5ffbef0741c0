//! One session and where its connection stands; and from the net ring's ids back to it.

use crate::failure::Failure;
use client::machine::Machine;
use front::Poller;
use netring::ConnId;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not wanted.
    Away,
    /// Waits for its time to come back.
    Waiting,
    /// Waits for a place among the logins under way.
    Queued,
    Dialing,
    LoggingIn,
    LoggedIn,
}

pub(super) struct Connection {
    pub machine: Machine,
    pub conn: Option<ConnId>,
    /// Of a connection in TLS.
    pub tls: Option<Box<front::Tls>>,
    /// Of a connection that is a WebSocket, or will be.
    pub socket: Option<Box<front::Client>>,
    /// Of one that polls.
    pub polling: Option<Box<Polling>>,
    /// When its one timer fires; `u64::MAX` for never.
    pub timer_ms: u64,
    pub dialed_ns: u64,
    /// Which of the targets it dials: they take turns.
    pub target: usize,
    pub state: State,
    /// Come back when lost.
    pub wanted: bool,
}

/// What a session has beside the connection that polls.
pub(super) struct Polling {
    pub poller: Poller,
    /// The connection of its requests.
    pub requests: Option<ConnId>,
    /// That is dialed.
    pub is_open: bool,
}

impl Connection {
    pub fn new(machine: Machine, target: usize) -> Self {
        Self {
            machine,
            conn: None,
            tls: None,
            socket: None,
            polling: None,
            timer_ms: u64::MAX,
            dialed_ns: 0,
            target,
            state: State::Away,
            wanted: false,
        }
    }

    /// Whether a connection is the one of its requests.
    pub fn requests_by(&self, conn: ConnId) -> bool {
        self.polling.as_ref().is_some_and(|polling| polling.requests == Some(conn))
    }
}

/// From the net ring's slots to places: by table, then slot. The lower half of a [`ConnId`] names both.
#[derive(Default)]
pub(super) struct Places {
    tables: Vec<Vec<u32>>,
}

const SLOT_BITS: u32 = 20;
const TABLE_BITS: u32 = 12;

impl Places {
    pub fn set(&mut self, conn: ConnId, index: usize) -> Result<(), Failure> {
        let (table, slot) = split(conn);
        if self.tables.len() <= table {
            self.tables.resize_with(table + 1, Vec::new);
        }
        let slots = &mut self.tables[table];
        if slots.len() <= slot {
            slots.resize(slot + 1, u32::MAX);
        }
        slots[slot] = u32::try_from(index).map_err(|_| {
            Failure::Preflight("more than 2^32 connections: start several loadgens".into())
        })?;
        Ok(())
    }

    /// The last place that was given this slot; the caller compares the whole id.
    pub fn get(&self, conn: ConnId) -> Option<usize> {
        let (table, slot) = split(conn);
        let index = *self.tables.get(table)?.get(slot)?;
        (index != u32::MAX).then_some(index as usize)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "20 and 12 bits")]
fn split(conn: ConnId) -> (usize, usize) {
    let bits = conn.to_bits();
    let table = (bits >> SLOT_BITS) & ((1 << TABLE_BITS) - 1);
    (table as usize, (bits & ((1 << SLOT_BITS) - 1)) as usize)
}
