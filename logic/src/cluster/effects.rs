//! What goes into a node's ownership and what comes out, as values.

use super::tables::{LeaseChange, LeaseRow, Outcome, OwnerChange};
use shard::owner::{Epoch, OwnerRow};
use shard::partition::Partition;

/// One of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// A [`LeaseRow`] a node.
    Leases,
    /// An [`OwnerRow`] a partition.
    Owners,
}

/// What has arrived.
#[derive(Clone, Debug)]
pub enum Input {
    /// All leases, as read.
    Leases(Vec<LeaseRow>),
    /// All owners, as read.
    Owners(Vec<OwnerRow>),
    /// A table could not be read.
    Unread(Table),
    /// What became of a change of a lease.
    LeaseAnswer(LeaseChange, Outcome<LeaseRow>),
    /// What became of a change of an owner.
    OwnerAnswer(OwnerChange, Outcome<OwnerRow>),
    /// Another node tells of a change that was made.
    Told(OwnerRow),
    /// The shard has finished a partition after [`Effect::Stop`]: it commits nothing more under that epoch.
    Stopped(Partition, Epoch),
    /// Whether some gateway reaches this node. Who is not told counts it as reached.
    Reached(bool),
    /// The operator wants this node to leave.
    Leave,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read a whole table. Any consistency will do: whoever acts on a stale row is refused.
    Read(Table),
    /// Change a lease.
    ChangeLease(LeaseChange),
    /// Change an owner.
    ChangeOwner(OwnerChange),
    /// Tell the row's holder that it has a partition. May be lost.
    Tell(OwnerRow),
    /// Take the logs of a partition over under this epoch, and serve it before [`super::Ownership::valid_until`].
    Begin(Partition, Epoch),
    /// Take nothing new for a partition, finish what is in flight soon, then say [`Input::Stopped`].
    Stop(Partition, Epoch),
    /// Forget a partition at once: it is another's, or this life of the node is over.
    Drop(Partition, Epoch),
    /// This life is over: it has left, or others ended it. To come back, make a new [`super::Ownership`] with another token.
    Over,
}
