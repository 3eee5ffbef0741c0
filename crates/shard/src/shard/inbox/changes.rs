//! How changed chats are stored: all that changes in a chat is derived from the inbox, so it is stored later, a user's
//! changes together.

use super::Inboxes;
use crate::command::{Now, ReplyTo};
use crate::rows::{ChatRow, Revoked, Row};
use crate::shard::commit::Change;
use crate::shard::step::Step;
use wire::{ConversationId, InboxSeq, Seq, Uid};

impl Inboxes {
    /// When the next changed chat is to be stored, in the monotonic ms of [`Now`].
    #[inline]
    pub fn next_flush_ms(&self) -> Option<u64> {
        self.dirty.front().map(|dirty| dirty.0)
    }

    /// Stores the changed chats whose time has come.
    #[inline]
    pub fn flush_due(&mut self, step: &mut Step) {
        let now_ms = step.now().mono_ms;
        while let Some((_, uid)) = self.dirty.pop_front_if(|dirty| dirty.0 <= now_ms) {
            self.flush(uid, step);
        }
    }

    /// Stores every changed chat.
    pub fn flush_all(&mut self, step: &mut Step) {
        while let Some((_, uid)) = self.dirty.pop_front() {
            self.flush(uid, step);
        }
    }

    /// Puts a user's changed chats into the batch. They tell of rows of this batch at most.
    pub(super) fn flush(&mut self, uid: Uid, step: &mut Step) {
        let Some(user) = self.users.get_mut(&uid) else { return };
        let conversations = user.take_dirty();
        if conversations.is_empty() {
            return;
        }
        let through_before = user.catch_up();
        let user_row = user.row(uid);
        let round = step.commit.round();
        user.touch(round);
        for conversation in &conversations {
            let chat = self.chats.get_mut(&(uid, *conversation)).expect("dirty chats are kept");
            chat.is_dirty = false;
            chat.touched = round;
            // One whose first message was taken back is none.
            if chat.row.recent_seq > Seq(0) {
                step.commit.push_row(Row::Chat(chat.row));
            }
        }
        let flush = Change::Flush { uid, conversations, through_before };
        step.commit.push(Row::User(user_row), flush);
    }

    /// Chats were not written.
    pub fn take_back_flush(
        &mut self,
        uid: Uid,
        conversations: &[ConversationId],
        through_before: InboxSeq,
        now: Now,
    ) {
        let user = self.users.get_mut(&uid).expect("a user with rows in flight is kept");
        user.fall_back(through_before);
        for conversation in conversations {
            let chat = self.chats.get_mut(&(uid, *conversation)).expect("chats in flight are kept");
            let due_ms = chat.mark_dirty(user, now);
            self.dirty.extend(due_ms.map(|due_ms| (due_ms, uid)));
        }
    }

    /// From now on so much of a user in memory is believed no more, and what was, stays so.
    pub fn revoke(&mut self, (uid, more): (Uid, Revoked), reply: ReplyTo, step: &mut Step) {
        let user = self.users.get_mut(&uid).expect("it is loaded");
        let former = user.revoked();
        let tokens_s = former.tokens_s.max(more.tokens_s);
        let before = user.revoke(Revoked { tokens_s, logins: former.logins.max(more.logins) });
        user.touch(step.commit.round());
        step.commit.push(Row::User(user.row(uid)), Change::Revoked { uid, before, reply });
    }

    /// What was to be believed no more was not written.
    pub fn believe_again(&mut self, uid: Uid, before: Revoked) {
        self.users.get_mut(&uid).expect("a user with rows in flight is kept").revoke(before);
    }

    /// A change of a chat was not written.
    pub fn restore_chat(&mut self, before: ChatRow) {
        let key = (before.uid, before.conversation);
        self.chats.get_mut(&key).expect("chats in flight are kept").restore(before);
    }
}
