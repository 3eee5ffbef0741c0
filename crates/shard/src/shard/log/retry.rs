//! Sends that came before, messages that could not be finished, and what is taken back.

use super::conversation::{Pending, acked, scoped};
use super::dedup::FirstUse;
use super::{Conversations, forward};
use crate::command::{ReplyTo, Send};
use crate::order::Sender;
use crate::rows::{MessageRow, Read};
use crate::shard::plant::Fault;
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use std::collections::VecDeque;
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
        let committed = state.committed();
        self.in_flight += 1;
        let read = Read::ByClientMsgId { sender, conversation, client_msg_id };
        step.ask(read, Purpose::Id(conversation, committed));
    }

    /// What the store has under the id of the first send that waits, and what was committed when it was asked. Returns that
    /// send's message if it is a new one, to be written.
    pub fn on_looked_up(
        &mut self,
        (conversation, committed): (ConversationId, Seq),
        found: Option<MessageRow>,
        step: &mut Step,
    ) -> Option<&mut Pending> {
        let state = self.conversations.get_mut(&conversation).expect("it is kept while looking");
        state.is_looking = false;
        let is_behind = std::mem::take(&mut state.is_behind);
        let (send, reply) = state.waiting.pop_front().expect("the send that was looked up");
        self.in_flight -= 1;
        // What lay above then is a former owner's, never acknowledged, and covered soon, or since: its place may be committed
        // by now with another message.
        let found = found.filter(|row| row.seq <= committed);
        if found.is_some() {
            self.order.forget((send.sender, send.device, conversation), send.client_msg_id);
        }
        match found {
            None if is_behind => step.refuse(reply, RefusalCode::Busy),
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
        let is_behind = std::mem::take(&mut state.is_behind);
        let mut waiting = std::mem::take(&mut state.waiting);
        self.in_flight -= waiting.len();
        if let Some((_, reply)) = waiting.pop_front_if(|_| is_behind) {
            step.refuse(reply, code);
        }
        self.refuse_all(waiting.into_iter(), code, step);
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
        if let Some(device) = pending.device {
            let sender = (pending.row.sender, device, conversation);
            self.refuse_waiting(sender, code, step);
            let id = pending.row.client_msg_id;
            self.refuse_first((sender, id), pending.replies(), code, step);
        }
        self.taken_back.push(conversation);
    }

    /// What waits of a sender is behind what is refused of it now, and refused too. One that is being looked up is when it is
    /// known to be new.
    pub(super) fn refuse_waiting(&mut self, sender: Sender, code: RefusalCode, step: &mut Step) {
        let state = self.conversations.get_mut(&sender.2).expect("the caller has it");
        if self.plant.has(Fault::ForgetOrder) {
            return;
        }
        let is_of = |send: &Send| (send.sender, send.device) == (sender.0, sender.1);
        let looking = state.waiting.pop_front_if(|_| state.is_looking);
        let (behind, others) = state.waiting.drain(..).partition(|(send, _)| is_of(send));
        state.waiting = others;
        let behind: VecDeque<_> = behind;
        self.in_flight -= behind.len();
        let looked_up =
            looking.as_ref().filter(|(send, _)| is_of(send)).map(|(send, _)| send.client_msg_id);
        let was_behind = state.is_behind;
        state.is_behind |= looked_up.is_some();
        looking.into_iter().for_each(|first| state.waiting.push_front(first));
        self.refuse_all(behind.into_iter(), code, step);
        if let Some(id) = looked_up.filter(|_| !was_behind) {
            self.refuse_first((sender, id), None, code, step);
        }
    }

    /// Those with messages that were taken back since the last call: what waited behind may be taken now.
    pub fn taken_back(&mut self) -> Vec<ConversationId> {
        std::mem::take(&mut self.taken_back)
    }
}
