//! Who is there, and the numbers that a message gets. It does not know sockets or frames.

use hashbrown::HashMap;
use wire::{ConversationId, Uid};

/// A connection's place in the ring's file table.
pub type Slot = u32;

/// Counts of one user's inbox, and where its device is.
struct User {
    inbox_head: u64,
    /// The row that was pushed last.
    pushed: u64,
    slot: Option<Slot>,
}

/// What a message became.
pub struct Placed {
    pub message_id: u64,
    pub seq: u64,
    pub sender_inbox_seq: u64,
    /// None: the recipient is not there.
    pub delivery: Option<Delivery>,
}

/// Where a push goes, and its numbers.
pub struct Delivery {
    pub slot: Slot,
    pub inbox_seq: u64,
    pub previous: u64,
}

/// All users that were ever here, and all conversations.
#[derive(Default)]
pub struct Users {
    users: HashMap<u64, User>,
    seqs: HashMap<ConversationId, u64>,
    last_message_id: u64,
}

impl Users {
    /// A device comes; an earlier one of the user gets no more pushes. Its cursor becomes the head of the inbox:
    /// older rows are kept nowhere.
    pub fn login(&mut self, uid: u64, cursor: u64, slot: Slot) {
        self.users.insert(uid, User { inbox_head: cursor, pushed: cursor, slot: Some(slot) });
    }

    /// The device at `slot` is gone.
    pub fn logout(&mut self, uid: u64, slot: Slot) {
        if let Some(user) = self.users.get_mut(&uid).filter(|user| user.slot == Some(slot)) {
            user.slot = None;
        }
    }

    /// The last inbox row of a user.
    pub fn inbox_head(&self, uid: u64) -> u64 {
        self.users.get(&uid).map_or(0, |user| user.inbox_head)
    }

    /// Numbers a message, in its conversation and in both inboxes.
    pub fn place(&mut self, from: Uid, conversation: ConversationId) -> Placed {
        self.last_message_id += 1;
        let seq = self.seqs.entry(conversation).or_default();
        *seq += 1;
        let seq = *seq;
        let sender_inbox_seq = self.users.get_mut(&from.0).map_or(0, |user| {
            user.inbox_head += 1;
            user.inbox_head
        });
        let to = conversation.peer_of(from).and_then(|to| self.users.get_mut(&to.0));
        let delivery = to.and_then(|user| {
            let slot = user.slot?;
            user.inbox_head += 1;
            let previous = std::mem::replace(&mut user.pushed, user.inbox_head);
            Some(Delivery { slot, inbox_seq: user.inbox_head, previous })
        });
        Placed { message_id: self.last_message_id, seq, sender_inbox_seq, delivery }
    }
}
