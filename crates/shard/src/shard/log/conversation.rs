//! One conversation with traffic: its places, what is in flight there, and what waits.

use super::dedup::Scoped;
use super::group::{Group, Offer};
use super::recipients::Recipients;
use crate::command::{Answer, Mail, ReplyTo, Send};
use crate::limits::{CONVERSATION_WINDOW_MAX, FORWARD_AGAIN_MS, REPEATS_MAX};
use crate::partition::Partition;
use crate::rows::{Chain, MessageRow};
use crate::shard::step::Step;
use std::collections::VecDeque;
use wire::{ConversationId, DeviceId, InboxSeq, MessageId, RowKind, Seq, Uid};

/// What a stored message's client id is unique in.
pub(super) fn scoped(row: &MessageRow) -> Scoped {
    Scoped { sender: row.sender, conversation: row.conversation, id: row.client_msg_id }
}

/// A message on its way to its inboxes.
pub(in super::super) struct Pending {
    pub row: MessageRow,
    pub device: Option<DeviceId>,
    /// Whom to answer.
    pub reply: Option<ReplyTo>,
    /// And who else said the same send, over other connections. At most [`REPEATS_MAX`].
    repeats: Vec<ReplyTo>,
    /// Which inboxes were given it in the batch of the message itself: bits, in the order of the conversation's users.
    pub given: u64,
    /// Its row in the sender's inbox.
    pub(super) inbox_seq: InboxSeq,
}

impl Pending {
    pub(super) fn new(row: MessageRow, device: DeviceId, reply: ReplyTo) -> Self {
        Self {
            row,
            device: Some(device),
            reply: Some(reply),
            repeats: Vec::new(),
            given: 0,
            inbox_seq: InboxSeq(0),
        }
    }

    /// An entry of the store: nobody waits for it.
    pub(super) fn stored(row: MessageRow) -> Self {
        let (repeats, inbox_seq) = (Vec::new(), InboxSeq(0));
        Self { row, device: None, reply: None, repeats, given: 0, inbox_seq }
    }

    /// The same send over again. Returns who is not answered with it any more: there are too many.
    pub(super) fn repeat(&mut self, reply: ReplyTo) -> Option<ReplyTo> {
        if self.reply == Some(reply) || self.repeats.contains(&reply) {
            return None;
        }
        let is_full = self.repeats.len() == REPEATS_MAX;
        let displaced = is_full.then(|| self.repeats.remove(0));
        self.repeats.extend(self.reply.replace(reply));
        displaced
    }

    /// All who are to be answered; they are answered once.
    pub(super) fn take_replies(&mut self) -> impl Iterator<Item = ReplyTo> {
        self.reply.take().into_iter().chain(std::mem::take(&mut self.repeats))
    }

    /// All who are to be answered.
    pub(super) fn replies(&self) -> impl Iterator<Item = ReplyTo> {
        self.reply.into_iter().chain(self.repeats.iter().copied())
    }
}

/// A conversation with traffic.
pub(super) struct Conversation {
    /// The last place given.
    head: Seq,
    /// The last place that is durable.
    committed: Seq,
    /// Messages up to the last place given.
    number: u64,
    /// Of the row after the last place given.
    chain: Chain,
    recipients: Recipients,
    last_time_ms: u64,
    /// When a message last went to the inboxes, in the monotonic ms of `Now`.
    forwarded_ms: u64,
    /// Not acknowledged yet, by seq. At most [`CONVERSATION_WINDOW_MAX`], and retries of older ones.
    in_flight: VecDeque<Pending>,
    /// Sends that wait for room or for the look-up of the first of them.
    pub waiting: VecDeque<(Send, ReplyTo)>,
    /// The store is asked for the id of the first in `waiting`.
    pub is_looking: bool,
    /// And that one is behind a message that was refused meanwhile.
    pub is_behind: bool,
    /// It is among those that are seen to move.
    is_watched: bool,
    /// What only a group has.
    pub group: Option<Box<Group>>,
}

/// Acknowledges a message whose place in its sender's inbox is not known.
pub(super) fn acked(message_id: MessageId, seq: Seq, time_ms: u64) -> Answer {
    Answer::Acked { message_id, seq, time_ms, inbox_seq: InboxSeq(0) }
}

impl Conversation {
    /// As it is after its newest row.
    pub fn new(conversation: ConversationId, last: Option<&MessageRow>) -> Self {
        let head = last.map_or(Seq(0), |row| row.seq);
        Self {
            head,
            committed: head,
            number: last.map_or(0, |row| row.number),
            chain: last.map_or(Chain::default(), MessageRow::next_chain),
            recipients: Recipients::of(conversation),
            forwarded_ms: 0,
            last_time_ms: last.map_or(0, |row| row.time_ms),
            in_flight: VecDeque::new(),
            waiting: VecDeque::new(),
            is_looking: false,
            is_behind: false,
            is_watched: false,
            group: None,
        }
    }

    /// The last place given.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Whether everybody who said the message at a place was answered.
    pub fn is_answered(&self, seq: Seq) -> bool {
        self.group.as_ref().is_some_and(|group| seq <= group.acked)
    }

