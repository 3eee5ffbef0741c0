//! What a chat has of its user's marks: how long it rests, who waits, what is counted for them. It knows no inbox.

use crate::command::ReplyTo;
use crate::limits::{COUNTED_KEPT_MS, FORWARD_AGAIN_MS, REPEATS_MAX};
use crate::rows::MessageRow;
use wire::{DeviceId, Seq};

/// What a chat has of its user's marks beside its row.
#[derive(Default)]
pub(super) struct Marks {
    /// No mark that clients ask for before this, in the monotonic ms of `Now`.
    pub rests_until_ms: u64,
    /// Up to where it is to be read when it has rested and that is counted, and who asked. At most [`REPEATS_MAX`].
    pub waiting: Option<(Seq, Vec<ReplyTo>)>,
    pub count: Option<Count>,
    pub held: Option<Held>,
}

/// How many of others' messages lie between what is read and a place: what the conversation is asked, and has told.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub read: Seq,
    /// So far.
    pub through: Seq,
    pub others: u64,
    pub to: Seq,
    /// When it was last asked, in the monotonic ms of `Now`.
    pub asked_ms: u64,
}

/// The next message of the conversation, whose sender has seen so much that it must be counted.
pub(super) struct Held {
    pub message: MessageRow,
    pub device: Option<DeviceId>,
    /// Of a group: the entry that was offered before it.
    pub offered_after: Option<Seq>,
    /// The newest message of those behind it that have come meanwhile.
    pub through: Seq,
}

impl Marks {
    /// How many of others' messages lie between what is read and this place, if that was counted.
    pub fn counted(&self, read: Seq, seq: Seq) -> Option<u64> {
        let count = self.count.filter(|it| (it.read, it.through) == (read, seq));
        count.map(|it| it.others)
    }

    /// Whether the conversation was asked, and may still answer.
    fn is_counting(&self, now_ms: u64) -> bool {
        let is_asked = |it: Count| it.through < it.to && now_ms < it.asked_ms + FORWARD_AGAIN_MS;
        self.count.is_some_and(is_asked)
    }

    /// The message behind this one that is held, if it was asked for that: what comes behind it waits with it.
    pub fn holds(&mut self, recent: Seq, now_ms: u64) -> Option<&mut Held> {
        let is_counting = self.is_counting(now_ms);
        self.held.as_mut().filter(|held| is_counting && held.message.seq > recent)
    }

    /// Asks for the messages up to a place. Behind which one, if it is not asked already.
    pub fn ask(&mut self, read: Seq, to: Seq, now_ms: u64) -> Option<Seq> {
        let begun = self.count.filter(|it| it.read == read);
        if begun.is_some_and(|it| it.to == to) && self.is_counting(now_ms) {
            return None;
        }
        let begun = begun.filter(|it| it.through < to);
        let (through, others) = begun.map_or((read, 0), |it| (it.through, it.others));
        self.count = Some(Count { read, through, others, to, asked_ms: now_ms });
        Some(through)
    }

    /// Whether the chat must stay in memory for them, and its user: whoever asks for a count must be there to hear it.
    pub fn is_needed(&self, now_ms: u64) -> bool {
        let is_counted = self.count.is_some_and(|it| now_ms < it.asked_ms + COUNTED_KEPT_MS);
        self.waiting.is_some() || is_counted
    }

    /// Lets some wait. Returns who is not answered with them any more: there are too many.
    pub fn wait(&mut self, seq: Seq, more: Vec<ReplyTo>) -> Vec<ReplyTo> {
        let (through, replies) = self.waiting.get_or_insert_default();
        *through = seq.max(*through);
        replies.extend(more);
        let displaced = replies.len().saturating_sub(REPEATS_MAX);
        replies.drain(..displaced).collect()
    }
}
