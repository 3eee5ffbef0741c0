//! Which ids a shard has seen, without asking its store on the normal path.
//!
//! An id carries its time. Of the ids up to some time some are in the store only; every later one is remembered or new. No
//! clock has a part in this: one that was set back cannot make an old id look new. It does not know what is stored.

use crate::limits::DEDUP_WINDOW_MS;
use hashbrown::HashMap;
use std::collections::VecDeque;
use wire::{ClientMsgId, ConversationId, MessageId, Seq, Uid};

/// What a client's id is unique in: two conversations may use one, and two senders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scoped {
    pub sender: Uid,
    pub conversation: ConversationId,
    pub id: ClientMsgId,
}

/// What a sender's id stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FirstUse {
    pub seq: Seq,
    pub message_id: MessageId,
    pub time_ms: u64,
    pub body_hash: u64,
    /// Acknowledged: all inboxes have it.
    pub is_settled: bool,
}

/// The ids of the last [`DEDUP_WINDOW_MS`].
pub(super) struct Dedup {
    ids: HashMap<Scoped, FirstUse>,
    order: VecDeque<(u64, Scoped)>,
    entries_max: usize,
    /// Ids up to this time may be in the store only, Unix ms.
    unsure_ms: u64,
}

impl Dedup {
    /// `unsure_ms`: the latest time in an id that is stored, Unix ms; 0: there is none.
    pub fn new(unsure_ms: u64, entries_max: usize) -> Self {
        Self { ids: HashMap::new(), order: VecDeque::new(), entries_max, unsure_ms }
    }

    /// Whether an id made at `id_ms` would be remembered if it had been here.
    pub fn is_sure(&self, id_ms: u64) -> bool {
        id_ms > self.unsure_ms
    }

    pub fn find(&mut self, id: &Scoped) -> Option<&mut FirstUse> {
        self.ids.get_mut(id)
    }

    pub fn insert(&mut self, id: Scoped, first: FirstUse, now_ms: u64) {
        if self.ids.insert(id, first).is_none() {
            self.order.push_back((now_ms, id));
        }
        self.forget(now_ms);
    }

    /// Takes back an id whose message was never written.
    pub fn remove(&mut self, id: &Scoped) {
        self.ids.remove(id);
    }

    fn forget(&mut self, now_ms: u64) {
        while let Some(&(at, id)) = self.order.front() {
            if self.order.len() <= self.entries_max && at + DEDUP_WINDOW_MS > now_ms {
                break;
            }
            self.order.pop_front();
            self.ids.remove(&id);
            self.unsure_ms = self.unsure_ms.max(id.id.unix_ms().unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seq: u64) -> FirstUse {
        let (seq, message_id) = (Seq(seq), MessageId(seq));
        FirstUse { seq, message_id, time_ms: 0, body_hash: 0, is_settled: false }
    }

    fn scoped(peer: u64, ms: u64) -> Scoped {
        let conversation = ConversationId::direct(Uid(1), Uid(peer)).unwrap();
        Scoped { sender: Uid(1), conversation, id: ClientMsgId::new(ms, 0) }
    }

    #[test]
    fn one_id_in_two_conversations_is_two_messages() {
        let mut dedup = Dedup::new(0, 9);
        dedup.insert(scoped(2, 7), first(1), 1);
        assert!(dedup.find(&scoped(3, 7)).is_none());
        dedup.insert(scoped(3, 7), first(2), 1);
        assert_eq!(dedup.find(&scoped(2, 7)).copied(), Some(first(1)));
        assert_eq!(dedup.find(&scoped(3, 7)).copied(), Some(first(2)));
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
        let (mut dedup, ids) = (Dedup::new(0, 9), [9_000, 8_000].map(|ms| scoped(2, ms)));
        dedup.insert(ids[0], first(1), 1_000);
        dedup.insert(ids[1], first(2), 1_001 + DEDUP_WINDOW_MS);
        assert!(dedup.find(&ids[0]).is_none());
        assert!(dedup.find(&ids[1]).is_some());
        assert!(!dedup.is_sure(9_000) && dedup.is_sure(9_001));
    }
}
