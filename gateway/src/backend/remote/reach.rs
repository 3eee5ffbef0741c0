//! What an entry reaches of the cluster, held against what the nodes reach: whether clients would be served better by
//! another gateway. Pure: it knows no sockets and no clock.
//!
//! A node that is dead is missed by everybody, and another gateway would not help: that is no reason to send clients away.
//! A node that others reach, and that owns partitions, is missed here only: clients are better off elsewhere. Nodes own
//! partitions only while some gateway reaches them, so not all gateways miss the same node for long.

use crate::limits::REMOTE_MISSED_MS;
use link::Reach;
use shard::owner::NodeId;
use std::collections::BTreeMap;

/// The nodes that are linked, and those that ought to be.
#[derive(Debug, Default)]
pub struct Reached {
    /// What each linked node said last.
    said: BTreeMap<NodeId, Reach>,
    /// How many partitions each owner has.
    owned: BTreeMap<NodeId, usize>,
    /// Owners that another node reaches and this entry does not, and when that counts.
    missed: BTreeMap<NodeId, u64>,
    /// There was a time when none was missed.
    was_whole: bool,
}

impl Reached {
    /// There is a link to a node. Until it says otherwise it serves: one of the release before says nothing.
    pub fn on_link_up(&mut self, node: NodeId, now_ms: u64) {
        self.on_reach(node, Reach { serves: true, nodes: Vec::new() }, now_ms);
    }

    /// There is none any more.
    pub fn on_link_down(&mut self, node: NodeId, now_ms: u64) {
        self.said.remove(&node);
        self.look(now_ms);
    }

    /// A linked node says what it reaches.
    pub fn on_reach(&mut self, node: NodeId, reach: Reach, now_ms: u64) {
        self.said.insert(node, reach);
        self.look(now_ms);
    }

    /// So many partitions each node owns.
    pub fn on_owners(&mut self, owned: BTreeMap<NodeId, usize>, now_ms: u64) {
        self.owned = owned;
        self.look(now_ms);
    }

    /// Partitions whose owner is linked and serves.
    #[must_use]
    pub fn partitions(&self) -> usize {
        let served = self.owned.iter().filter(|(node, _)| self.serves(**node));
        served.map(|(_, partitions)| partitions).sum()
    }

    /// Whether a node is linked and serves.
    #[must_use]
    pub fn serves(&self, node: NodeId) -> bool {
        self.said.get(&node).is_some_and(|reach| reach.serves)
    }

    /// How many nodes clients would reach through another gateway, and have not through this one for long.
    #[must_use]
    pub fn missed(&self, now_ms: u64) -> usize {
        self.missed.values().filter(|from_ms| **from_ms <= now_ms).count()
    }

    fn look(&mut self, now_ms: u64) {
        let Self { said, owned, missed, was_whole } = self;
        let is_missed = |node: &NodeId| {
            !said.contains_key(node) && said.values().any(|reach| reach.nodes.contains(node))
        };
        missed.retain(|node, _| owned.contains_key(node) && is_missed(node));
        // A link is dialed again before it is missed; one that never was is missed at once.
        let from_ms = now_ms + if *was_whole { REMOTE_MISSED_MS } else { 0 };
        for node in owned.keys().filter(|node| is_missed(node)) {
            missed.entry(*node).or_insert(from_ms);
        }
        *was_whole |= !owned.is_empty() && missed.is_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);

    fn owned(counts: &[(NodeId, usize)]) -> BTreeMap<NodeId, usize> {
        counts.iter().copied().collect()
    }

    fn reaches(nodes: &[NodeId]) -> Reach {
        Reach { serves: true, nodes: nodes.to_vec() }
    }

    /// Linked to two nodes that have half of the partitions each.
    fn whole() -> Reached {
        let mut reached = Reached::default();
        for (node, other) in [(ONE, TWO), (TWO, ONE)] {
            reached.on_link_up(node, 0);
            reached.on_reach(node, reaches(&[other]), 0);
        }
        reached.on_owners(owned(&[(ONE, 512), (TWO, 512)]), 0);
        assert_eq!((reached.partitions(), reached.missed(u64::MAX)), (1_024, 0));
        reached
    }

    #[test]
    fn a_node_that_is_gone_for_all_is_not_missed() {
        let mut reached = whole();
        reached.on_link_down(TWO, 10);
        reached.on_reach(ONE, reaches(&[]), 20);
        assert_eq!((reached.partitions(), reached.missed(u64::MAX)), (512, 0));
        reached.on_owners(owned(&[(ONE, 1_024)]), 5_000);
        assert_eq!((reached.partitions(), reached.missed(u64::MAX)), (1_024, 0));
    }

    #[test]
    fn a_node_that_others_reach_is_missed_after_a_while() {
        let mut reached = whole();
        reached.on_link_down(TWO, 10);
        reached.on_reach(ONE, reaches(&[TWO]), 20);
        assert_eq!(reached.missed(10 + REMOTE_MISSED_MS - 1), 0);
        assert_eq!(reached.missed(10 + REMOTE_MISSED_MS), 1);
        reached.on_link_up(TWO, 30);
        assert_eq!(reached.missed(u64::MAX), 0);
    }

    #[test]
    fn a_node_that_owns_nothing_is_not_missed() {
        let mut reached = whole();
        reached.on_link_down(TWO, 10);
        assert_eq!(reached.missed(u64::MAX), 1);
        reached.on_owners(owned(&[(ONE, 1_024)]), 20);
        assert_eq!(reached.missed(u64::MAX), 0);
    }

    #[test]
    fn who_starts_is_not_ready_before_it_reaches_what_others_do() {
        let mut reached = Reached::default();
        reached.on_link_up(ONE, 0);
        reached.on_reach(ONE, reaches(&[TWO]), 0);
        reached.on_owners(owned(&[(ONE, 512), (TWO, 512)]), 0);
        assert_eq!((reached.partitions(), reached.missed(0)), (512, 1));
        reached.on_link_up(TWO, 300);
        assert_eq!((reached.partitions(), reached.missed(300)), (1_024, 0));
    }

    #[test]
    fn the_partitions_of_a_node_without_its_store_are_not_reached() {
        let mut reached = whole();
        reached.on_reach(TWO, Reach { serves: false, nodes: vec![ONE] }, 10);
        assert_eq!((reached.partitions(), reached.missed(u64::MAX)), (512, 0));
        reached.on_reach(ONE, Reach { serves: false, nodes: vec![TWO] }, 10);
        assert_eq!(reached.partitions(), 0);
        reached.on_reach(ONE, reaches(&[TWO]), 20);
        assert_eq!(reached.partitions(), 512);
    }
}
