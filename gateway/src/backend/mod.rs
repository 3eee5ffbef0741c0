//! Where shards are, for one core. A backend takes commands, and gives what entries are to be told.
//!
//! It knows no frame of a client and no connection but its own links to nodes.

pub mod post;
pub mod news;
pub mod local;
pub mod remote;

pub use local::Local;
pub use news::News;
pub use post::Post;
pub use remote::Remote;

use crate::metrics::CoreMetrics;
use netring::{ConnId, FileWrite, NetRing};
use shard::command::{Command, Now, ReplyTo, Session as SessionId};
use shard::partition::Partition;
use shard::rows::StoreError;
use std::io;
use std::net::SocketAddr;

/// Where shards are.
#[allow(clippy::large_enum_variant, reason = "there is one a core")]
pub enum Backend {
    /// One of them is of this core, the others of the other cores.
    Local(Local),
    /// In other processes.
    Remote(Box<Remote>),
}

impl Backend {
    /// Clients connect here, as others are told.
    pub fn set_clients_at(&mut self, address: SocketAddr) {
        if let Self::Remote(remote) = self {
            remote.set_clients_at(address);
        }
    }

    /// Takes a command. It is answered exactly once, unless it asks for no answer.
    pub fn submit(&mut self, command: Command, reply: ReplyTo, now: Now, news: &mut News) {
        match self {
            Self::Local(local) => local.submit(command, reply, now.mono_ms, news),
            Self::Remote(remote) => remote.submit(command, reply, now.mono_ms),
        }
    }

    /// A session is over before its login was answered: what was not carried out of it is not to
    /// be, for it could replace a newer session of the device.
    pub fn withdraw_login(&mut self, session: SessionId, news: &mut News) {
        match self {
            Self::Local(local) => local.withdraw_login(session, news),
            Self::Remote(remote) => remote.withdraw_login(session.key),
        }
    }

    /// Takes what other cores and the store have, once a turn.
    pub fn poll(&mut self, news: &mut News) {
        if let Self::Local(local) = self {
            local.poll(news);
        }
    }

    /// Goes on with all that was taken.
    pub fn step(&mut self, now: Now, news: &mut News) {
        match self {
            Self::Local(local) => local.step(now, news),
            Self::Remote(remote) => remote.step(now, news),
        }
    }

    /// Whether another step would do something now.
    #[must_use]
    pub fn has_work(&self) -> bool {
        match self {
            Self::Local(local) => local.has_work(),
            Self::Remote(remote) => remote.has_work(),
        }
    }

    /// Hands over what was gathered for others this turn.
    pub fn flush(&mut self, now: Now, ring: &mut NetRing) {
        match self {
            Self::Local(local) => local.flush(),
            Self::Remote(remote) => remote.flush(now.mono_ms, ring),
        }
    }

    /// In how many ms it wants a turn, though nothing happened.
    #[must_use]
    pub fn patience_ms(&self, now: Now) -> u64 {
        match self {
            Self::Local(local) => local.patience_ms(now.mono_ms),
            Self::Remote(remote) => remote.patience_ms(),
        }
    }

    /// Nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Local(local) => local.is_idle(),
            Self::Remote(remote) => remote.pending() == 0,
        }
    }

    /// Why it cannot go on, if it cannot.
    #[must_use]
    pub fn failed(&self) -> Option<StoreError> {
        match self {
            Self::Local(local) => local.failed(),
            Self::Remote(_) => None,
        }
    }

    /// Ends it: what was acknowledged is stored. Blocks.
    ///
    /// # Errors
    /// The store's failure.
    pub fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Local(local) => local.close(),
            Self::Remote(_) => Ok(()),
        }
    }

    /// What of the store cannot be read, each file once.
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        match self {
            Self::Local(local) => local.damaged(),
            Self::Remote(_) => &[],
        }
    }

    /// Shows what it has.
    pub fn show(&self, now: Now, metrics: &CoreMetrics) {
        match self {
            Self::Local(local) => local.show(metrics),
            Self::Remote(remote) => {
                metrics.shard_in_flight.set(remote.pending() as u64);
                metrics.partitions_reachable.set(remote.reached().partitions() as u64);
                metrics.nodes_missed.set(remote.reached().missed(now.mono_ms) as u64);
            }
        }
    }

    /// Whether a command of this partition can be done now, as far as is known.
    #[must_use]
    pub fn serves(&self, partition: Partition) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Remote(remote) => remote.serves(partition),
        }
    }

    /// Whether a connection is one of its own.
    #[must_use]
    pub fn has(&self, conn: ConnId) -> bool {
        match self {
            Self::Local(_) => false,
            Self::Remote(remote) => remote.has(conn),
        }
    }

    /// A connection of its own is there.
    pub fn on_connected(&mut self, conn: ConnId, now: Now) {
        if let Self::Remote(remote) = self {
            remote.on_connected(conn, now.mono_ms);
        }
    }

    /// Bytes came on a connection of its own.
    pub fn on_data(
        &mut self,
        conn: ConnId,
        bytes: &[u8],
        now: Now,
        (ring, news): (&mut NetRing, &mut News),
    ) {
        if let Self::Remote(remote) = self {
            remote.on_data(conn, bytes, now, (ring, news));
        }
    }

    /// A connection of its own is gone, or never came to be.
    pub fn on_closed(&mut self, conn: ConnId, now: Now, ring: &NetRing, news: &mut News) {
        if let Self::Remote(remote) = self {
            remote.on_closed(conn, now.mono_ms, (ring, news));
        }
    }

    /// A write of the store came back.
    pub fn on_written(&mut self, write: FileWrite, result: io::Result<usize>, news: &mut News) {
        if let Self::Local(local) = self {
            local.on_written(write, result, news);
        }
    }
}

#[cfg(test)]
mod tests;
