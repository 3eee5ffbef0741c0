//! Pages of an inbox, a conversation, the chats. Nobody is shown what is not committed.

use super::Shard;
use super::load::Waiting;
use crate::command::{Answer, Command, Input, ReplyTo};
use crate::rows::{ChatRow, InboxRow, MessageRow, Read};
use wire::{ConversationId, InboxSeq, PAGE_BYTES_MAX, Seq, Uid};

impl Shard {
    pub(super) fn on_sync(&mut self, uid: Uid, after: InboxSeq, limit: usize, reply: ReplyTo) {
        let input = || Input::Command(Command::Sync { uid, after, limit }, reply);
        if self.may_ask(reply) && self.has_user(uid, input) {
            let bytes_max = PAGE_BYTES_MAX;
            let head = self.users.get(&uid).expect("just found").committed;
            let ticket = self.ask(Read::Inbox { uid, after, limit, bytes_max });
            self.parking.wait(ticket, Waiting::Sync(head, reply));
        }
    }

    pub(super) fn on_sync_read(&mut self, head: InboxSeq, reply: ReplyTo, mut rows: Vec<InboxRow>) {
        rows.retain(|row| row.inbox_seq <= head);
        self.answer(reply, Answer::Inbox { head, rows });
    }

    pub(super) fn on_history(
        &mut self,
        conversation: ConversationId,
        before: Option<Seq>,
        limit: usize,
        reply: ReplyTo,
    ) {
        if !self.may_ask(reply) {
            return;
        }
        let Some(state) = self.conversations.get(&conversation) else {
            let command = Command::History { conversation, before, limit };
            return self.load_conversation(conversation, Input::Command(command, reply));
        };
        // Nobody is shown more.
        let committed = state.committed;
        let before = before.map_or(committed.next(), |before| before.min(committed.next()));
        let read = Read::Messages { conversation, before, limit, bytes_max: PAGE_BYTES_MAX };
        let ticket = self.ask(read);
        self.parking.wait(ticket, Waiting::History(conversation, committed, reply));
    }

    pub(super) fn on_history_read(
        &mut self,
        conversation: ConversationId,
        committed: Seq,
        reply: ReplyTo,
        mut rows: Vec<MessageRow>,
    ) {
        rows.retain(|row| row.seq <= committed);
        self.answer(reply, Answer::History { conversation, rows });
    }

    pub(super) fn on_chats(
        &mut self,
        uid: Uid,
        after: Option<ConversationId>,
        limit: usize,
        reply: ReplyTo,
    ) {
        let input = || Input::Command(Command::Chats { uid, after, limit }, reply);
        if self.may_ask(reply) && self.has_user(uid, input) {
            self.flush_user(uid);
            let version = self.users.get(&uid).expect("just found").chats_version;
            let bytes_max = PAGE_BYTES_MAX;
            let ticket = self.ask_after_commit(Read::Chats { uid, after, limit, bytes_max });
            self.parking.wait(ticket, Waiting::Chats(version, reply));
        }
    }

    pub(super) fn on_chats_read(
        &mut self,
        version: u64,
        reply: ReplyTo,
        chats: Vec<(ChatRow, Option<MessageRow>)>,
    ) {
        let more = !chats.is_empty();
        self.answer(reply, Answer::Chats { version, chats, more });
    }
}
