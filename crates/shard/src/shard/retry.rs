//! Sends that came before, messages that could not be finished, and gaps that are filled from the log.

use super::Shard;
use super::conversation::{Pending, scoped};
use super::dedup::Seen;
use super::load::Waiting;
use crate::command::{Answer, Input, Mail, ReplyTo, Send};
use crate::limits::CONVERSATION_WINDOW_MAX;
use crate::partition::Partition;
use crate::rows::{MessageRow, Read};
use std::hash::BuildHasher;
use wire::{BODY_BYTES_MAX, ConversationId, DeviceId, InboxSeq, RefusalCode, Seq, Uid};

impl Shard {
    /// The id was used before: the first answer again, or the rest of the way.
    pub(super) fn on_seen(&mut self, send: Send, reply: ReplyTo, seen: Seen) {
        if self.hasher.hash_one(&send.body) != seen.body_hash {
            return self.refuse(reply, RefusalCode::IdConflict);
        }
        if seen.settled {
            let Seen { message_id, seq, time_ms, .. } = seen;
            let inbox_seq = InboxSeq(0);
            return self.answer(reply, Answer::Acked { message_id, seq, time_ms, inbox_seq });
        }
        let state = self.conversations.get_mut(&send.conversation).expect("it is loaded");
        let committed = state.committed;
        let Some(pending) = state.pending(seen.seq) else { return self.look_up(send, reply) };
        let displaced = pending.repeat(reply);
        if seen.seq <= committed {
            self.forward(send.conversation, seen.seq);
        }
        if let Some(displaced) = displaced {
            self.refuse(displaced, RefusalCode::Busy);
        }
    }

    /// Asks the store for the id; sends behind this one wait, so that they keep their order.
    pub(super) fn look_up(&mut self, send: Send, reply: ReplyTo) {
        let Send { sender, conversation, client_msg_id, .. } = send;
        let state = self.conversations.get_mut(&conversation).expect("it is loaded");
        state.is_looking = true;
        state.waiting.push_front((send, reply));
        self.in_flight += 1;
        let ticket = self.ask(Read::ByClientMsgId { sender, conversation, client_msg_id });
        self.parking.wait(ticket, Waiting::Id(conversation));
    }

    pub(super) fn on_looked_up(&mut self, conversation: ConversationId, found: Option<MessageRow>) {
        let state = self.conversations.get_mut(&conversation).expect("it is kept while looking");
        state.is_looking = false;
        let (send, reply) = state.waiting.pop_front().expect("the send that was looked up");
        let committed = state.committed;
        self.in_flight -= 1;
        // What lies above is a former owner's, never acknowledged, and about to be covered.
        match found.filter(|row| row.seq <= committed) {
            None => self.take(send, reply),
            Some(row) if row.body != send.body => self.refuse(reply, RefusalCode::IdConflict),
            Some(row) => self.finish(row, send.device, reply),
        }
        self.pump(conversation);
    }

    /// A message that is stored and may not be in all inboxes: goes the rest of its way. Only the device that sent it
    /// knows its id, so the retry is of the same one.
    fn finish(&mut self, row: MessageRow, device: DeviceId, reply: ReplyTo) {
        self.dedup.insert(scoped(&row), self.seen(&row), self.now.unix_ms);
        let (conversation, seq) = (row.conversation, row.seq);
        self.add_pending(Pending {
            row,
            device: Some(device),
            reply: Some(reply),
            repeats: Vec::new(),
            given: 0,
            inbox_seq: InboxSeq(0),
        });
        self.forward(conversation, seq);
        self.acknowledge(conversation);
    }

    /// An inbox cannot take a message now: its sender is told, and may retry.
    pub(super) fn on_decline(&mut self, conversation: ConversationId, seq: Seq, code: RefusalCode) {
        let Some(state) = self.conversations.get_mut(&conversation) else { return };
        if seq > state.committed {
            return;
        }
        let Some(pending) = state.pending(seq) else { return };
        let replies: Vec<ReplyTo> = pending.replies().collect();
        state.in_flight.retain(|pending| pending.row.seq != seq);
        self.in_flight -= 1;
        replies.into_iter().for_each(|reply| self.refuse(reply, code));
        self.pump(conversation);
    }

    /// A message was not written: its place is free again.
    pub(super) fn take_back_message(
        &mut self,
        conversation: ConversationId,
        seq: Seq,
        code: RefusalCode,
    ) {
        let state = self.conversations.get_mut(&conversation).expect("it has a message in flight");
        let pending = state.in_flight.pop_back().expect("it has a message in flight");
        assert_eq!((pending.row.seq, state.head), (seq, seq), "messages are taken back last first");
        state.take_back(&pending.row);
        self.in_flight -= 1;
        self.dedup.remove(&scoped(&pending.row));
        pending.replies().for_each(|reply| self.refuse(reply, code));
        self.taken_back.push(conversation);
    }

    /// What waited behind messages that were taken back may be taken now.
    pub(super) fn after_taking_back(&mut self) {
        for conversation in std::mem::take(&mut self.taken_back) {
            self.pump(conversation);
        }
    }

    /// An inbox lacks messages of this conversation: they are read from it and appended again.
    pub(super) fn on_pull(&mut self, uid: Uid, conversation: ConversationId, from: Seq, to: Seq) {
        let Some(state) = self.conversations.get(&conversation) else {
            let pull = Mail::Pull { uid, conversation, from, to };
            return self.load_conversation(conversation, Input::Mail(pull));
        };
        let committed = state.committed;
        let count = (to.0 + 1).saturating_sub(from.0).min(CONVERSATION_WINDOW_MAX as u64);
        let before = Seq(from.0 + count);
        let limit = usize::try_from(count).unwrap_or(CONVERSATION_WINDOW_MAX);
        let bytes_max = BODY_BYTES_MAX * CONVERSATION_WINDOW_MAX;
        let ticket = self.ask(Read::Messages { conversation, before, limit, bytes_max });
        self.parking.wait(ticket, Waiting::Pull(uid, committed));
    }

    pub(super) fn on_pulled(&mut self, uid: Uid, committed: Seq, messages: Vec<MessageRow>) {
        for message in messages.into_iter().filter(|row| row.seq <= committed) {
            self.mail(Partition::of_user(uid), Mail::Append { uid, message, device: None });
        }
    }
}
