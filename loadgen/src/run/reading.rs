//! What a thread's users read: which device marks which conversation up to where, and the lists of chats that are read at
//! the end. It decides nothing about connections, and judges nothing.

use super::desk::Desk;
use crate::fleet::Fleet;
use crate::verify::{GroupNo, Sent};
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

    /// Up to where the sender of a message says that it has seen its conversation.
    pub(super) fn seen(&mut self, from: usize, sent: Sent, which: ConversationId) -> Seq {
        let (nth, had) = match sent {
            Sent::Direct(stream, count) => {
                (u64::from(stream.0) << 32 ^ count, self.verifier.last_had(stream))
            }
            Sent::Said(no, count) => {
                let had = self.verifier.last_had_in_group(no, from);
                (u64::from(!no.0) << 32 ^ count, had)
            }
            Sent::Change(_) => return Seq(0),
        };
        let seen = if self.reads.wants(nth, 0) { had } else { 0 };
        self.read_asked(from, which, seen);
        Seq(seen)
    }

    fn read_asked(&mut self, user: usize, which: ConversationId, seq: u64) {
        if which.is_group() {
            self.verifier.group_read_asked(user, which, seq);
        } else {
            self.verifier.read_asked(user, which, seq);
        }
    }

    /// A message that said so is acknowledged.
    pub(super) fn acked_seen(&mut self, (from, to): (usize, usize), seen: Seq) {
        let [from_uid, to_uid] = [from, to].map(|user| Uid(self.friends.uid(user)));
        self.verifier.read_answered(from, ConversationId::direct(from_uid, to_uid), seen.0);
    }

    /// The same of a group: by the end it is in the inbox of its sender.
    pub(super) fn acked_seen_in_group(&mut self, from: usize, no: GroupNo, seen: Seq) {
        let group = self.verifier.groups().get(no).id();
        self.verifier.group_read_answered(from, Some(group), seen.0);
    }

    /// Asks for what is to be read.
    pub fn read_due(&mut self, fleet: &mut Fleet) {
        for (index, conversation, seq) in std::mem::take(&mut self.reads.marks) {
            let asked =
                fleet.with(index, |machine, _, out| machine.mark_read(conversation, Seq(seq), out));
            if asked.is_ok() {
                let (user, _) = self.lanes.of(index);
                self.read_asked(user, conversation, seq);
                self.reads.unanswered += 1;
            }
        }
        for (index, after) in std::mem::take(&mut self.reads.lists) {
            // Without a session it is not asked, and the user's inbox counts as not read.
            let _ = fleet.with(index, |machine, _, out| machine.chats(after, PAGE_ROWS_MAX, out));
        }
        self.ask_histories(fleet);
    }

    /// The inbox of a reader is whole: its list of chats is next, if anything was read.
    pub(super) fn list(&mut self, index: usize) {
        if self.reads.parts > 0 || !self.verifier.groups().is_empty() {
            self.reads.lists.push((index, None));
        } else {
            self.finished.push(index);
        }
    }

    pub(super) fn on_chat_reply(&mut self, user: usize, reply: &ArchivedChatReply) {
        self.reads.unanswered = self.reads.unanswered.saturating_sub(1);
        let (which, read) = (reply.conversation.id(), reply.read_seq.to_native());
        if which.is_some_and(ConversationId::is_group) {
            self.verifier.group_read_answered(user, which, read);
        } else {
            self.verifier.read_answered(user, which, read);
        }
    }

    /// A page of a reader's list.
    pub(super) fn on_chats(&mut self, index: usize, page: &ArchivedChatsPage) {
        let (user, _) = self.lanes.of(index);
        for chat in page.chats.iter() {
            let told = (chat.read_seq.to_native(), chat.unread.to_native());
            let which = chat.conversation.id();
            if which.is_some_and(ConversationId::is_group) {
                self.verifier.group_listed(user, which, told);
            } else {
                self.verifier.listed(user, which, told);
            }
        }
        match page.next_after.id() {
            Some(after) => self.reads.lists.push((index, Some(after))),
            None => self.tell_histories(index),
        }
    }
}
