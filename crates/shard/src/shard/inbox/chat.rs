//! A chat in memory: its row as it should be, and whether the store has it so.

use super::marks::Marks;
use super::places::Places;
use super::user::User;
use crate::command::Now;
use crate::group;
use crate::limits::CHAT_FLUSH_MS;
use crate::rows::{ChatRow, InboxRow, MessageRow};
use wire::{RowKind, Seq, Uid};

/// Whether a row makes its user a member of a group: then it is read up to there.
fn joins(message: &MessageRow, uid: Uid) -> bool {
    message.conversation.is_group() && group::joins(message.entry(), uid)
}

/// A chat row as it should be, and whether the store has it so.
pub(super) struct Chat {
    pub row: ChatRow,
    /// The last message of the conversation that is durable in the user's inbox.
    pub durable: Seq,
    pub is_dirty: bool,
    /// The commit round that last wrote or changed it.
    pub touched: u64,
    places: Places,
    /// Only what its user has marked lately has them.
    pub marks: Option<Box<Marks>>,
}

impl Chat {
    /// As it is stored.
    pub fn new(row: ChatRow) -> Self {
        let (durable, places) = (row.recent_seq, Places::default());
        Self { row, durable, is_dirty: false, touched: 0, places, marks: None }
    }

    /// As it was, but for what the peer has told.
    pub fn restore(&mut self, before: ChatRow) {
        self.row = ChatRow { peer_read_seq: self.row.peer_read_seq, ..before };
        self.places.forget();
    }

    /// Whether an inbox row changes it: it may be applied already when it is read again.
    pub fn lacks(&self, row: &InboxRow) -> bool {
        let (chat, seq) = (&self.row, row.message.seq);
        match row.message.kind {
            RowKind::READ => chat.read_seq < seq,
            RowKind::HIDDEN => chat.read_seq < seq || seq == chat.recent_seq && !chat.is_hidden,
            _ => chat.recent_seq < seq,
        }
    }

    /// Applies a new inbox row, in this version of the list.
    #[inline]
    pub fn apply(&mut self, row: &InboxRow, version: u64) {
        self.row.version = version;
        if row.is_mark() { self.apply_mark(row) } else { self.apply_message(row) }
    }

    #[inline]
    fn apply_message(&mut self, row: &InboxRow) {
        let (chat, message) = (&mut self.row, &row.message);
        assert!(message.seq > chat.recent_seq, "rows reach a chat in order");
        let counts = message.kind == RowKind::MESSAGE && message.sender != row.uid;
        self.places.push(message.seq.0 - chat.recent_seq.0, counts);
        let unread = chat.unread() + u64::from(counts);
        chat.recent_seq = message.seq;
        chat.recent_inbox_seq = row.inbox_seq;
        chat.recent_number = message.number;
        chat.read_number = message.number.saturating_sub(unread);
        chat.is_hidden &= message.kind != RowKind::MESSAGE;
        if joins(message, row.uid) {
            chat.read_seq = message.seq;
            chat.read_number = message.number;
            chat.read_time_ms = message.time_ms;
        }
    }

    /// The mark says how many messages are unread behind it, for at its place in the inbox that was known.
    fn apply_mark(&mut self, row: &InboxRow) {
        let (chat, mark) = (&mut self.row, &row.message);
        chat.read_seq = chat.read_seq.max(mark.seq.min(chat.recent_seq));
        chat.read_number = chat.recent_number.saturating_sub(mark.number);
        chat.read_time_ms = mark.time_ms;
        if mark.kind == RowKind::HIDDEN {
            chat.is_hidden = mark.seq == chat.recent_seq;
        }
    }

    /// How many messages are unread behind a place that is not below what is read. `None`: the user has written much since then,
    /// so its conversation must be asked.
    pub fn unread_behind(&self, seq: Seq) -> Option<u64> {
        let chat = &self.row;
        let behind = chat.recent_seq.0 - seq.0;
        let all = (chat.recent_seq.0 - chat.read_seq.0).saturating_sub(chat.unread());
        let quiet = self.places.quiet(behind, all);
        let counted = || self.marks.as_ref()?.counted(chat.read_seq, seq);
        quiet.map(|quiet| behind - quiet).or_else(|| chat.unread().checked_sub(counted()?))
    }

