//! Sends that came before, messages that could not be finished, and what is taken back.

use super::conversation::{Pending, scoped};
use super::dedup::FirstUse;
use super::{Conversations, forward};
use crate::command::{Answer, ReplyTo, Send};
use crate::rows::{MessageRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use std::hash::BuildHasher;
use wire::{ConversationId, DeviceId, InboxSeq, RefusalCode, Seq};

impl Conversations {
    /// The id was used before: the first answer again, or the rest of the way.
    pub(super) fn repeat(&mut self, send: Send, reply: ReplyTo, first: FirstUse, step: &mut Step) {
        if self.hasher.hash_one(&send.body) != first.body_hash {
            return step.refuse(reply, RefusalCode::IdConflict);
        }
        if first.is_settled {
            let FirstUse { message_id, seq, time_ms, .. } = first;
            let inbox_seq = InboxSeq(0);
            return step.answer(reply, Answer::Acked { message_id, seq, time_ms, inbox_seq });
        }
        let state = self.conversations.get_mut(&send.conversation).expect("it is loaded");
        let Some(pending) = state.pending(first.seq) else {
            return self.look_up(send, reply, step);
        };
        let displaced = pending.repeat(reply);
        if first.seq <= state.committed() {
            forward(state, first.seq, step);
        }
        if let Some(displaced) = displaced {
            step.refuse(displaced, RefusalCode::Busy);
        }
    }

    /// Asks the store for the id; sends behind this one wait, so that they keep their order.
    pub(super) fn look_up(&mut self, send: Send, reply: ReplyTo, step: &mut Step) {
        let Send { sender, conversation, client_msg_id, .. } = send;
        let state = self.conversations.get_mut(&conversation).expect("it is loaded");
        state.is_looking = true;
        state.waiting.push_front((send, reply));
        self.in_flight += 1;
        let read = Read::ByClientMsgId { sender, conversation, client_msg_id };
        step.ask(read, Purpose::Id(conversation));
    }

    /// What the store has under the id of the first send that waits. Returns that send's message if it is a new one, to be
    /// written.
    pub fn on_looked_up(
        &mut self,
        conversation: ConversationId,
        found: Option<MessageRow>,
        step: &mut Step,
    ) -> Option<&mut Pending> {
        let state = self.conversations.get_mut(&conversation).expect("it is kept while looking");
        state.is_looking = false;
        let (send, reply) = state.waiting.pop_front().expect("the send that was looked up");
        let committed = state.committed();
        self.in_flight -= 1;
        // What lies above is a former owner's, never acknowledged, and about to be covered.
        match found.filter(|row| row.seq <= committed) {
            None => return self.take_new(send, reply, step),
            Some(row) if row.body != send.body => step.refuse(reply, RefusalCode::IdConflict),
            Some(row) => self.finish(row, send.device, reply, step),
        }
        None
    }

    /// The store could not be asked for the id: what waits is told.
    pub fn on_not_looked_up(
        &mut self,
        conversation: ConversationId,
        code: RefusalCode,
        step: &mut Step,
    ) {
        let state = self.conversations.get_mut(&conversation).expect("it is kept while looking");
        state.is_looking = false;
        for (_, reply) in std::mem::take(&mut state.waiting) {
            self.in_flight -= 1;
            step.refuse(reply, code);
        }
    }

    /// A message that is stored and may not be in all inboxes: goes the rest of its way. Only the device that sent it
    /// knows its id, so the retry is of the same one.
    fn finish(&mut self, row: MessageRow, device: DeviceId, reply: ReplyTo, step: &mut Step) {
        self.remember(&row, step.now());
        let (conversation, seq) = (row.conversation, row.seq);
        let state = self.add_pending(Pending::new(row, device, reply), step.now());
        forward(state, seq, step);
        self.acknowledge(conversation, step);
    }

    /// An inbox cannot take a message now: its sender is told, and may retry.
    pub fn decline(
        &mut self,
        conversation: ConversationId,
        seq: Seq,
        code: RefusalCode,
        step: &mut Step,
    ) {
        let Some(state) = self.conversations.get_mut(&conversation) else { return };
        if seq > state.committed() {
            return;
        }
        let Some(pending) = state.remove(seq) else { return };
        self.in_flight -= 1;
        pending.replies().for_each(|reply| step.refuse(reply, code));
    }

    /// A message was not written: its place is free again.
    pub fn take_back(
        &mut self,
        conversation: ConversationId,
        seq: Seq,
        code: RefusalCode,
        step: &mut Step,
    ) {
        let state = self.conversations.get_mut(&conversation).expect("it has messages in flight");
        let pending = state.take_back(seq);
        self.in_flight -= 1;
        self.dedup.remove(&scoped(&pending.row));
        pending.replies().for_each(|reply| step.refuse(reply, code));
        self.taken_back.push(conversation);
    }

    /// Those with messages that were taken back since the last call: what waited behind may be taken now.
    pub fn taken_back(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.taken_back)
    }
}
