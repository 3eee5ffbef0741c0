//! The logs of conversations: each gives messages their place, and acknowledges them once all their inboxes have them.
//!
//! It knows no inbox and no row of the batch: whoever gets a new message from here writes it.

mod conversation;
mod dedup;
mod group;
mod groups;
mod pages;
mod recipients;
mod retry;
#[cfg(test)]
mod tests;

pub(super) use conversation::Pending;

use super::config::ShardConfig;
use super::plant::{Fault, Plant};
use super::step::Step;
use crate::command::{Answer, Mail, Now, ReplyTo, Send};
use crate::limits::{BUSY_EACH_MS, FORWARD_AGAIN_MS, PARKED_PER_KEY_MAX};
use crate::order::{Order, Sender, Wait};
use crate::partition::Partition;
use crate::rows::MessageRow;
use conversation::{Conversation, scoped};
use dedup::{Dedup, FirstUse, Scoped};
use group::Groups;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::collections::VecDeque;
use std::hash::BuildHasher;
use wire::{
    CLIENT_MSG_ID_AGE_MS_MAX, CLOCK_SKEW_MS_MAX, ClientMsgId, ConversationId, ConversationKind,
};
use wire::{InboxSeq, MessageId, RefusalCode, Seq, Uid};

/// Why a send is refused whatever its conversation has.
pub(super) fn refusal(send: &Send) -> Option<RefusalCode> {
    match send.conversation.kind() {
        ConversationKind::Direct | ConversationKind::System | ConversationKind::Group => {}
        ConversationKind::Broadcast => {
            return Some(RefusalCode::Unsupported);
        }
    }
    send.client_msg_id.unix_ms().is_none().then_some(RefusalCode::BadId)
}

/// Why a message that is new is refused for the time in its id, and in how many ms it is not. One that was here before is
/// never asked: whatever the clock did since, its first answer stands.
fn untimely(made_ms: u64, now: Now) -> Option<(RefusalCode, u32)> {
    let latest_ms = now.unix_ms + CLOCK_SKEW_MS_MAX;
    if made_ms > latest_ms {
        let wait_ms = u32::try_from(made_ms - latest_ms).unwrap_or(u32::MAX);
        return Some((RefusalCode::IdInFuture, wait_ms));
    }
    (made_ms + CLIENT_MSG_ID_AGE_MS_MAX < now.unix_ms).then_some((RefusalCode::IdTooOld, 0))
}

/// Every conversation in memory, and which ids were used there.
pub(super) struct Conversations {
    conversations: HashMap<ConversationId, Conversation>,
    dedup: Dedup,
    /// Those with messages in flight, and when to see that they move.
    watched: VecDeque<(u64, ConversationId)>,
    hasher: DefaultHashBuilder,
    epoch: u32,
    /// Where their count begins.
    first_message: u64,
    /// Messages that were given an id.
    messages: u64,
    /// Messages taken and not answered.
    in_flight: usize,
    /// Those whose messages were just taken back.
    taken_back: Vec<ConversationId>,
    groups: Groups,
    /// What was refused for now keeps its sender's order.
    order: Order,
    /// A store that is written whole has no late writes of a former owner.
    is_alone: bool,
    plant: Plant,
}

impl Conversations {
    pub fn new(config: &ShardConfig, now: Now, plant: Plant) -> Self {
        let trusts = plant.has(Fault::TrustTheClock);
        let unsure_ms = if trusts { now.unix_ms + CLOCK_SKEW_MS_MAX } else { config.newest_id_ms };
        Self {
            conversations: HashMap::new(),
            dedup: Dedup::new(unsure_ms, config.ids_max),
            watched: VecDeque::new(),
            hasher: DefaultHashBuilder::default(),
            epoch: config.epoch,
            first_message: config.first_message,
            messages: 0,
            in_flight: 0,
            taken_back: Vec::new(),
            groups: Groups::default(),
            order: Order::default(),
            is_alone: config.is_atomic,
            plant,
        }
    }

    /// Messages taken and not answered.
    #[inline]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many are in memory.
    #[inline]
    pub fn len(&self) -> usize {
        self.conversations.len()
    }

    /// Whether it is in memory.
    #[inline]
    pub fn has(&self, conversation: ConversationId) -> bool {
        self.conversations.contains_key(&conversation)
    }

    /// It is in memory from now on, as it is after its newest row.
    pub fn add(&mut self, conversation: ConversationId, last: Option<&MessageRow>) {
        self.conversations.insert(conversation, Conversation::new(conversation, last));
    }

    /// Forgets those that nothing needs.
    pub fn forget_quiet(&mut self) {
        self.conversations.retain(|_, state| !state.is_quiet());
    }