    /// It is not as it is stored. When to store it, if nothing of its user is to be stored yet.
    #[inline]
    pub fn mark_dirty(&mut self, user: &mut User, now: Now) -> Option<u64> {
        let was_dirty = std::mem::replace(&mut self.is_dirty, true);
        let is_first = !was_dirty && user.add_dirty(self.row.conversation);
        is_first.then_some(now.mono_ms + CHAT_FLUSH_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Chain, sample};
    use bytes::Bytes;
    use wire::InboxSeq;

    const UID: Uid = Uid(2);

    fn row(seq: u64, sender: u64) -> InboxRow {
        let message = MessageRow { sender: Uid(sender), ..sample(seq, 0) };
        let (inbox_seq, chain) = (InboxSeq(seq), Chain::default());
        InboxRow { uid: UID, inbox_seq, flags: 0, chain, message }
    }

    fn mark(kind: RowKind, seq: u64, unread: u64) -> InboxRow {
        let mut row = row(seq, UID.0);
        (row.message.kind, row.message.number, row.message.time_ms) = (kind, unread, 9);
        row
    }

    /// Of user 2, with whom these users have written.
    fn chat(senders: &[u64]) -> Chat {
        let mut chat = Chat::new(ChatRow::empty(UID, sample(1, 0).conversation));
        (1..).zip(senders).for_each(|(seq, sender)| chat.apply(&row(seq, *sender), seq));
        chat
    }

    #[test]
    fn own_messages_are_not_unread_and_move_no_position() {
        let chat = chat(&[1, 2, 1, 1, 2]);
        assert_eq!((chat.row.read_seq, chat.row.unread()), (Seq(0), 3));
        let behind = |seq| chat.unread_behind(Seq(seq));
        assert_eq!([0, 1, 2, 3, 4, 5].map(behind), [3, 2, 2, 1, 0, 0].map(Some));
    }

    /// Of user 2 in a group: three rows that are no messages, the second of which made it a member, then two messages.
    #[test]
    fn who_joins_has_read_what_was_before_and_rows_that_are_no_messages_are_not_unread() {
        let group = wire::ConversationId::group(7).unwrap();
        let mut chat = Chat::new(ChatRow::empty(Uid(2), group));
        let added = wire::put_uids(vec![Uid(2)]);
        let kinds =
            [RowKind::MEMBERS_ADDED, RowKind::MEMBER_LEFT, RowKind::MESSAGE, RowKind::MESSAGE];
        for (seq, number, kind) in
            (12..).zip([10, 10, 11, 12]).zip(kinds).map(|((a, b), c)| (a, b, c))
        {
            let body = if kind == RowKind::MEMBERS_ADDED { added.clone() } else { Bytes::new() };
            let message = MessageRow { conversation: group, number, kind, body, ..sample(seq, 0) };
            let (uid, inbox_seq, chain) = (Uid(2), InboxSeq(seq), Chain::default());
            chat.apply(&InboxRow { uid, inbox_seq, flags: 0, chain, message }, seq);
        }
        assert_eq!((chat.row.unread(), chat.row.read_seq), (2, Seq(12)));
        let behind = |seq| chat.unread_behind(Seq(seq));
        assert_eq!([12, 13, 14, 15].map(behind), [2, 2, 1, 0].map(Some));
    }

    #[test]
    fn a_mark_says_what_is_unread_behind_it() {
        let mut chat = chat(&[1, 2, 1, 1]);
        chat.apply(&mark(RowKind::READ, 3, 1), 7);
        let ChatRow { read_seq, read_time_ms, version, .. } = chat.row;
        assert_eq!((read_seq, read_time_ms, version, chat.row.unread()), (Seq(3), 9, 7, 1));
        assert!(!chat.lacks(&mark(RowKind::READ, 3, 1)) && !chat.lacks(&row(4, 1)));
        assert!(chat.lacks(&mark(RowKind::READ, 4, 0)) && chat.lacks(&row(5, 1)));
    }

    #[test]
    fn what_is_beyond_the_known_places_is_counted_if_none_there_is_own() {
        let senders = [vec![1; 100], vec![2], vec![1; 9]].concat();
        assert_eq!(chat(&senders).unread_behind(Seq(20)), Some(89));
        let senders = [vec![1; 10], vec![2], vec![1; 99]].concat();
        assert_eq!(
            (chat(&senders).unread_behind(Seq(5)), chat(&senders).row.unread()),
            (None, 109)
        );
    }

    #[test]
    fn a_chat_is_hidden_and_read_until_its_next_message_whosever() {
        for sender in [1, UID.0] {
            let mut chat = chat(&[1]);
            chat.apply(&mark(RowKind::HIDDEN, 1, 0), 2);
            assert_eq!(
                (chat.row.is_hidden, chat.row.unread(), chat.row.read_seq),
                (true, 0, Seq(1))
            );
            assert!(!chat.lacks(&mark(RowKind::HIDDEN, 1, 0)));
            chat.apply(&row(2, sender), 3);
            assert!(!chat.row.is_hidden);
            assert!(!chat.lacks(&mark(RowKind::HIDDEN, 1, 0)), "a message came since");
        }
    }
}
