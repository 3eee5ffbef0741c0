//! Which ids a shard has seen, without asking its store on the normal path.
//!
//! An id carries its time. Of the ids up to some time some are in the store only; every later one is remembered or new. No
//! clock has a part in this: one that was set back cannot make an old id look new. It does not know what is stored.

use crate::limits::DEDUP_WINDOW_MS;
use hashbrown::HashMap;
use std::collections::VecDeque;
use wire::{ClientMsgId, Conversation, MessageId, Seq, Uid};

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
    entries_max: usize,
    /// Ids up to this time may be in the store only, Unix ms.
    unsure_ms: u64,
}

impl Dedup {
    /// `unsure_ms`: the latest time in an id that is stored, Unix ms; 0: there is none.
    pub fn new(unsure_ms: u64, entries_max: usize) -> Self {
        Self { seen: HashMap::new(), order: VecDeque::new(), entries_max, unsure_ms }
    }

    /// Whether an id made at `id_ms` would be remembered if it had been here.
    pub fn is_sure(&self, id_ms: u64) -> bool {
        id_ms > self.unsure_ms
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
            if self.order.len() <= self.entries_max && at + DEDUP_WINDOW_MS > now_ms {
                break;
            }
            self.order.pop_front();
            self.seen.remove(&(from, id));
            self.unsure_ms = self.unsure_ms.max(id.unix_ms().unwrap_or(0));
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
    fn is_sure_only_of_ids_later_than_all_that_are_stored() {
        let dedup = Dedup::new(1_000_000, 9);
        assert!(!dedup.is_sure(1_000_000));
        assert!(dedup.is_sure(1_000_001));
        assert!(Dedup::new(0, 9).is_sure(1));
    }

    #[test]
    fn of_what_is_forgotten_the_store_must_tell() {
        let (mut dedup, ids) = (Dedup::new(0, 9), [9_000, 8_000].map(|ms| ClientMsgId::new(ms, 0)));
        dedup.insert(Uid(1), ids[0], seen(), 1_000);
        dedup.insert(Uid(1), ids[1], seen(), 1_001 + DEDUP_WINDOW_MS);
        assert!(dedup.find(Uid(1), ids[0]).is_none());
        assert!(dedup.find(Uid(1), ids[1]).is_some());
        assert!(!dedup.is_sure(9_000) && dedup.is_sure(9_001));
    }
}
