//! How a user comes into memory: with its chats brought up to its inbox, if they lag behind. And how what nothing needs leaves
//! it again.

use super::Inboxes;
use super::chat::Chat;
use super::user::{Load, User};
use crate::rows::{Chain, ChatRow, InboxRow, UserRow};
use crate::shard::plant::Fault;
use crate::shard::step::Step;
use hashbrown::HashSet;
use wire::{ConversationId, InboxSeq, Uid};

impl Inboxes {
    /// A user was found in the store, with its inbox rows above what its chats tell of. Returns the chats that must be added
    /// before it is in memory; then [`Inboxes::go_on`] is to be called once more than there are.
    pub fn begin(
        &mut self,
        uid: Uid,
        row: Option<UserRow>,
        (head, chain): (InboxSeq, Chain),
        tail: Vec<InboxRow>,
    ) -> Vec<ConversationId> {
        let none = UserRow::empty(uid);
        let user = User::new(row.unwrap_or(none), head, chain);
        let mut missing: Vec<ConversationId> =
            tail.iter().map(|row| row.message.conversation).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|conversation| !self.chats.contains_key(&(uid, *conversation)));
        self.loads.insert(uid, Load { user, tail, missing: missing.len() + 1 });
        missing
    }

    /// A chat was found in the store, or none is there.
    pub fn add_chat(&mut self, uid: Uid, conversation: ConversationId, row: Option<ChatRow>) {
        let row = row.unwrap_or_else(|| ChatRow::empty(uid, conversation));
        self.chats.entry((uid, conversation)).or_insert(Chat::new(row));
    }

    /// One step of a user's load is done; whether it was the last, and the user is in memory.
    pub fn go_on(&mut self, uid: Uid, step: &mut Step) -> bool {
        let Some(load) = self.loads.get_mut(&uid) else { return false };
        load.missing -= 1;
        if load.missing > 0 {
            return false;
        }
        let mut load = self.loads.remove(&uid).expect("just seen");
        // A batch may be cut off between its chats and their user: no version is given twice.
        for row in &load.tail {
            let chat = self.chats.get(&(uid, row.message.conversation)).expect("added before");
            load.user.skip_versions(chat.row.version);
        }
        for row in load.tail {
            let chat = self.chats.get_mut(&(uid, row.message.conversation)).expect("added before");
            if !chat.lacks(&row) || self.plant.has(Fault::SkipRepair) {
                continue;
            }
            chat.apply(&row, load.user.next_version());
            chat.touched = step.commit.round();
            if !row.is_mark() {
                chat.durable = row.message.seq;
            }
            let due_ms = chat.mark_dirty(&mut load.user, step.now());
            self.dirty.extend(due_ms.map(|due_ms| (due_ms, uid)));
        }
        self.users.insert(uid, Box::new(load.user));
        true
    }

    /// A user's load ends without it: the store could not be read.
    pub fn give_up(&mut self, uid: Uid) {
        self.loads.remove(&uid);
    }

    /// Forgets what nothing needs. A chat that a load is about to use, or that an answer on its way would put back older,
    /// stays: `is_asked` knows the latter. A user that may be owed a notification stays: what its devices had is known here only.
    pub fn forget_unneeded(
        &mut self,
        step: &Step,
        is_owing: impl Fn(Uid) -> bool,
        is_asked: impl Fn(Uid, ConversationId) -> bool,
    ) {
        let (commit, loads, now_ms) = (&step.commit, &self.loads, step.now().mono_ms);
        let mut marking = HashSet::new();
        self.chats.retain(|&(uid, conversation), chat| {
            let is_loading = loads.contains_key(&uid) || is_asked(uid, conversation);
            let is_marked = chat.marks.as_ref().is_some_and(|marks| marks.is_needed(now_ms));
            if is_marked {
                marking.insert(uid);
            }
            chat.is_dirty || is_marked || !commit.is_over(chat.touched) || is_loading
        });
        self.users.retain(|uid, user| {
            let is_kept = marking.contains(uid) || is_owing(*uid);
            user.is_needed() || is_kept || !commit.is_over(user.touched())
        });
    }
}