    /// Whether a send is let in, or refused, and what its sender says behind it with it. `has_room`: there is room for it, as far as
    /// others know.
    ///
    /// # Errors
    /// Why it is refused, and in how many ms it is to come again.
    pub fn judge(
        &mut self,
        send: &Send,
        has_room: bool,
        now: Now,
    ) -> Result<(), (RefusalCode, u32)> {
        let state = self.conversations.get(&send.conversation);
        let waiting = state.map(|state| &state.waiting);
        // Said again while it waits: it has its turn already.
        if waiting.is_some_and(|waiting| waiting.iter().any(|(other, _)| other == send)) {
            return Ok(());
        }
        let is_full = waiting.is_some_and(|waiting| waiting.len() >= PARKED_PER_KEY_MAX);
        if self.plant.has(Fault::ForgetOrder) {
            let Wait { code, after_ms, .. } = Wait::BUSY;
            return if is_full || !has_room { Err((code, after_ms)) } else { Ok(()) };
        }
        let room = || (is_full || !has_room).then_some(Wait::BUSY);
        self.order.judge(send, now.mono_ms, room)
    }

    /// Sends that were let in are refused after all, all that are given of a conversation, in the order in which they were said.
    pub fn refuse_all(
        &mut self,
        sends: impl DoubleEndedIterator<Item = (Send, ReplyTo)>,
        code: RefusalCode,
        step: &mut Step,
    ) {
        for (send, reply) in sends.rev() {
            let sender = (send.sender, send.device, send.conversation);
            self.refuse_first((sender, send.client_msg_id), Some(reply), code, step);
        }
    }

    /// Refuses what was let in: it goes before all that its sender said behind it.
    fn refuse_first(
        &mut self,
        (sender, id): (Sender, ClientMsgId),
        replies: impl IntoIterator<Item = ReplyTo>,
        code: RefusalCode,
        step: &mut Step,
    ) {
        let wait = Wait { code, after_ms: Step::hint(code), each_ms: BUSY_EACH_MS };
        if wait.after_ms > 0 && !self.plant.has(Fault::ForgetOrder) {
            self.order.put_first(sender, id, wait, step.now().mono_ms);
        }
        replies.into_iter().for_each(|reply| step.refuse(reply, code));
    }

    /// A send to a conversation in memory that was let in. Returns the message if it is a new one that has its place now, and is to be
    /// written.
    pub fn send(&mut self, send: Send, reply: ReplyTo, step: &mut Step) -> Option<&mut Pending> {
        let state = self.conversations.get_mut(&send.conversation).expect("it is loaded");
        if state.waiting.is_empty() && state.may_take() {
            return self.admit(send, reply, step);
        }
        if let Some(same) = state.waiting.iter_mut().find(|(waiting, _)| *waiting == send) {
            // Retries of what waits would fill the queue, each with a look-up of its own.
            let former = std::mem::replace(&mut same.1, reply);
            if former != reply {
                step.refuse(former, RefusalCode::Busy);
            }
        } else {
            assert!(
                state.waiting.len() < PARKED_PER_KEY_MAX,
                "no more were let in, nor were parked"
            );
            state.waiting.push_back((send, reply));
            self.in_flight += 1;
        }
        None
    }

    /// Takes sends that wait, in order, as far as there is room and their ids are known: up to one that is a new message, to
    /// be written before the next is asked for.
    pub fn next(&mut self, conversation: ConversationId, step: &mut Step) -> Option<&mut Pending> {
        loop {
            let state = self.conversations.get_mut(&conversation)?;
            if !state.may_take() {
                return None;
            }
            let (send, reply) = state.waiting.pop_front()?;
            self.in_flight -= 1;
            if self.admit(send, reply, step).is_some() {
                return self.conversations.get_mut(&conversation)?.newest();
            }
        }
    }

    /// Takes a send whose turn it is, unless its id was here before or may have been.
    fn admit(&mut self, send: Send, reply: ReplyTo, step: &mut Step) -> Option<&mut Pending> {
        let made_ms = send.client_msg_id.unix_ms().expect("checked when it arrived");
        if self.plant.has(Fault::SkipDedup) {
            return Some(self.take(send, reply, step.now()));
        }
        let Send { sender, conversation, client_msg_id: id, .. } = send;
        let id = Scoped { sender, conversation, id };
        if let Some(first) = self.dedup.find(&id).copied() {
            self.repeat(send, reply, first, step);
            return None;
        }
        if self.dedup.is_sure(made_ms) || self.plant.has(Fault::SkipLookUp) {
            return self.take_new(send, reply, step);
        }
        // An id may be forgotten before its message is acknowledged, even before it is stored.
        match self.find_in_flight(&id) {
            Some(first) if !self.plant.has(Fault::ForgetInFlight) => {
                self.repeat(send, reply, first, step);
            }
            _ => self.look_up(send, reply, step),
        }
        None
    }

    /// What the id stands for, if its message is in flight.
    fn find_in_flight(&self, id: &Scoped) -> Option<FirstUse> {
        let state = self.conversations.get(&id.conversation)?;
        let row = state.in_flight().find(|row| scoped(row) == *id)?;
        Some(self.first_use(row))
    }

    /// Gives a new message its place, unless it comes too early or too late.
    fn take_new(&mut self, send: Send, reply: ReplyTo, step: &mut Step) -> Option<&mut Pending> {
        let made_ms = send.client_msg_id.unix_ms().expect("checked when it arrived");
        if let Some((code, wait_ms)) = untimely(made_ms, step.now()) {
            step.refuse_for(reply, code, wait_ms);
            return None;
        }
        if send.conversation.is_group() {
            if !self.admits(&send, reply, step) {
                return None;
            }
            self.open_mark(send.conversation, step);
        }
        Some(self.take(send, reply, step.now()))
    }

