//! Where a shard's rows live. A shard asks by ticket and never waits; it does not know which store it has.
//!
//! It knows rows and no rules about them: what a seq means, or who may write, is the shard's.

mod limits;
mod memory;
mod page;
mod codec;
mod tables;
mod read;
mod space;
mod plant;
mod embedded;
mod data_dir;

pub use data_dir::{DataDir, DataDirError};
pub use embedded::{EmbeddedConfig, EmbeddedStore, OpenError, Wake};
pub use memory::MemoryStore;

use crate::rows::{Completion, Read, Row, StoreError, Ticket};

/// A shard's store.
pub enum Store {
    /// For tests and the simulator: nothing survives the process.
    Memory(MemoryStore),
    /// fjall on a thread of its own.
    Embedded(EmbeddedStore),
}

impl Store {
    /// Asks for a batch to be written, all of it or nothing. Never blocks.
    pub fn commit(&mut self, ticket: Ticket, batch: Vec<Row>) {
        match self {
            Self::Memory(store) => store.commit(ticket, batch),
            Self::Embedded(store) => store.commit(ticket, batch),
        }
    }

    /// Asks a question. Never blocks. The answer knows every commit asked for before it that did not fail,
    /// and may know later ones.
    pub fn read(&mut self, ticket: Ticket, read: Read) {
        match self {
            Self::Memory(store) => store.read(ticket, read),
            Self::Embedded(store) => store.read(ticket, read),
        }
    }

    /// Appends what has completed since the last call.
    pub fn poll(&mut self, completions: &mut Vec<Completion>) {
        match self {
            Self::Memory(store) => store.poll(completions),
            Self::Embedded(store) => store.poll(completions),
        }
    }

    /// Requests whose completion was not polled yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        match self {
            Self::Memory(store) => store.in_flight(),
            Self::Embedded(store) => store.in_flight(),
        }
    }

    /// Does what was asked for, then closes. Completions that were not polled are dropped. Blocks.
    ///
    /// # Errors
    /// The failure that stopped the store, if one did.
    pub fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Embedded(store) => store.close(),
        }
    }
}
