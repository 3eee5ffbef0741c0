//! What came of a backend's turn, as values.

use link::{Change, Clocks};
use netring::FileWrite;
use shard::command::Delivery;
use shard::partition::Partition;
use std::collections::BTreeSet;

/// What came of it. Whoever acts on it empties it.
#[derive(Default)]
pub struct News {
    /// For sessions of this core, in order.
    pub deliveries: Vec<Delivery>,
    /// Answers that nobody waits for any more.
    pub late: Vec<Delivery>,
    /// Partitions of which all sessions are to be registered.
    pub register: BTreeSet<Partition>,
    /// The epoch of the inboxes, if it was told.
    pub inbox_epoch: Option<u64>,
    /// The clocks of nodes, if they were looked at, and what is new of them.
    pub clocks: Option<(Clocks, Vec<Change>)>,
    /// Writes of the store to be begun.
    pub writes: Vec<FileWrite>,
}
