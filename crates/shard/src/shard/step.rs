//! One step of a shard: when it is, and what it wants done.
//!
//! A room says here what it wants: an answer, mail, rows, a read. This knows none of the rooms.

use super::commit::{Change, Commit};
use super::plant::Plant;
use super::reads::{Purpose, Reads};
use crate::command::{Answer, Delivery, Effects, Input, Mail, Now, ReplyTo, Session};
use crate::limits::{BUSY_RETRY_MS, STORE_RETRY_MS};
use crate::notification::Notification;
use crate::partition::{Partition, Share};
use crate::rows::{Read, Ticket};
use std::collections::VecDeque;
use wire::RefusalCode;

pub(super) struct Step {
    now: Now,
    share: Share,
    effects: Effects,
    /// Mail of the shard to itself.
    local: VecDeque<Input>,
    pub commit: Commit,
    reads: Reads,
    tickets: u64,
}

impl Step {
    /// `reads_max`: how many reads the store may have at a time.
    pub fn new(share: Share, reads_max: usize, now: Now, plant: Plant) -> Self {
        Self {
            now,
            share,
            effects: Effects::default(),
            local: VecDeque::new(),
            commit: Commit::new(plant),
            reads: Reads::new(reads_max),
            tickets: 0,
        }
    }

    /// A step begins: what is wanted goes to `effects`, which [`Step::end`] gives back.
    #[inline]
    pub fn begin(&mut self, now: Now, effects: &mut Effects) {
        self.now = now;
        std::mem::swap(&mut self.effects, effects);
    }

    /// Nothing more is wanted.
    #[inline]
    pub fn end(&mut self, effects: &mut Effects) {
        assert!(self.local.is_empty(), "a step leaves nothing of its own behind");
        self.reads.submit(&mut self.effects.reads);
        std::mem::swap(&mut self.effects, effects);
    }

    #[inline]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Whether the partition is the shard's own.
    #[inline]
    pub fn has(&self, partition: Partition) -> bool {
        self.share.has(partition)
    }

    #[inline]
    pub fn answer(&mut self, to: ReplyTo, answer: Answer) {
        self.effects.deliveries.push(Delivery { to, answer });
    }

    pub fn refuse(&mut self, to: ReplyTo, code: RefusalCode) {
        self.refuse_for(to, code, Self::hint(code));
    }

    /// In how many ms what is refused may be asked again; 0: it may not.
    pub fn hint(code: RefusalCode) -> u32 {
        if code == RefusalCode::Busy {
            BUSY_RETRY_MS
        } else if code.is_retryable() {
            STORE_RETRY_MS
        } else {
            0
        }
    }

    /// Refuses what may be asked again after a while; 0: it may not.
    pub fn refuse_for(&mut self, to: ReplyTo, code: RefusalCode, retry_after_ms: u32) {
        self.answer(to, Answer::Refused { code, retry_after_ms });
    }

    /// Tells a session what it did not ask for.
    #[inline]
    pub fn tell(&mut self, session: Session, answer: Answer) {
        self.answer(ReplyTo { session, ticket: 0 }, answer);
    }

    /// Says something to the shard of a partition, which may be this one.
    #[inline]
    pub fn mail(&mut self, partition: Partition, mail: Mail) {
        if self.share.has(partition) {
            self.local.push_back(Input::Mail(mail));
        } else {
            self.effects.mail.push((partition, mail));
        }
    }

    /// The receiver of offline push is asked.
    pub fn notify(&mut self, notification: Notification) {
        self.effects.notifications.push(notification);
    }

    /// What the shard has said to itself, in order.
    #[inline]
    pub fn next_local(&mut self) -> Option<Input> {
        self.local.pop_front()
    }

    /// Asks the store; what is being gathered for the next commit is not seen by it.
    #[inline]
    pub fn ask(&mut self, read: Read, purpose: Purpose) {
        let ticket = self.ticket();
        self.reads.add(ticket, read, purpose);
    }

    /// Asks the store; what is being gathered for the next commit is seen.
    pub fn ask_after_commit(&mut self, read: Read, purpose: Purpose) {
        let ticket = self.ticket();
        if self.commit.is_empty() {
            self.reads.add(ticket, read, purpose);
        } else {
            self.reads.add_after_commit(ticket, read, purpose);
        }
    }

    /// Whether the store is asked for no more than it takes soon.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.reads.has_room()
    }

    /// Whether a page may be asked for, or too many are already.
    #[inline]
    pub fn may_ask(&mut self, reply: ReplyTo) -> bool {
        let may = self.has_room();
        if !may {
            self.refuse(reply, RefusalCode::Busy);
        }
        may
    }

    /// What the read was for that the store has answered.
    #[inline]
    pub fn on_read(&mut self, ticket: Ticket) -> Purpose {
        self.reads.end(ticket)
    }

    /// Hands the gathered rows to the store, if it has none of this shard; whether it did.
    #[inline]
    pub fn submit(&mut self) -> bool {
        let is_due = self.commit.is_due(self.now.mono_ms);
        if is_due {
            let ticket = self.ticket();
            assert!(self.effects.commit.is_none(), "one commit at a time");
            self.effects.commit = Some((ticket, self.commit.begin(ticket)));
            self.reads.release();
        }
        is_due
    }

    /// The commit under way was refused, and with it what was gathered: what to take back, last first.
    pub fn take_back(&mut self, ticket: Ticket) -> Vec<Change> {
        self.reads.release();
        self.commit.refused(ticket)
    }

    /// Nothing waits for the store.
    pub fn is_idle(&self) -> bool {
        self.commit.is_idle() && self.reads.is_idle()
    }

    #[inline]
    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }
}

#[cfg(test)]
impl Step {
    /// Of a shard that has every partition, for tests of a room.
    pub fn of_test() -> Self {
        let share = Share::Of { id: crate::partition::ShardId(0), shards: 1 };
        let now = Now { unix_ms: 1_700_000_000_000, mono_ms: 1_000 };
        Self::new(share, 9, now, Plant::from_env())
    }

    /// Time passes.
    pub fn pass(&mut self, ms: u64) {
        self.now = Now { unix_ms: self.now.unix_ms + ms, mono_ms: self.now.mono_ms + ms };
    }

    /// The wall clock is set.
    pub fn set_clock(&mut self, by_ms: i64) {
        self.now.unix_ms = self.now.unix_ms.strict_add_signed(by_ms);
    }

    /// What was said since the last call: answers, and mail.
    pub fn take(&mut self) -> (Vec<Answer>, Vec<Mail>) {
        let mail = std::iter::from_fn(|| self.next_local()).map(|input| match input {
            Input::Mail(mail) => mail,
            Input::Command(..) | Input::Wake(_) | Input::Judge(_) | Input::Notified(_) => {
                unreachable!("a shard mails itself")
            }
        });
        let mail = mail.collect();
        let answers = std::mem::take(&mut self.effects.deliveries);
        (answers.into_iter().map(|delivery| delivery.answer).collect(), mail)
    }

    /// The reads that were asked for since the last call.
    pub fn take_reads(&mut self) -> Vec<Read> {
        self.submitted().into_iter().map(|(_, read)| read).collect()
    }

    /// What the reads are for that were asked for since the last call: they are answered.
    pub fn take_purposes(&mut self) -> Vec<Purpose> {
        self.submitted().into_iter().map(|(ticket, _)| self.on_read(ticket)).collect()
    }

    fn submitted(&mut self) -> Vec<(Ticket, Read)> {
        self.reads.release();
        let mut reads = Vec::new();
        self.reads.submit(&mut reads);
        reads
    }
}
