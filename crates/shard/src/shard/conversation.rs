//! A conversation: gives messages their place, and acknowledges them once all their inboxes have them.

use super::commit::Written;
use super::dedup::{Scoped, Seen};
use super::plant::Fault;
use super::{Shard, post};
use crate::command::{Answer, Command, Input, Mail, ReplyTo, Send};
use crate::limits::{
    CONVERSATION_WINDOW_MAX, FORWARD_AGAIN_MS, INBOXES_MAX, PARKED_PER_KEY_MAX, REPEATS_MAX,
};
use crate::partition::Partition;
use crate::rows::{Chain, MessageRow, Row};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use wire::{CLIENT_MSG_ID_AGE_MS_MAX, CLOCK_SKEW_MS_MAX, ConversationId, ConversationKind};
use wire::{DeviceId, InboxSeq, MessageId, RefusalCode, RowKind, Seq, Uid};

/// The inboxes that a conversation's messages go to, and up to where each has them durably. An inbox keeps the
/// conversation's order, so one confirmation tells of everything before it, and a lost one is made good by any later one.
struct Inboxes(Box<[(Uid, Seq)]>);

impl Inboxes {
    fn of(conversation: ConversationId) -> Self {
        let inboxes: Box<[_]> = conversation.users().map(|uid| (uid, Seq(0))).collect();
        assert!(inboxes.len() <= INBOXES_MAX, "each inbox has a bit");
        Self(inboxes)
    }

    fn confirm(&mut self, uid: Uid, seq: Seq) {
        for (_, through) in self.0.iter_mut().filter(|inbox| inbox.0 == uid) {
            *through = seq.max(*through);
        }
    }

    /// Up to where all have everything; without any, there is nothing to wait for.
    fn all(&self) -> Seq {
        self.0.iter().map(|inbox| inbox.1).min().unwrap_or(Seq(u64::MAX))
    }

    /// Up to where one has everything.
    fn one(&self) -> Seq {
        self.0.iter().map(|inbox| inbox.1).max().unwrap_or(Seq(u64::MAX))
    }

    /// Those that have not confirmed it and were not given it.
    fn lacking(&self, seq: Seq, given: u64) -> impl Iterator<Item = Uid> {
        let inboxes = (0..).zip(&self.0);
        let lacks =
            move |&(bit, inbox): &(u32, &(Uid, Seq))| given >> bit & 1 == 0 && inbox.1 < seq;
        inboxes.filter(lacks).map(|(_, inbox)| inbox.0)
    }
}

/// What a stored message's client id is unique in.
pub(super) fn scoped(row: &MessageRow) -> Scoped {
    Scoped { sender: row.sender, conversation: row.conversation, id: row.client_msg_id }
}