    /// Gives a new message its place.
    fn take(&mut self, send: Send, reply: ReplyTo, now: Now) -> &mut Pending {
        let (conversation, device) = (send.conversation, send.device);
        let message_id = self.next_message_id(conversation);
        let state = self.conversations.get_mut(&conversation).expect("it is loaded");
        let row = state.place(send, message_id, now.unix_ms);
        self.remember(&row, now);
        if conversation.is_group() {
            self.count_entry();
        }
        let state = self.add_pending(Pending::new(row, device, reply), now);
        state.newest().expect("just added")
    }

    fn add_pending(&mut self, pending: Pending, now: Now) -> &mut Conversation {
        let conversation = pending.row.conversation;
        let state = self.conversations.get_mut(&conversation).expect("it is loaded");
        self.in_flight += 1;
        if state.add(pending) && state.group.is_none() {
            self.watched.push_back((now.mono_ms + FORWARD_AGAIN_MS, conversation));
        }
        state
    }

    fn remember(&mut self, row: &MessageRow, now: Now) {
        self.dedup.insert(scoped(row), self.first_use(row), now.unix_ms);
    }

    fn first_use(&self, row: &MessageRow) -> FirstUse {
        FirstUse {
            seq: row.seq,
            message_id: row.message_id,
            time_ms: row.time_ms,
            body_hash: self.hasher.hash_one((row.kind, &row.body)),
            is_settled: false,
        }
    }

    fn next_message_id(&mut self, conversation: ConversationId) -> MessageId {
        let partition = Partition::of_conversation(conversation).number();
        self.messages += 1;
        let counts = 1 << MessageId::COUNT_BITS;
        assert!(self.messages < counts, "an epoch has fewer messages than there are counts");
        MessageId::new(partition, self.epoch, (self.first_message + self.messages) % counts)
    }

    /// A message is durable in its conversation: it goes to the inboxes.
    pub fn on_durable(&mut self, conversation: ConversationId, seq: Seq, step: &mut Step) {
        let state = self.conversations.get_mut(&conversation).expect("it has messages in flight");
        state.commit(seq);
        if state.group.is_some() {
            return self.on_entry_durable(conversation, step);
        }
        forward(state, seq, step);
    }

    /// An inbox has the conversation up to this message, durably, at this place.
    pub fn confirm(
        &mut self,
        conversation: ConversationId,
        seq: Seq,
        (uid, inbox_seq): (Uid, InboxSeq),
        step: &mut Step,
    ) {
        let Some(state) = self.conversations.get_mut(&conversation) else { return };
        if state.group.is_some() {
            return self.confirm_entry(conversation, uid, seq, step);
        }
        state.recipients().confirm(uid, seq);
        if let Some(pending) = state.pending(seq).filter(|pending| pending.row.sender == uid) {
            pending.inbox_seq = inbox_seq;
        }
        self.acknowledge(conversation, step);
    }

    /// Answers what is complete, in seq order.
    fn acknowledge(&mut self, conversation: ConversationId, step: &mut Step) {
        let state = self.conversations.get_mut(&conversation).expect("the caller has it");
        let is_one_enough = self.plant.has(Fault::AckAfterOneInbox);
        let complete = if is_one_enough { state.recipients().one() } else { state.complete() };
        while let Some(done) = state.pop_through(complete) {
            self.in_flight -= 1;
            if let Some(first) = self.dedup.find(&scoped(&done.row)) {
                first.is_settled = true;
            }
            let MessageRow { message_id, seq, time_ms, .. } = done.row;
            for reply in done.replies() {
                let inbox_seq = done.inbox_seq;
                step.answer(reply, Answer::Acked { message_id, seq, time_ms, inbox_seq });
            }
        }
    }

    /// Conversations that do not move give their inboxes the newest message again: mail may be lost, and the sender gone.
    /// It is no timer to wake for: a shard is stepped often enough.
    #[inline]
    pub fn forward_stalled(&mut self, step: &mut Step) {
        let now_ms = step.now().mono_ms;
        let is_due = |watched: &mut (u64, ConversationId)| watched.0 <= now_ms;
        while let Some((_, conversation)) = self.watched.pop_front_if(is_due) {
            let Some(state) = self.conversations.get_mut(&conversation) else { continue };
            if !state.watch() {
                continue;
            }
            self.watched.push_back((now_ms + FORWARD_AGAIN_MS, conversation));
            if let Some(seq) = state.stalled(now_ms) {
                forward(state, seq, step);
            }
        }
    }
}

/// Gives a durable message to the inboxes that have not confirmed it.
fn forward(state: &mut Conversation, seq: Seq, step: &mut Step) {
    let (pending, lacking) = state.forward(seq, step.now().mono_ms);
    for uid in lacking {
        let (message, device) = (pending.row.clone(), pending.device);
        step.mail(Partition::of_user(uid), Mail::Append { uid, message, device });
    }
}
