//! What a thread's users read: which device marks which conversation up to where, and the lists of chats that are read at
//! the end. It decides nothing about connections, and judges nothing.

use super::desk::Desk;
use crate::fleet::Fleet;
use crate::friends::StreamId;
use wire::frames::{ArchivedChatReply, ArchivedChatsPage};
use wire::{ConversationId, PAGE_ROWS_MAX, Seq, Uid};

impl Desk {
    /// A device was pushed a message: it may mark its conversation.
    pub(super) fn may_read(
        &mut self,
        index: usize,
        which: Option<ConversationId>,
        place: (u64, u64),
    ) {
        let (seq, message_id) = place;
        let (_, device) = self.lanes.of(index);
        let wants = device.is_some_and(|device| self.reads.wants(message_id, device));
        if let Some(conversation) = which.filter(|_| wants) {
            self.reads.marks.push((index, conversation, seq));
        }
    }

    /// Up to where the sender of a stream's next message says that it has seen its conversation.
    pub(super) fn seen(&mut self, stream: StreamId, count: u64, which: ConversationId) -> Seq {
        let wants = self.reads.wants(u64::from(stream.0) << 32 ^ count, 0);
        let seen = if wants { self.verifier.last_had(stream) } else { 0 };
        self.verifier.read_asked(self.friends.ends(stream).0, which, seen);
        Seq(seen)
    }

    /// A message that said so is acknowledged.
    pub(super) fn acked_seen(&mut self, (from, to): (usize, usize), seen: Seq) {
        let [from_uid, to_uid] = [from, to].map(|user| Uid(self.friends.uid(user)));
        self.verifier.read_answered(from, ConversationId::direct(from_uid, to_uid), seen.0);
    }

    /// Asks for what is to be read.
    pub fn read_due(&mut self, fleet: &mut Fleet) {
        for (index, conversation, seq) in std::mem::take(&mut self.reads.marks) {
            let asked =
                fleet.with(index, |machine, _, out| machine.mark_read(conversation, Seq(seq), out));
            if asked.is_ok() {
                let (user, _) = self.lanes.of(index);
                self.verifier.read_asked(user, conversation, seq);
                self.reads.unanswered += 1;
            }
        }
        for (index, after) in std::mem::take(&mut self.reads.lists) {
            // Without a session it is not asked, and the user's inbox counts as not read.
            let _ = fleet.with(index, |machine, _, out| machine.chats(after, PAGE_ROWS_MAX, out));
        }
    }

    /// The inbox of a reader is whole: its list of chats is next, if anything was read.
    pub(super) fn list(&mut self, index: usize) {
        if self.reads.parts > 0 {
            self.reads.lists.push((index, None));
        } else {
            self.finished.push(index);
        }
    }

    pub(super) fn on_chat_reply(&mut self, user: usize, reply: &ArchivedChatReply) {
        self.reads.unanswered = self.reads.unanswered.saturating_sub(1);
        self.verifier.read_answered(user, reply.conversation.id(), reply.read_seq.to_native());
    }

    /// A page of a reader's list.
    pub(super) fn on_chats(&mut self, index: usize, page: &ArchivedChatsPage) {
        let (user, _) = self.lanes.of(index);
        for chat in page.chats.iter() {
            let told = (chat.read_seq.to_native(), chat.unread.to_native());
            self.verifier.listed(user, chat.conversation.id(), told);
        }
        match page.next_after.id() {
            Some(after) => self.reads.lists.push((index, Some(after))),
            None => self.finished.push(index),
        }
    }
}
