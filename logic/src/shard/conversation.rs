//! A conversation: gives messages their place, and acknowledges them once both inboxes have them.

use super::Shard;
use super::commit::Written;
use super::dedup::Seen;
use super::plant::Fault;
use crate::command::{Answer, Command, Input, Mail, ReplyTo, Send};
use crate::limits::{CONVERSATION_WINDOW_MAX, FORWARD_AGAIN_MS, PARKED_PER_KEY_MAX, REPEATS_MAX};
use crate::partition::Partition;
use crate::rows::{MessageRow, Row};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use wire::{CLIENT_MSG_ID_AGE_MS_MAX, CLOCK_SKEW_MS_MAX, DeviceId};
use wire::{Conversation, InboxSeq, MessageId, RefusalCode, Seq, Uid};

/// A conversation with traffic.
pub(super) struct ConversationState {
    /// The last place given.
    pub head: Seq,
    /// The last place that is durable.
    pub committed: Seq,
    /// Up to where the inboxes have it durably: big, small. An inbox keeps the conversation's order, so one
    /// confirmation tells of everything before it, and a lost one is made good by any later one.
    confirmed: [Seq; 2],
    last_time_ms: u64,
    /// When a message last went to the inboxes, in the monotonic ms of `Now`.
    forwarded_ms: u64,
    /// Not acknowledged yet, by seq. At most [`CONVERSATION_WINDOW_MAX`], and retries of older ones.
    pub in_flight: VecDeque<Pending>,
    /// Sends that wait for room or for the look-up of the first of them.
    pub waiting: VecDeque<(Send, ReplyTo)>,
    /// The store is asked for the id of the first in `waiting`.
    pub is_looking: bool,
    /// It is among those that are seen to move.
    is_watched: bool,
}

/// A message on its way to both inboxes.
pub(super) struct Pending {
    pub row: MessageRow,
    pub device: Option<DeviceId>,
    /// Whom to answer.
    pub reply: Option<ReplyTo>,
    /// And who else said the same send, over other connections. At most [`REPEATS_MAX`].
    pub repeats: Vec<ReplyTo>,
    /// Which inboxes were given it in the batch of the message itself: big, small.
    pub given: [bool; 2],
    /// Its row in the sender's inbox.
    pub inbox_seq: InboxSeq,
}

impl Pending {
    /// The same send over again. Returns who is not answered with it any more: there are too many.
    pub fn repeat(&mut self, reply: ReplyTo) -> Option<ReplyTo> {
        if self.reply == Some(reply) || self.repeats.contains(&reply) {
            return None;
        }
        let is_full = self.repeats.len() == REPEATS_MAX;
        let displaced = is_full.then(|| self.repeats.remove(0));
        self.repeats.extend(self.reply.replace(reply));
        displaced
    }

    /// All who are to be answered.
    pub fn replies(&self) -> impl Iterator<Item = ReplyTo> {
        self.reply.into_iter().chain(self.repeats.iter().copied())
    }
}

impl ConversationState {
    pub fn new(last: Option<&MessageRow>) -> Self {
        let head = last.map_or(Seq(0), |row| row.seq);
        Self {
            head,
            committed: head,
            confirmed: [Seq(0); 2],
            forwarded_ms: 0,
            last_time_ms: last.map_or(0, |row| row.time_ms),
            in_flight: VecDeque::new(),
            waiting: VecDeque::new(),
            is_looking: false,
            is_watched: false,
        }
    }

    pub fn pending(&mut self, seq: Seq) -> Option<&mut Pending> {
        let at = self.in_flight.binary_search_by_key(&seq, |pending| pending.row.seq).ok()?;
        self.in_flight.get_mut(at)
    }

    pub fn is_quiet(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty() && !self.is_looking
    }

    fn may_take(&self) -> bool {
        !self.is_looking && self.has_room()
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < CONVERSATION_WINDOW_MAX
    }

    /// Up to where both inboxes have everything.
    fn complete(&self) -> Seq {
        let [big, small] = self.confirmed;
        big.min(small).min(self.committed)
    }

    /// The newest durable message in flight, if nothing went to the inboxes for [`FORWARD_AGAIN_MS`].
    fn stalled(&self, now_ms: u64) -> Option<Seq> {
        let seqs = self.in_flight.iter().rev().map(|pending| pending.row.seq);
        let newest = seqs.into_iter().find(|seq| *seq <= self.committed)?;
        (now_ms >= self.forwarded_ms + FORWARD_AGAIN_MS).then_some(newest)
    }
}

