//! What is said over a link, and whether it can be meant. It does not know bytes.
//!
//! An item may be lost with its link; whoever needs it says it again.

use super::limits::{LINK_ADDRESS_BYTES_MAX, LINK_NODES_MAX, LINK_OWNERS_MAX};
use shard::command::{Command, Delivery, Mail, ReplyTo};
use shard::owner::{Epoch, NodeId, OwnerRow};
use shard::partition::Partition;

/// Where a node listens for links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// Which node.
    pub node: NodeId,
    /// `host:port`, for the peers.
    pub address: String,
}

/// What a node reaches, so that a gateway can tell its own plight from everybody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Its store answers, and it may commit.
    pub serves: bool,
    /// The other nodes that it has links to, in their order.
    pub nodes: Vec<NodeId>,
}

/// One thing said over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "most items are the large ones")]
pub enum Item {
    /// From a gateway to the owner of the command's partition.
    Command {
        /// Counts the sender's rounds of this partition. A node that refused a command refuses the
        /// rest of its round.
        round: u32,
        /// The epoch of the owner that the sender means. A node in another epoch refuses: commands
        /// sent before this one may have been lost with an earlier owner.
        epoch: Epoch,
        /// What is asked.
        command: Command,
        /// Whom to answer. The node replaces the entry by the number that it gave this link.
        reply: ReplyTo,
    },
    /// To a gateway: a command of this round came to the wrong node.
    NotHere {
        /// Of which round.
        round: u32,
        /// What the node does not hold.
        partition: Partition,
    },
    /// To a gateway, for one of its connections.
    Delivery(Delivery),
    /// Between the shards of two nodes: for the one that holds the partition.
    Mail(Partition, Mail),
    /// Who owns what, as the sender knows.
    Owners(Vec<OwnerRow>),
    /// Which nodes there are, as the sender knows.
    Nodes(Vec<NodeAddress>),
    /// From a gateway: where its clients connect, `address:port`.
    ClientsAt(String),
    /// To a gateway: the epoch of all inboxes.
    InboxEpoch(u64),
    /// To a node: it holds this partition from now on.
    Told(OwnerRow),
    /// To a gateway: what the sender reaches, whenever that changes.
    Reach(Reach),
    /// Answered by [`Item::Pong`] with the same number.
    Ping(u64),
    /// Answers [`Item::Ping`].
    Pong {
        /// The question's number.
        number: u64,
        /// The answering process's wall clock, Unix ms; 0: its release does not tell.
        unix_ms: u64,
    },
}

impl Item {
    /// Whether a correct sender can have said it; what is done with the item may rely on that.
    pub(super) fn is_possible(&self) -> bool {
        match self {
            Self::Command { command, .. } => command.is_possible(),
            Self::Delivery(delivery) => delivery.answer.is_possible(),
            Self::Mail(_, mail) => mail.is_possible(),
            Self::Owners(rows) => rows.len() <= LINK_OWNERS_MAX,
            Self::Nodes(nodes) => {
                nodes.len() <= LINK_NODES_MAX
                    && nodes.iter().all(|node| node.address.len() <= LINK_ADDRESS_BYTES_MAX)
            }
            Self::Reach(reach) => reach.nodes.len() <= LINK_NODES_MAX,
            Self::ClientsAt(address) => address.len() <= LINK_ADDRESS_BYTES_MAX,
            Self::NotHere { .. } | Self::Told(_) => true,
            Self::InboxEpoch(_) | Self::Ping(_) | Self::Pong { .. } => true,
        }
    }
}
