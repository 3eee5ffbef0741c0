//! Pages of an inbox and of the chats. Nobody is shown what is not committed.

use super::Inboxes;
use crate::command::{Answer, ReplyTo};
use crate::rows::{ChatRow, InboxRow, MessageRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{ConversationId, InboxSeq, PAGE_BYTES_MAX, Uid};

impl Inboxes {
    /// Asks for a page of the inbox of a user in memory, from the row after `after`. What is behind its end, as far as numbers
    /// go, is empty: nobody has to look.
    #[inline]
    pub fn ask_rows(
        &self,
        uid: Uid,
        (after, limit): (InboxSeq, usize),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        let head = self.users.get(&uid).expect("it is loaded").committed();
        if after >= head {
            return step.answer(reply, Answer::Inbox { head, rows: Vec::new() });
        }
        let read = Read::Inbox { uid, after, limit, bytes_max: PAGE_BYTES_MAX };
        step.ask(read, Purpose::Sync(head, reply));
    }

    /// A page of what was committed when it was asked for.
    #[inline]
    pub fn on_rows_read(head: InboxSeq, reply: ReplyTo, mut rows: Vec<InboxRow>, step: &mut Step) {
        rows.retain(|row| row.inbox_seq <= head);
        step.answer(reply, Answer::Inbox { head, rows });
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