impl Shard {
    pub(super) fn on_send(&mut self, send: Send, reply: ReplyTo) {
        if let Some(code) = self.id_refusal(&send) {
            return self.refuse(reply, code);
        }
        if self.in_flight() >= self.config.in_flight_max {
            return self.refuse(reply, RefusalCode::Busy);
        }
        let conversation = send.conversation;
        let Some(state) = self.conversations.get(&conversation) else {
            return self
                .load_conversation(conversation, Input::Command(Command::Send(send), reply));
        };
        if state.waiting.is_empty() && state.may_take() {
            return self.admit(send, reply);
        }
        let state = self.conversations.get_mut(&conversation).expect("just found");
        if let Some(same) = state.waiting.iter_mut().find(|(waiting, _)| *waiting == send) {
            // Retries of what waits would fill the queue, each with a look-up of its own.
            let former = std::mem::replace(&mut same.1, reply);
            if former != reply {
                self.refuse(former, RefusalCode::Busy);
            }
        } else if state.waiting.len() < PARKED_PER_KEY_MAX {
            state.waiting.push_back((send, reply));
            self.in_flight += 1;
        } else {
            self.refuse(reply, RefusalCode::Busy);
        }
    }

    /// Conversations that do not move give their inboxes the newest message again: mail may be lost, and the sender gone.
    /// It is no timer to wake for: a shard is stepped often enough.
    pub(super) fn forward_stalled(&mut self) {
        let now_ms = self.now.mono_ms;
        let is_due = |watched: &mut (u64, Conversation)| watched.0 <= now_ms;
        while let Some((_, conversation)) = self.watched.pop_front_if(is_due) {
            let Some(state) = self.conversations.get_mut(&conversation) else { continue };
            state.is_watched = !state.in_flight.is_empty();
            if !state.is_watched {
                continue;
            }
            self.watched.push_back((now_ms + FORWARD_AGAIN_MS, conversation));
            if let Some(seq) = state.stalled(now_ms) {
                self.forward(conversation, seq);
            }
        }
    }

    fn id_refusal(&self, send: &Send) -> Option<RefusalCode> {
        let Some(made_ms) = send.client_msg_id.unix_ms() else { return Some(RefusalCode::BadId) };
        if made_ms > self.now.unix_ms + CLOCK_SKEW_MS_MAX {
            return Some(RefusalCode::IdInFuture);
        }
        (made_ms + CLIENT_MSG_ID_AGE_MS_MAX < self.now.unix_ms).then_some(RefusalCode::IdTooOld)
    }

    /// Takes waiting sends, in order, as far as there is room and their ids are known.
    pub(super) fn pump(&mut self, conversation: Conversation) {
        loop {
            let Some(state) = self.conversations.get_mut(&conversation) else { return };
            if !state.may_take() {
                return;
            }
            let Some((send, reply)) = state.waiting.pop_front() else { return };
            self.in_flight -= 1;
            self.admit(send, reply);
        }
    }

    /// Takes a send whose turn it is, unless its id was here before or may have been.
    fn admit(&mut self, send: Send, reply: ReplyTo) {
        let made_ms = send.client_msg_id.unix_ms().expect("checked when it arrived");
        if self.plant.has(Fault::SkipDedup) {
            return self.take(send, reply);
        }
        if let Some(seen) = self.dedup.find(send.from, send.client_msg_id).copied() {
            return self.on_seen(send, reply, seen);
        }
        if self.dedup.is_sure(made_ms) || self.plant.has(Fault::SkipLookUp) {
            return self.take(send, reply);
        }
        // An id may be forgotten before its message is acknowledged, even before it is stored.
        match self.find_pending(&send) {
            Some(seen) if !self.plant.has(Fault::ForgetInFlight) => self.on_seen(send, reply, seen),
            _ => self.look_up(send, reply),
        }
    }

    /// What the id stands for, if its message is in flight.
    fn find_pending(&self, send: &Send) -> Option<Seen> {
        let state = self.conversations.get(&send.conversation)?;
        let is_it =
            |row: &MessageRow| row.from == send.from && row.client_msg_id == send.client_msg_id;
        let pending = state.in_flight.iter().find(|pending| is_it(&pending.row))?;
        Some(self.seen(&pending.row))
    }

    /// Gives a new message its place and writes it; at once into the inboxes that are here and ready.
    pub(super) fn take(&mut self, send: Send, reply: ReplyTo) {
        let conversation = send.conversation;
        let message_id = self.next_message_id(conversation);
        let state = self.conversations.get_mut(&conversation).expect("the conversation is loaded");
        state.head = state.head.next();
        state.last_time_ms = state.last_time_ms.max(self.now.unix_ms);
        let row = MessageRow {
            conversation,
            seq: state.head,
            message_id,
            from: send.from,
            time_ms: state.last_time_ms,
            client_msg_id: send.client_msg_id,
            body: send.body,
        };
        self.dedup.insert(row.from, row.client_msg_id, self.seen(&row), self.now.unix_ms);
        self.commit.push(Row::Message(row.clone()), Written::Message(conversation, row.seq));
        let device = Some(send.device);
        let users = [conversation.big(), conversation.small()];
        let given = users.map(|uid| self.append_now(uid, &row, device));
        if self.plant.has(Fault::AckBeforeCommit) {
            let MessageRow { message_id, seq, time_ms, .. } = row;
            let inbox_seq = InboxSeq(0);
            self.answer(reply, Answer::Acked { message_id, seq, time_ms, inbox_seq });
        }
        self.add_pending(Pending {
            row,
            device,
            reply: Some(reply),
            repeats: Vec::new(),
            given,
            inbox_seq: InboxSeq(0),
        });
    }

