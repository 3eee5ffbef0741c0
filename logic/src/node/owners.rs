//! What a core knows of who owns which partition, and where the nodes are. It knows no lease.

use link::NodeAddress;
use shard::limits::PARTITIONS;
use shard::owner::{NodeId, OwnerRow};
use shard::partition::Partition;

/// The newest owner row of each partition, and the nodes, as one core was told.
#[derive(Debug)]
pub struct Owners {
    rows: Vec<Option<OwnerRow>>,
    nodes: Vec<NodeAddress>,
}

impl Default for Owners {
    fn default() -> Self {
        Self { rows: vec![None; usize::from(PARTITIONS)], nodes: Vec::new() }
    }
}

impl Owners {
    /// Takes owners that are new; epochs only grow.
    pub fn learn(&mut self, rows: &[OwnerRow]) {
        for row in rows {
            let known = &mut self.rows[usize::from(row.partition.number())];
            if known.is_none_or(|known| known.epoch < row.epoch) {
                *known = Some(*row);
            }
        }
    }

    /// Takes the nodes that take part.
    pub fn set_nodes(&mut self, nodes: &[NodeAddress]) {
        self.nodes = nodes.to_vec();
    }

    /// The node to send to for a partition.
    #[must_use]
    pub fn of(&self, partition: Partition) -> Option<NodeId> {
        self.rows[usize::from(partition.number())].map(|row| row.holder.node)
    }

    /// Every owner that is known.
    #[must_use]
    pub fn rows(&self) -> Vec<OwnerRow> {
        self.rows.iter().flatten().copied().collect()
    }

    /// The nodes that take part.
    #[must_use]
    pub fn nodes(&self) -> &[NodeAddress] {
        &self.nodes
    }
}