    /// Offers up to `budget` entries of a group; how many, and whether there are more.
    pub fn offer(&mut self, budget: usize, step: &mut Step) -> (usize, bool) {
        let Self { group, in_flight, committed, .. } = self;
        let group = group.as_deref_mut().expect("it is a group");
        let first = in_flight.front().map_or(Seq(0), |pending| pending.row.seq);
        let mut sent = 0;
        let more = group.fanout.offer((*committed, step.now().mono_ms), budget, |offer| {
            let at = usize::try_from(offer.seq.0 - first.0).expect("few are in flight");
            mail(offer, &in_flight[at], step);
            sent += 1;
        });
        (sent, more)
    }

    /// The last place that is durable.
    #[inline]
    pub fn committed(&self) -> Seq {
        self.committed
    }

    #[inline]
    pub fn recipients(&mut self) -> &mut Recipients {
        &mut self.recipients
    }

    pub fn in_flight(&self) -> impl Iterator<Item = &MessageRow> {
        self.in_flight.iter().map(|pending| &pending.row)
    }

    fn place_of(&self, seq: Seq) -> Option<usize> {
        self.in_flight.binary_search_by_key(&seq, |pending| pending.row.seq).ok()
    }

    #[inline]
    pub fn pending(&mut self, seq: Seq) -> Option<&mut Pending> {
        let at = self.place_of(seq)?;
        self.in_flight.get_mut(at)
    }

    /// The message that was given a place last, if it is in flight.
    #[inline]
    pub fn newest(&mut self) -> Option<&mut Pending> {
        self.in_flight.back_mut()
    }

    /// A message is in flight from now on; and whether the conversation is to be watched from now on.
    #[inline]
    pub fn add(&mut self, pending: Pending) -> bool {
        let at = self.in_flight.partition_point(|other| other.row.seq < pending.row.seq);
        self.in_flight.insert(at, pending);
        !std::mem::replace(&mut self.is_watched, true)
    }

    pub fn remove(&mut self, seq: Seq) -> Option<Pending> {
        let at = self.place_of(seq)?;
        self.in_flight.remove(at)
    }

    /// The first in flight, if it is not above.
    #[inline]
    pub fn pop_through(&mut self, seq: Seq) -> Option<Pending> {
        self.in_flight.pop_front_if(|first| first.row.seq <= seq)
    }

    /// Whether it is still to be watched.
    pub fn watch(&mut self) -> bool {
        self.is_watched = !self.in_flight.is_empty();
        self.is_watched
    }

    pub fn is_quiet(&self) -> bool {
        let has_group = self.group.as_ref().is_some_and(|group| !group.is_forgettable());
        self.in_flight.is_empty() && self.waiting.is_empty() && !self.is_looking && !has_group
    }

    /// Whether a send may be given a place.
    #[inline]
    pub fn may_take(&self) -> bool {
        let in_flight = match &self.group {
            Some(_) => usize::try_from(self.head.0 - self.committed.0).unwrap_or(usize::MAX),
            None => self.in_flight.len(),
        };
        !self.is_looking && in_flight < CONVERSATION_WINDOW_MAX
    }

    /// Up to where all inboxes have everything.
    #[inline]
    pub fn complete(&self) -> Seq {
        self.recipients.all().min(self.committed)
    }

    /// Gives a send its place, and a row there.
    #[inline]
    pub fn place(&mut self, send: Send, message_id: MessageId, now_ms: u64) -> MessageRow {
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
            seen: send.seen,
        };
        self.chain = row.next_chain();
        if let Some(group) = &mut self.group {
            group.apply(&row);
        }
        row
    }

    /// The next place is durable.
    #[inline]
    pub fn commit(&mut self, seq: Seq) {
        assert_eq!(self.committed.next(), seq, "messages become durable in order");
        self.committed = seq;
    }

    /// The newest row was not written: its place is free again.
    pub fn take_back(&mut self, seq: Seq) -> Pending {
        let pending = self.in_flight.pop_back().expect("it has a message in flight");
        let row = &pending.row;
        assert_eq!((row.seq, self.head), (seq, seq), "messages are taken back last first");
        self.head = Seq(seq.0 - 1);
        self.number -= u64::from(row.kind == RowKind::MESSAGE);
        self.chain = row.chain;
        if let Some(group) = &mut self.group {
            group.fanout.take_back();
        }
        pending
    }

    /// A durable message goes to the inboxes now: the message, and those that lack it.
    #[inline]
    pub fn forward(&mut self, seq: Seq, now_ms: u64) -> (&Pending, impl Iterator<Item = Uid>) {
        assert!(seq <= self.committed, "only what is durable is forwarded");
        self.forwarded_ms = now_ms;
        let at = self.place_of(seq).expect("it is in flight");
        // Rows of the message's own batch confirm themselves right behind it.
        let given = std::mem::take(&mut self.in_flight[at].given);
        (&self.in_flight[at], self.recipients.lacking(seq, given))
    }

    /// The newest durable message in flight, if nothing went to the inboxes for [`FORWARD_AGAIN_MS`].
    pub fn stalled(&self, now_ms: u64) -> Option<Seq> {
        let seqs = self.in_flight.iter().rev().map(|pending| pending.row.seq);
        let newest = seqs.into_iter().find(|seq| *seq <= self.committed)?;
        (now_ms >= self.forwarded_ms + FORWARD_AGAIN_MS).then_some(newest)
    }
}

/// Says an offer as mail.
fn mail(offer: Offer, pending: &Pending, step: &mut Step) {
    let Offer { uid, previous, .. } = offer;
    let (message, device) = (pending.row.clone(), pending.device);
    step.mail(Partition::of_user(uid), Mail::Offer { uid, message, device, previous });
}
