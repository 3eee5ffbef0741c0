//! Pages of an inbox and of the chats. Nobody is shown what is not committed.
//!
//! Rows of an inbox go by age, oldest first, and nobody tells the shard. A page that lacks rows above its cursor shows it.

use super::Inboxes;
use crate::command::{Answer, ReplyTo};
use crate::rows::{ChatRow, InboxRow, MessageRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{ConversationId, InboxSeq, PAGE_BYTES_MAX, Uid};

impl Inboxes {
    /// Asks for a page of the inbox of a user in memory, from the row after `after`. What is behind its end, as far as numbers
    /// go, is empty: nobody has to look. Nor does anybody where nothing is any more.
    #[inline]
    pub fn ask_rows(
        &self,
        uid: Uid,
        (after, limit): (InboxSeq, usize),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        let user = self.users.get(&uid).expect("it is loaded");
        let (head, tail) = (user.committed(), user.tail());
        let after = after.max(InboxSeq(tail.0 - 1));
        if after >= head {
            return step.answer(reply, Answer::Inbox { head, rows: Vec::new(), tail });
        }
        let read = Read::Inbox { uid, after, limit, bytes_max: PAGE_BYTES_MAX };
        step.ask(read, Purpose::Sync { uid, after, head, reply });
    }

    /// A page of what was committed when it was asked for. All of that was there once, so what is not is gone.
    #[inline]
    pub fn on_rows_read(
        &mut self,
        (uid, after, head): (Uid, InboxSeq, InboxSeq),
        reply: ReplyTo,
        mut rows: Vec<InboxRow>,
        step: &mut Step,
    ) {
        rows.retain(|row| row.inbox_seq <= head);
        let first = rows.first().map_or(head.next(), |row| row.inbox_seq);
        let mut tail = self.users.get(&uid).map_or(InboxSeq(1), |user| user.tail());
        if first > after.next() {
            tail = tail.max(first);
            self.raise_tail(uid, tail);
        }
        step.answer(reply, Answer::Inbox { head, rows, tail });
    }

    /// Asks for a page of the chats of a user in memory, after `after` or from the first. They are stored before.
    pub fn ask_chats(
        &mut self,
        uid: Uid,
        (after, limit): (Option<ConversationId>, usize),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        self.flush(uid, step);
        let version = self.users.get(&uid).expect("it is loaded").chats_version();
        let read = Read::Chats { uid, after, limit, bytes_max: PAGE_BYTES_MAX };
        step.ask_after_commit(read, Purpose::Chats(version, reply));
    }

    /// A page of the list as it was when it was asked for.
    pub fn on_chats_read(
        version: u64,
        reply: ReplyTo,
        chats: Vec<(ChatRow, Option<MessageRow>)>,
        step: &mut Step,
    ) {
        let more = !chats.is_empty();
        step.answer(reply, Answer::Chats { version, chats, more });
    }
}
