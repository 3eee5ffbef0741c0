//! Which node should have a partition: the one with the highest hash of both. A node that comes or goes moves only its
//! own share. It does not know which nodes are alive.

use shard::owner::NodeId;
use shard::partition::Partition;

/// The node that should have `partition`; `None` if there are none.
pub fn winner(partition: Partition, nodes: impl IntoIterator<Item = NodeId>) -> Option<NodeId> {
    nodes.into_iter().max_by_key(|node| (weight(partition, *node), *node))
}

/// The finalizer of murmur3 over both numbers: the map must never change with a library.
fn weight(partition: Partition, node: NodeId) -> u64 {
    let mut hash =
        (u64::from(partition.number()) << 16 | u64::from(node.0)) ^ 0x5bd1_e995_7f4a_7c15;
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shard::limits::PARTITIONS;

    fn share(node: u16, nodes: u16) -> usize {
        let wins = |partition| winner(partition, (0..nodes).map(NodeId)) == Some(NodeId(node));
        Partition::all(PARTITIONS).filter(|partition| wins(*partition)).count()
    }

    #[test]
    fn shares_are_within_a_third_of_even() {
        for nodes in 1..=10 {
            let even = usize::from(PARTITIONS / nodes);
            for node in 0..nodes {
                let share = share(node, nodes);
                assert!(
                    (even * 2 / 3..=even * 4 / 3).contains(&share),
                    "{node} of {nodes}: {share}"
                );
            }
        }
    }

    #[test]
    fn a_node_that_joins_takes_only_its_own_share() {
        let nodes = |count: u16| (0..count).map(NodeId);
        for partition in Partition::all(PARTITIONS) {
            let (before, after) = (winner(partition, nodes(4)), winner(partition, nodes(5)));
            assert!(
                before == after || after == Some(NodeId(4)),
                "{partition:?} moved between old nodes"
            );
        }
    }

    #[test]
    fn nobody_wins_among_none() {
        assert_eq!(winner(Partition::all(1).next().expect("one"), []), None);
    }
}
