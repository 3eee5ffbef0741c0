//! Pages of an inbox and of the chats. Nobody is shown what is not committed.
//!
//! Rows of an inbox go by age, oldest first, and nobody tells the shard. A page that lacks rows above its cursor shows it.

use super::Inboxes;
use crate::command::{Answer, ReplyTo};
use crate::page::Page;
use crate::rows::{ChatRow, InboxRow, MessageRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{
    BODY_BYTES_MAX, CHAT_ADDED_BYTES, CHAT_BYTES, ConversationId, InboxSeq, PAGE_BYTES_MAX, Uid,
};

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
        // One more than a page holds, whatever its size: so it is known whether there is more.
        let bytes_max = PAGE_BYTES_MAX + CHAT_BYTES + CHAT_ADDED_BYTES + BODY_BYTES_MAX;
        let read = Read::Chats { uid, after, limit: limit + 1, bytes_max };
        step.ask_after_commit(read, Purpose::Chats(version, limit, reply));
    }

    /// A page of the list as it was when it was asked for.
    pub fn on_chats_read(
        (version, limit): (u64, usize),
        reply: ReplyTo,
        mut chats: Vec<(ChatRow, Option<MessageRow>)>,
        step: &mut Step,
    ) {
        let mut page = Page::new(limit, PAGE_BYTES_MAX);
        let fits = |(_, recent): &&(ChatRow, Option<MessageRow>)| page.take_chat(recent.as_ref());
        let fitting = chats.iter().take_while(fits).count();
        let more = fitting < chats.len();
        chats.truncate(fitting);
        step.answer(reply, Answer::Chats { version, chats, more });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Session;
    use crate::rows::sample;

    #[test]
    fn a_page_of_chats_says_whether_there_are_more() {
        let reply = ReplyTo { session: Session { entry: 0, key: 1 }, ticket: 1 };
        let of = |body| (ChatRow::empty(Uid(2), sample(1, 0).conversation), Some(sample(1, body)));
        for (limit, bodies, expected) in [
            (2, &[][..], (0, false)),
            (2, &[1, 1], (2, false)),
            (2, &[1, 1, 1], (2, true)),
            (9, &[30_000, 30_000], (2, false)),
            (9, &[30_000, 30_000, 1, 1], (4, false)),
            (9, &[30_000, 30_000, 9_000, 1], (2, true)),
            (9, &[BODY_BYTES_MAX, BODY_BYTES_MAX], (1, true)),
        ] {
            let mut step = Step::of_test();
            let chats = bodies.iter().map(|body| of(*body)).collect();
            Inboxes::on_chats_read((1, limit), reply, chats, &mut step);
            let answers = step.take().0;
            let [Answer::Chats { chats, more, .. }] = &answers[..] else { panic!("{answers:?}") };
            assert_eq!((chats.len(), *more), expected, "{limit} {bodies:?}");
        }
    }
}