/// A conversation with traffic.
pub(super) struct ConversationState {
    /// The last place given.
    pub head: Seq,
    /// The last place that is durable.
    pub committed: Seq,
    /// Messages up to the last place given.
    number: u64,
    /// Of the row after the last place given.
    chain: Chain,
    inboxes: Inboxes,
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

/// A message on its way to its inboxes.
pub(super) struct Pending {
    pub row: MessageRow,
    pub device: Option<DeviceId>,
    /// Whom to answer.
    pub reply: Option<ReplyTo>,
    /// And who else said the same send, over other connections. At most [`REPEATS_MAX`].
    pub repeats: Vec<ReplyTo>,
    /// Which inboxes were given it in the batch of the message itself: bits, in the order of [`Inboxes`].
    pub given: u64,
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
    pub fn new(conversation: ConversationId, last: Option<&MessageRow>) -> Self {
        let head = last.map_or(Seq(0), |row| row.seq);
        Self {
            head,
            committed: head,
            number: last.map_or(0, |row| row.number),
            chain: last.map_or(Chain::default(), MessageRow::next_chain),
            inboxes: Inboxes::of(conversation),
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

    /// Up to where all inboxes have everything.
    fn complete(&self) -> Seq {
        self.inboxes.all().min(self.committed)
    }

    /// Gives a send its place, and a row there.
    fn place(&mut self, send: Send, message_id: MessageId, now_ms: u64) -> MessageRow {
        self.head = self.head.next();
        self.number += u64::from(send.kind == RowKind::MESSAGE);
        self.last_time_ms = self.last_time_ms.max(now_ms);
        let row = MessageRow {
            conversation: send.conversation,
            seq: self.head,
            number: self.number,
            message_id,
            sender: send.sender,
            time_ms: self.last_time_ms,
            kind: send.kind,
            flags: send.flags,
            chain: self.chain,
            client_msg_id: send.client_msg_id,
            body: send.body,
        };
        self.chain = row.next_chain();
        row
    }

    /// The newest row was not written: its place is free again.
    pub fn take_back(&mut self, row: &MessageRow) {
        assert_eq!(self.head, row.seq, "messages are taken back last first");
        self.head = Seq(row.seq.0 - 1);
        self.number -= u64::from(row.kind == RowKind::MESSAGE);
        self.chain = row.chain;
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
        if let Some(code) = self.refusal(&send) {
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
        let is_due = |watched: &mut (u64, ConversationId)| watched.0 <= now_ms;
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

    fn refusal(&self, send: &Send) -> Option<RefusalCode> {
        match send.conversation.kind() {
            ConversationKind::Direct | ConversationKind::System => {}
            ConversationKind::Group | ConversationKind::Broadcast => {
                return Some(RefusalCode::Unsupported);
            }
        }
        let Some(made_ms) = send.client_msg_id.unix_ms() else { return Some(RefusalCode::BadId) };
        if made_ms > self.now.unix_ms + CLOCK_SKEW_MS_MAX {
            return Some(RefusalCode::IdInFuture);
        }
        (made_ms + CLIENT_MSG_ID_AGE_MS_MAX < self.now.unix_ms).then_some(RefusalCode::IdTooOld)
    }

    /// Takes waiting sends, in order, as far as there is room and their ids are known.
    pub(super) fn pump(&mut self, conversation: ConversationId) {
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
        let Send { sender, conversation, client_msg_id: id, .. } = send;
        let id = Scoped { sender, conversation, id };
        if let Some(seen) = self.dedup.find(&id).copied() {
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
            |row: &MessageRow| row.sender == send.sender && row.client_msg_id == send.client_msg_id;
        let pending = state.in_flight.iter().find(|pending| is_it(&pending.row))?;
        Some(self.seen(&pending.row))
    }

    /// Gives a new message its place and writes it; at once into the inboxes that are here and ready.
    pub(super) fn take(&mut self, send: Send, reply: ReplyTo) {
        let (conversation, device) = (send.conversation, Some(send.device));
        let message_id = self.next_message_id(conversation);
        let state = self.conversations.get_mut(&conversation).expect("the conversation is loaded");
        let row = state.place(send, message_id, self.now.unix_ms);
        self.dedup.insert(scoped(&row), self.seen(&row), self.now.unix_ms);
        self.commit.push(Row::Message(row.clone()), Written::Message(conversation, row.seq));
        let given = (0..).zip(conversation.users()).fold(0, |given, (bit, uid)| {
            given | u64::from(self.append_now(uid, &row, device)) << bit
        });
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
            seq: row.seq,
            message_id: row.message_id,
            time_ms: row.time_ms,
            body_hash: self.hasher.hash_one(&row.body),
            settled: false,
        }
    }

    fn next_message_id(&mut self, conversation: ConversationId) -> MessageId {
        let partition = Partition::of_conversation(conversation).number();
        self.messages += 1;
        MessageId::new(partition, self.config.epoch, self.messages)
    }

    pub(super) fn on_message_durable(&mut self, conversation: ConversationId, seq: Seq) {
        let state = self.conversations.get_mut(&conversation).expect("it has a message in flight");
        assert_eq!(state.committed.next(), seq, "messages become durable in order");
        state.committed = seq;
        self.forward(conversation, seq);
    }

    /// Gives a durable message to the inboxes that have not confirmed it.
    pub(super) fn forward(&mut self, conversation: ConversationId, seq: Seq) {
        let now_ms = self.now.mono_ms;
        let state = self.conversations.get_mut(&conversation).expect("it has a message in flight");
        assert!(seq <= state.committed, "only what is durable is forwarded");
        state.forwarded_ms = now_ms;
        let pending = state.pending(seq).expect("it is in flight");
        // Rows of the message's own batch confirm themselves right behind it.
        let given = std::mem::take(&mut pending.given);
        let (row, device) = (pending.row.clone(), pending.device);
        for uid in state.inboxes.lacking(seq, given) {
            let mail = Mail::Append { uid, message: row.clone(), device };
            let mail = (Partition::of_user(uid), mail);
            post(self.config.share, &mut self.local, &mut self.out, mail);
        }
    }

    /// An inbox has the conversation up to this message, durably.
    pub(super) fn on_confirm(
        &mut self,
        conversation: ConversationId,
        seq: Seq,
        uid: Uid,
        inbox_seq: InboxSeq,
    ) {
        let Some(state) = self.conversations.get_mut(&conversation) else { return };
        state.inboxes.confirm(uid, seq);
        if let Some(pending) = state.pending(seq).filter(|pending| pending.row.sender == uid) {
            pending.inbox_seq = inbox_seq;
        }
        self.acknowledge(conversation);
        self.pump(conversation);
    }

    /// Answers what is complete, in seq order.
    pub(super) fn acknowledge(&mut self, conversation: ConversationId) {
        loop {
            let state = self.conversations.get_mut(&conversation).expect("it has messages");
            let complete = if self.plant.has(Fault::AckAfterOneInbox) {
                state.inboxes.one()
            } else {
                state.complete()
            };
            let done = state.in_flight.pop_front_if(|first| first.row.seq <= complete);
            let Some(done) = done else { return };
            self.in_flight -= 1;
            if let Some(seen) = self.dedup.find(&scoped(&done.row)) {
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
