//! Where a shard's rows live. A shard asks by ticket and never waits; it does not know which store it has.
//!
//! It knows rows and no rules about them: what a seq means, or who may write, is the shard's.

mod limits;
mod memory;
mod codec;
mod offline_codec;
mod space;
mod plant;
mod damage;
mod home;
mod end;
mod log;
mod synced;
mod journals;
mod index_files;
mod held;
mod tables;
mod filling;
mod read;
mod expire;
mod open;
mod index;
mod embedded;
mod data_dir;
mod verify;

pub use damage::Damage;
pub use data_dir::{DataDir, DataDirError, random};
pub use embedded::{EmbeddedConfig, EmbeddedStore, OpenError};
pub use expire::Retention;
pub use home::Home;
pub use index::Wake;
pub use limits::READS_MAX;
pub use log::LogWrite;
pub use memory::MemoryStore;
pub use verify::{Report, verify};

use crate::command::Now;
use crate::rows::{Completion, Read, Row, StoreError, Ticket};

/// A shard's store.
pub enum Store {
    /// For tests and the simulator: nothing survives the process.
    Memory(Box<MemoryStore>),
    /// A log that the driver writes, and fjall behind it as its index.
    Embedded(Box<EmbeddedStore>),
    /// One partition of a store that is somewhere else.
    Remote(Box<dyn RemoteStore>),
}

/// A store outside of this process. Its rows are not written atomically, and a commit never fails: it completes once all of
/// its rows are durable. See [`Store`] for what each call does.
pub trait RemoteStore: Send {
    /// See [`Store::newest_id_ms`].
    fn newest_id_ms(&self) -> u64;
    /// See [`Store::opened`].
    fn opened(&mut self) -> Option<u64>;
    /// See [`Store::commit`].
    fn commit(&mut self, ticket: Ticket, batch: Vec<Row>);
    /// See [`Store::read`].
    fn read(&mut self, ticket: Ticket, read: Read);
    /// See [`Store::poll`].
    fn poll(&mut self, completions: &mut Vec<Completion>);
    /// See [`Store::in_flight`].
    fn in_flight(&self) -> usize;
}

impl Store {
    /// The latest time in an id of a message that the store had when it was opened, Unix ms; 0: it had none.
    #[must_use]
    pub fn newest_id_ms(&self) -> u64 {
        match self {
            Self::Memory(store) => store.newest_id_ms(),
            Self::Embedded(store) => store.newest_id_ms(),
            Self::Remote(store) => store.newest_id_ms(),
        }
    }

    /// What [`Store::newest_id_ms`] says, once it is known; until then nothing that was asked for is begun.
    pub fn opened(&mut self) -> Option<u64> {
        match self {
            Self::Memory(store) => Some(store.newest_id_ms()),
            Self::Embedded(store) => Some(store.newest_id_ms()),
            Self::Remote(store) => store.opened(),
        }
    }

    /// Asks for a batch to be written, all of it or nothing. Never blocks. Over CQL the rows are not
    /// atomic, and it never fails: it completes once all of them are durable.
    pub fn commit(&mut self, ticket: Ticket, batch: Vec<Row>) {
        match self {
            Self::Memory(store) => store.commit(ticket, batch),
            Self::Embedded(store) => store.commit(ticket, &batch),
            Self::Remote(store) => store.commit(ticket, batch),
        }
    }

    /// Asks a question. Never blocks. The answer knows every commit asked for before it that did not fail,
    /// and may know later ones.
    pub fn read(&mut self, ticket: Ticket, read: Read) {
        match self {
            Self::Memory(store) => store.read(ticket, read),
            Self::Embedded(store) => store.read(ticket, read),
            Self::Remote(store) => store.read(ticket, read),
        }
    }

    /// It is now: what is too old goes, a little at a time. To be called each turn. Never blocks.
    pub fn pass_time(&mut self, now: Now) {
        match self {
            Self::Embedded(store) => store.pass_time(now),
            // A server lets rows go by itself; what is in memory goes with its process.
            Self::Memory(_) | Self::Remote(_) => {}
        }
    }

    /// A write to a file that the store wants done now; the driver does it and says so by [`Store::on_written`]. To be
    /// asked for after each commit and each write. Never blocks.
    pub fn next_write(&mut self) -> Option<LogWrite> {
        match self {
            Self::Memory(_) => None,
            Self::Embedded(store) => store.next_write(),
            Self::Remote(_) => None,
        }
    }

    /// A write came back: with the bytes that are durable, or an error.
    ///
    /// # Panics
    /// The write is not this store's.
    pub fn on_written(&mut self, write: LogWrite, result: std::io::Result<usize>) {
        match self {
            Self::Memory(_) => panic!("a store in memory has no writes"),
            Self::Embedded(store) => store.on_written(write, result),
            Self::Remote(_) => panic!("a remote store has no writes"),
        }
    }

    /// Does the writes that the store wants, for a driver without a ring. Blocks.
    pub fn write_now(&mut self) {
        match self {
            Self::Memory(_) => {}
            Self::Embedded(store) => store.write_now(),
            Self::Remote(_) => {}
        }
    }

    /// Appends what has completed since the last call.
    pub fn poll(&mut self, completions: &mut Vec<Completion>) {
        match self {
            Self::Memory(store) => store.poll(completions),
            Self::Embedded(store) => store.poll(completions),
            Self::Remote(store) => store.poll(completions),
        }
    }

    /// What cannot be read: each file once. Reads of what is in it are refused, and nothing else.
    #[must_use]
    pub fn damaged(&self) -> &[String] {
        match self {
            Self::Embedded(store) => store.damaged(),
            Self::Memory(_) | Self::Remote(_) => &[],
        }
    }

    /// Requests whose completion was not polled yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        match self {
            Self::Memory(store) => store.in_flight(),
            Self::Embedded(store) => store.in_flight(),
            Self::Remote(store) => store.in_flight(),
        }
    }

    /// Does what was asked for, then closes. Completions that were not polled are dropped; a write that is on its way is
    /// not waited for. Blocks. Over CQL nothing is waited for: whoever takes the partition over makes good what is left.
    ///
    /// # Errors
    /// The failure that stopped the store, if one did.
    pub fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Embedded(store) => store.close(),
            Self::Remote(_) => Ok(()),
        }
    }
}
