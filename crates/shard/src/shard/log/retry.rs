//! Sends that came before, messages that could not be finished, and what is taken back.

use super::conversation::{Pending, acked, scoped};
use super::dedup::FirstUse;
use super::{Conversations, forward};
use crate::command::{ReplyTo, Send};
use crate::rows::{MessageRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use std::hash::BuildHasher;
use wire::{ConversationId, DeviceId, RefusalCode, Seq};

impl Conversations {
    /// The id was used before: the first answer again, or the rest of the way.
    pub(super) fn repeat(&mut self, send: Send, reply: ReplyTo, first: FirstUse, step: &mut Step) {
        if self.hasher.hash_one((send.kind, &send.body)) != first.body_hash {
            return step.refuse(reply, RefusalCode::IdConflict);
        }
        let state = self.conversations.get_mut(&send.conversation).expect("it is loaded");
        if first.is_settled || state.is_answered(first.seq) {
            let FirstUse { message_id, seq, time_ms, .. } = first;
            return step.answer(reply, acked(message_id, seq, time_ms));
        }
        let Some(pending) = state.pending(first.seq) else {
            return self.look_up(send, reply, step);
        };
        let displaced = pending.repeat(reply);
        if first.seq <= state.committed() && state.group.is_none() {
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
            Some(row) if row.body != send.body || row.kind != send.kind => {
                step.refuse(reply, RefusalCode::IdConflict);
            }
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
        let state = self.conversations.get_mut(&conversation).expect("it is loaded");
        if state.is_answered(seq) {
            let MessageRow { message_id, time_ms, .. } = row;
            return step.answer(reply, acked(message_id, seq, time_ms));
        }
        if state.group.is_some() {
            // It is among those that are not in all inboxes.
            let displaced = state.pending(seq).and_then(|pending| pending.repeat(reply));
            return displaced.into_iter().for_each(|it| step.refuse(it, RefusalCode::Busy));
        }
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
        // A group offers again what it offered.
        if seq > state.committed() || state.group.is_some() {
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
        if conversation.is_group() {
            self.forget_entry();
        }
        pending.replies().for_each(|reply| step.refuse(reply, code));
        self.taken_back.push(conversation);
    }

    /// Those with messages that were taken back since the last call: what waited behind may be taken now.
    pub fn taken_back(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.taken_back)
    }
}
