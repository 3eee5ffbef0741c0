//! A chat in memory: its row as it should be, and whether the store has it so.

use super::user::User;
use crate::command::{ChatChange, Now};
use crate::limits::CHAT_FLUSH_MS;
use crate::rows::{ChatRow, InboxRow};
use wire::Seq;

/// A chat row as it should be, and whether the store has it so.
pub(super) struct Chat {
    pub row: ChatRow,
    /// The last message of the conversation that is durable in the user's inbox.
    pub durable: Seq,
    pub is_dirty: bool,
    /// The commit round that last wrote or changed it.
    pub touched: u64,
}

impl Chat {
    /// As it is stored.
    pub fn new(row: ChatRow) -> Self {
        Self { row, durable: row.recent_seq, is_dirty: false, touched: 0 }
    }

    /// Applies a new inbox row, in this version of the list. Own messages count as read.
    #[inline]
    pub fn apply(&mut self, row: &InboxRow, version: u64) {
        let message = &row.message;
        let chat = &mut self.row;
        assert!(message.seq > chat.recent_seq, "rows reach a chat in order");
        chat.recent_seq = message.seq;
        chat.recent_inbox_seq = row.inbox_seq;
        chat.recent_number = message.number;
        chat.version = version;
        chat.is_hidden = false;
        if message.sender == row.uid {
            chat.read_seq = message.seq;
            chat.read_number = message.number;
            chat.read_time_ms = message.time_ms;
        }
    }

    /// What its user does to it, in this version of the list.
    pub fn change(&mut self, change: ChatChange, version: u64, now_ms: u64) {
        let chat = &mut self.row;
        match change {
            ChatChange::Read(seq) => {
                let seq = chat.read_seq.max(seq.min(chat.recent_seq));
                chat.read_seq = seq;
                // Rows of a chat are messages, so a row's number is as far from the newest one's as its seq.
                chat.read_number = chat.recent_number - (chat.recent_seq.0 - seq.0);
                chat.read_time_ms = now_ms;
            }
            ChatChange::Hide => chat.is_hidden = true,
        }
        chat.version = version;
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
    use wire::{InboxSeq, Uid};

    /// Of user 2, to whom user 1 sends.
    fn chat(messages: u64) -> Chat {
        let mut chat = Chat::new(ChatRow::empty(Uid(2), sample(1, 0).conversation));
        for seq in 1..=messages {
            let inbox_seq = InboxSeq(seq);
            let (uid, chain, message) = (Uid(2), Chain::default(), sample(seq, 0));
            chat.apply(&InboxRow { uid, inbox_seq, flags: 0, chain, message }, seq);
        }
        chat
    }

    #[test]
    fn reading_goes_up_and_no_further_than_the_newest_message() {
        let mut chat = chat(5);
        assert_eq!(chat.row.unread(), 5);
        chat.change(ChatChange::Read(Seq(3)), 6, 9);
        assert_eq!((chat.row.unread(), chat.row.read_time_ms, chat.row.version), (2, 9, 6));
        chat.change(ChatChange::Read(Seq(1)), 7, 10);
        assert_eq!((chat.row.unread(), chat.row.read_seq), (2, Seq(3)));
        chat.change(ChatChange::Read(Seq(9)), 8, 11);
        assert_eq!((chat.row.unread(), chat.row.read_seq), (0, Seq(5)));
    }

    #[test]
    fn a_message_brings_a_hidden_chat_back_and_the_own_one_is_read() {
        let mut chat = chat(1);
        chat.change(ChatChange::Hide, 2, 9);
        assert!(chat.row.is_hidden);
        let mut message = sample(2, 0);
        message.sender = Uid(2);
        let (uid, inbox_seq, chain) = (Uid(2), InboxSeq(2), Chain::default());
        chat.apply(&InboxRow { uid, inbox_seq, flags: 0, chain, message }, 3);
        assert!(!chat.row.is_hidden);
        assert_eq!((chat.row.unread(), chat.row.read_time_ms), (0, 7));
    }
}