    pub(super) fn add_pending(&mut self, pending: Pending) {
        let state = self.conversations.get_mut(&pending.row.conversation).expect("it is loaded");
        if !std::mem::replace(&mut state.is_watched, true) {
            let at_ms = self.now.mono_ms + FORWARD_AGAIN_MS;
            self.watched.push_back((at_ms, pending.row.conversation));
        }
        let at = state.in_flight.partition_point(|other| other.row.seq < pending.row.seq);
        state.in_flight.insert(at, pending);
        self.in_flight += 1;
    }

    pub(super) fn seen(&self, row: &MessageRow) -> Seen {
        Seen {
            conversation: row.conversation,
            seq: row.seq,
            message_id: row.message_id,
            time_ms: row.time_ms,
            body_hash: self.hasher.hash_one(&row.body),
            settled: false,
        }
    }

    fn next_message_id(&mut self, conversation: Conversation) -> MessageId {
        let partition = u64::from(Partition::of_conversation(conversation).number());
        self.messages += 1;
        assert!(self.messages < 1 << 34, "an owner's epoch has 2^34 messages");
        MessageId((partition << 54) | (u64::from(self.config.epoch) << 34) | self.messages)
    }

    pub(super) fn on_message_durable(&mut self, conversation: Conversation, seq: Seq) {
        let state = self.conversations.get_mut(&conversation).expect("it has a message in flight");
        assert_eq!(state.committed.next(), seq, "messages become durable in order");
        state.committed = seq;
        self.forward(conversation, seq);
    }

    /// Gives a durable message to the inboxes that have not confirmed it.
    pub(super) fn forward(&mut self, conversation: Conversation, seq: Seq) {
        let now_ms = self.now.mono_ms;
        let state = self.conversations.get_mut(&conversation).expect("it has a message in flight");
        assert!(seq <= state.committed, "only what is durable is forwarded");
        state.forwarded_ms = now_ms;
        let confirmed = state.confirmed.map(|through| seq <= through);
        let pending = state.pending(seq).expect("it is in flight");
        // Rows of the message's own batch confirm themselves right behind it.
        let given = std::mem::take(&mut pending.given);
        let (row, device) = (pending.row.clone(), pending.device);
        for (side, uid) in [conversation.big(), conversation.small()].into_iter().enumerate() {
            if !given[side] && !confirmed[side] {
                let message = row.clone();
                self.mail(Partition::of_user(uid), Mail::Append { uid, message, device });
            }
        }
    }

    /// An inbox has the conversation up to this message, durably.
    pub(super) fn on_confirm(
        &mut self,
        conversation: Conversation,
        seq: Seq,
        uid: Uid,
        inbox_seq: InboxSeq,
    ) {
        let Some(state) = self.conversations.get_mut(&conversation) else { return };
        let through = &mut state.confirmed[usize::from(uid == conversation.small())];
        *through = seq.max(*through);
        if let Some(pending) = state.pending(seq).filter(|pending| pending.row.from == uid) {
            pending.inbox_seq = inbox_seq;
        }
        self.acknowledge(conversation);
        self.pump(conversation);
    }

    /// Answers what is complete, in seq order.
    pub(super) fn acknowledge(&mut self, conversation: Conversation) {
        loop {
            let state = self.conversations.get_mut(&conversation).expect("it has messages");
            let complete = if self.plant.has(Fault::AckAfterOneInbox) {
                state.confirmed[0].max(state.confirmed[1])
            } else {
                state.complete()
            };
            let done = state.in_flight.pop_front_if(|first| first.row.seq <= complete);
            let Some(done) = done else { return };
            self.in_flight -= 1;
            if let Some(seen) = self.dedup.find(done.row.from, done.row.client_msg_id) {
                seen.settled = true;
            }
            let answer = Answer::Acked {
                message_id: done.row.message_id,
                seq: done.row.seq,
                time_ms: done.row.time_ms,
                inbox_seq: done.inbox_seq,
            };
            for reply in done.replies() {
                self.answer(reply, answer.clone());
            }
        }
    }
}
