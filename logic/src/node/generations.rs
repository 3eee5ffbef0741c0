//! The last generation of each peer that was let in, and over which link: one that was dialed before it comes too late.
//! It closes none.
//!
//! An acceptor gives a handshake up after some seconds, so what is forgotten long after that is not missed: when there are
//! too many peers, the one that was let in longest ago is.

use super::limits::GENERATIONS_MAX;
use link::PeerId;
use std::collections::{BTreeMap, HashMap};

/// As many peers as [`GENERATIONS_MAX`]; a link's name is an `L`.
#[derive(Debug)]
pub struct Generations<L> {
    last: HashMap<PeerId, LetIn<L>>,
    times: BTreeMap<u64, PeerId>,
    time: u64,
}

#[derive(Debug)]
struct LetIn<L> {
    generation: u64,
    /// The number of the time when it was.
    time: u64,
    link: L,
}

impl<L> Default for Generations<L> {
    fn default() -> Self {
        Self { last: HashMap::new(), times: BTreeMap::new(), time: 0 }
    }
}

impl<L> Generations<L> {
    /// The last one of a peer; 0: none is known.
    #[must_use]
    pub fn last(&self, peer: PeerId) -> u64 {
        self.last.get(&peer).map_or(0, |last| last.generation)
    }

    /// A peer was let in over a link. The link of before, if it is known.
    pub fn let_in(&mut self, peer: PeerId, generation: u64, link: L) -> Option<L> {
        self.time += 1;
        let before = self.last.insert(peer, LetIn { generation, time: self.time, link });
        if let Some(before) = &before {
            self.times.remove(&before.time);
        }
        self.times.insert(self.time, peer);
        if self.last.len() > GENERATIONS_MAX {
            let (_, oldest) = self.times.pop_first().expect("there are many");
            self.last.remove(&oldest);
        }
        assert_eq!(self.last.len(), self.times.len(), "each was let in at a time of its own");
        before.map(|before| before.link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(instance: u64) -> PeerId {
        PeerId::Gateway { instance, core: 0 }
    }

    #[test]
    fn the_peer_that_was_let_in_longest_ago_is_forgotten_and_no_other() {
        let mut generations = Generations::default();
        let count = GENERATIONS_MAX as u64;
        for instance in 0..count {
            assert_eq!(generations.let_in(peer(instance), 5, instance), None);
        }
        assert_eq!(generations.let_in(peer(0), 6, count), Some(0));
        assert_eq!((generations.last(peer(0)), generations.last(peer(1))), (6, 5));
        generations.let_in(peer(count), 5, 7);
        assert_eq!(generations.last(peer(1)), 0);
        let others = (2..=count).chain([0]);
        assert!(others.into_iter().all(|instance| generations.last(peer(instance)) > 0));
    }
}
