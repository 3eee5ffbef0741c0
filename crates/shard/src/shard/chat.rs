//! Chats in memory, and how they are written behind.
//!
//! What a message changes in a chat is derived from the inbox, so it is stored later, a user's changes
//! together. What the user changes itself is stored before it is answered.

use super::Shard;
use super::commit::Written;
use crate::command::{ChatChange, Command, Input, ReplyTo};
use crate::limits::CHAT_FLUSH_MS;
use crate::rows::{ChatRow, InboxRow, Row};
use wire::{ConversationId, InboxSeq, RefusalCode, Seq, Uid};

/// A chat row as it should be, and whether the store has it so.
pub(super) struct Chat {
    pub row: ChatRow,
    /// The last message of the conversation that is durable in the user's inbox.
    pub durable: Seq,
    pub is_dirty: bool,
    /// The commit round that last wrote or changed it.
    pub touched: u64,
}

impl Shard {
    /// Applies a new inbox row to its chat, which is loaded. Own messages count as read.
    pub(super) fn apply_to_chat(&mut self, row: &InboxRow) -> ChatRow {
        let message = &row.message;
        let (uid, conversation) = (row.uid, message.conversation);
        let round = self.commit.round();
        let user = self.users.get_mut(&uid).expect("the user is loaded");
        user.chats_version += 1;
        let chat = self.chats.get_mut(&(uid, conversation)).expect("the chat is loaded");
        chat.touched = round;
        let before = chat.row;
        assert!(message.seq > before.recent_seq, "rows reach a chat in order");
        chat.row.recent_seq = message.seq;
        chat.row.recent_inbox_seq = row.inbox_seq;
        chat.row.recent_number = message.number;
        chat.row.version = user.chats_version;
        chat.row.is_hidden = false;
        if message.sender == uid {
            chat.row.read_seq = message.seq;
            chat.row.read_number = message.number;
            chat.row.read_time_ms = message.time_ms;
        }
        self.mark_dirty(uid, conversation);
        before
    }

    pub(super) fn set_durable(&mut self, uid: Uid, conversation: ConversationId, seq: Seq) {
        let chat = self.chats.get_mut(&(uid, conversation));
        chat.expect("chats in flight are kept").durable = seq;
    }

    pub(super) fn mark_dirty(&mut self, uid: Uid, conversation: ConversationId) {
        let chat = self.chats.get_mut(&(uid, conversation)).expect("the chat is loaded");
        if std::mem::replace(&mut chat.is_dirty, true) {
            return;
        }
        let user = self.users.get_mut(&uid).expect("the user is loaded");
        if user.add_dirty(conversation) {
            self.dirty_users.push_back((self.now.mono_ms + CHAT_FLUSH_MS, uid));
        }
    }

    /// Puts a user's changed chats into the batch. They tell of rows of this batch at most.
    pub(super) fn flush_user(&mut self, uid: Uid) {
        let Some(user) = self.users.get_mut(&uid) else { return };
        let conversations = user.take_dirty();
        if conversations.is_empty() {
            return;
        }
        let through_before = std::mem::replace(&mut user.chats_through, user.head);
        let user_row = user.row(uid);
        let round = self.commit.round();
        user.touch(round);
        for conversation in &conversations {
            let chat = self.chats.get_mut(&(uid, *conversation)).expect("dirty chats are kept");
            chat.is_dirty = false;
            chat.touched = round;
            // One whose first message was taken back is none.
            if chat.row.recent_seq > Seq(0) {
                self.commit.push_row(Row::Chat(chat.row));
            }
        }
        self.commit
            .push(Row::User(user_row), Written::Flush { uid, conversations, through_before });
    }

    pub(super) fn take_back_flush(
        &mut self,
        uid: Uid,
        conversations: &[ConversationId],
        through_before: InboxSeq,
    ) {
        let user = self.users.get_mut(&uid).expect("a user with rows in flight is kept");
        user.chats_through = through_before;
        conversations.iter().for_each(|conversation| self.mark_dirty(uid, *conversation));
    }

    pub(super) fn restore_chat(&mut self, before: ChatRow) {
        let key = (before.uid, before.conversation);
        self.chats.get_mut(&key).expect("chats in flight are kept").row = before;
    }

    pub(super) fn on_change_chat(
        &mut self,
        uid: Uid,
        conversation: ConversationId,
        change: ChatChange,
        reply: ReplyTo,
    ) {
        let input = || Input::Command(Command::ChangeChat { uid, conversation, change }, reply);
        if !self.has_user(uid, input) || !self.has_chat(uid, conversation, input) {
            return;
        }
        let round = self.commit.round();
        let user = self.users.get_mut(&uid).expect("just found");
        let chat = self.chats.get_mut(&(uid, conversation)).expect("just found");
        let before = chat.row;
        if before.recent_seq == Seq(0) {
            return self.refuse(reply, RefusalCode::OutOfRange);
        }
        match change {
            ChatChange::Read(seq) => {
                let seq = before.read_seq.max(seq.min(before.recent_seq));
                chat.row.read_seq = seq;
                // Rows of a chat are messages, so a row's number is as far from the newest one's as its seq.
                chat.row.read_number = before.recent_number - (before.recent_seq.0 - seq.0);
                chat.row.read_time_ms = self.now.unix_ms;
            }
            ChatChange::Hide => chat.row.is_hidden = true,
        }
        user.chats_version += 1;
        user.touch(round);
        chat.row.version = user.chats_version;
        let after = chat.row;
        chat.touched = round;
        // The version goes with it: no later change may be given it again.
        let user_row = user.row(uid);
        self.commit.push_row(Row::User(user_row));
        self.commit.push(Row::Chat(after), Written::Chat { before, after, reply });
    }
}
