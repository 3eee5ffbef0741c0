//! What the threads of a node tell each other.

use crate::fence::Fence;
use link::{Host, NodeAddress, Reading};
use shard::command::{Command, Delivery, Mail, ReplyTo};
use shard::owner::{Epoch, OwnerRow};
use shard::partition::Partition;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// From core to core.
#[derive(Debug)]
pub enum Post {
    /// From an entry whose link another core has.
    Command {
        /// Of the entry's sends to this partition.
        round: u32,
        /// The owner's that the entry means.
        epoch: Epoch,
        /// What is asked.
        command: Command,
        /// By whom.
        reply: ReplyTo,
    },
    /// To the core that has the entry's link: this and what follows of the round was not taken.
    NotHere {
        /// Which entry.
        entry: u16,
        /// Of its sends to the partition.
        round: u32,
        /// Which partition.
        partition: Partition,
    },
    /// To the core that has the entry's link.
    Delivery(Delivery),
    /// To the core that has the partition.
    Mail(Partition, Mail),
    /// To every core: where the clients of an entry connect.
    ClientsAt(u16, SocketAddr),
    /// The link of an entry is gone, and its sessions with it.
    Gone(u16),
    /// To the first core: what somebody's clock shows.
    Clock(Host, Reading),
}

/// From the task that keeps the lease to the cores.
#[derive(Clone, Debug)]
pub enum Control {
    /// See [`crate::cluster::Effect::Begin`]. The fence is that of the life which begins it.
    Begin(Partition, Epoch, Arc<Fence>),
    /// See [`crate::cluster::Effect::Stop`].
    Stop(Partition, Epoch),
    /// See [`crate::cluster::Effect::Drop`].
    Drop(Partition, Epoch),
    /// Owners that are new.
    Owners(Arc<[OwnerRow]>),
    /// All nodes that take part, with their addresses.
    Nodes(Arc<[NodeAddress]>),
    /// See [`crate::cluster::Effect::Tell`].
    Tell(OwnerRow),
    /// To the first core: what the store's clock shows.
    StoreClock {
        /// Unix ms.
        unix_ms: u64,
        /// When it was asked.
        asked: Instant,
        /// When it had answered.
        answered: Instant,
    },
}
