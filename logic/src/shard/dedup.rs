//! Which ids a shard has seen, without asking its store on the normal path.
//!
//! An id carries its time. One made after [`Dedup::floor_ms`] plus the clock skew cannot have been here before
//! the floor, and whatever was here since is remembered. It does not know what is stored.

use crate::limits::{DEDUP_ENTRIES_MAX, DEDUP_WINDOW_MS};
use hashbrown::HashMap;
use std::collections::VecDeque;
use wire::{CLOCK_SKEW_MS_MAX, ClientMsgId, Conversation, MessageId, Seq, Uid};

/// What a sender's id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub conversation: Conversation,
    pub seq: Seq,
    pub message_id: MessageId,
    pub time_ms: u64,
    pub body_hash: u64,
    /// Acknowledged: both inboxes have it.
    pub settled: bool,
}

/// The ids of the last [`DEDUP_WINDOW_MS`].
pub(super) struct Dedup {
    seen: HashMap<(Uid, ClientMsgId), Seen>,
    order: VecDeque<(u64, Uid, ClientMsgId)>,
    floor_ms: u64,
}

impl Dedup {
    /// `floor_ms`: when this owner took over, Unix ms; 0 if nothing was ever stored before.
    pub fn new(floor_ms: u64) -> Self {
        Self { seen: HashMap::new(), order: VecDeque::new(), floor_ms }
    }

    /// Whether an id made at `id_ms` would be remembered if it had been here.
    pub fn is_sure(&self, id_ms: u64) -> bool {
        id_ms.saturating_sub(CLOCK_SKEW_MS_MAX) > self.floor_ms || self.floor_ms == 0
    }

    pub fn find(&mut self, from: Uid, id: ClientMsgId) -> Option<&mut Seen> {
        self.seen.get_mut(&(from, id))
    }

    pub fn insert(&mut self, from: Uid, id: ClientMsgId, seen: Seen, now_ms: u64) {
        if self.seen.insert((from, id), seen).is_none() {
            self.order.push_back((now_ms, from, id));
        }
        self.forget(now_ms);
    }

    /// Takes back an id whose message was never written.
    pub fn remove(&mut self, from: Uid, id: ClientMsgId) {
        self.seen.remove(&(from, id));
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some(&(at, from, id)) = self.order.front() {
            if self.order.len() <= DEDUP_ENTRIES_MAX && at + DEDUP_WINDOW_MS > now_ms {
                break;
            }
            self.order.pop_front();
            self.seen.remove(&(from, id));
            self.floor_ms = self.floor_ms.max(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let conversation = Conversation::between(Uid(1), Uid(2)).unwrap();
        let (seq, message_id) = (Seq(1), MessageId(1));
        Seen { conversation, seq, message_id, time_ms: 0, body_hash: 0, settled: false }
    }

    #[test]
    fn is_sure_only_of_ids_made_after_the_floor() {
        let dedup = Dedup::new(1_000_000);
        assert!(!dedup.is_sure(1_000_000 + CLOCK_SKEW_MS_MAX));
        assert!(dedup.is_sure(1_000_001 + CLOCK_SKEW_MS_MAX));
        assert!(Dedup::new(0).is_sure(1));
    }

    #[test]
    fn forgetting_raises_the_floor() {
        let mut dedup = Dedup::new(0);
        dedup.insert(Uid(1), ClientMsgId([1; 16]), seen(), 1_000);
        dedup.insert(Uid(1), ClientMsgId([2; 16]), seen(), 1_001 + DEDUP_WINDOW_MS);
        assert!(dedup.find(Uid(1), ClientMsgId([1; 16])).is_none());
        assert!(dedup.find(Uid(1), ClientMsgId([2; 16])).is_some());
        assert!(!dedup.is_sure(1_000 + CLOCK_SKEW_MS_MAX));
    }
}
