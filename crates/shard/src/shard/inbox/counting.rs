//! How what is unread behind a place far back becomes known: the conversation counts, in parts, for a message whose sender has
//! seen up to there, and for marks.
//!
//! One count of a chat is under way at a time, and whoever wants one waits here, so nobody's answer is taken by another: the
//! message first, then the marks, together. The chat and its user stay in memory meanwhile. A lost answer is asked for again
//! when the message comes again, or the marks have rested.

use super::Inboxes;
use super::marks::Held;
use crate::command::Mail;
use crate::partition::Partition;
use crate::shard::step::Step;
use wire::{ConversationId, Seq, Uid};

type Key = (Uid, ConversationId);

impl Inboxes {
    /// Lets the next message of a conversation wait until it is counted up to where its sender has seen.
    pub(super) fn hold(&mut self, uid: Uid, mut held: Held, seen: Seq, step: &mut Step) {
        let key = (uid, held.message.conversation);
        let chat = self.chats.get_mut(&key).expect("the caller has it");
        let marks = chat.marks.get_or_insert_default();
        let before = marks.held.as_ref().map_or(Seq(0), |held| held.through);
        held.through = before.max(held.message.seq);
        marks.held = Some(held);
        self.ask_count(key, seen, step);
    }

    /// Lets a message wait behind the next one, if that waits. It is not asked for, lest each asks for all before it.
    pub(super) fn is_held_behind(&mut self, key: Key, seq: Seq, step: &Step) -> bool {
        let chat = self.chats.get_mut(&key).expect("the caller has it");
        let (recent, now_ms) = (chat.row.recent_seq, step.now().mono_ms);
        let held = chat.marks.as_mut().and_then(|marks| marks.holds(recent, now_ms));
        held.map(|held| held.through = held.through.max(seq)).is_some()
    }

    /// Asks for what the marks that wait need, unless a message comes first.
    pub(super) fn count_for_mark(&mut self, key: Key, step: &mut Step) {
        let now_ms = step.now().mono_ms;
        let chat = self.chats.get_mut(&key).expect("the caller has it");
        let recent = chat.row.recent_seq;
        let Some(marks) = chat.marks.as_mut() else { return };
        let Some(seq) = marks.waiting.as_ref().map(|waiting| waiting.0) else { return };
        if marks.holds(recent, now_ms).is_none() {
            self.ask_count(key, seq, step);
        }
    }

    /// Asks the conversation how many of others' messages lie between what is read and a place.
    fn ask_count(&mut self, key: Key, to: Seq, step: &mut Step) {
        let (uid, conversation) = key;
        let chat = self.chats.get_mut(&key).expect("the caller has it");
        let (read, now_ms) = (chat.row.read_seq, step.now().mono_ms);
        let after = chat.marks.get_or_insert_default().ask(read, to, now_ms);
        if let Some(after) = after {
            let owner = Partition::of_conversation(conversation);
            step.mail(owner, Mail::Count { uid, conversation, after, to });
        }
    }

    /// The conversation has counted the messages of others between two places; `to` is how far it was asked.
    pub fn on_counted(
        &mut self,
        key: Key,
        (after, through, to): (Seq, Seq, Seq),
        others: u64,
        step: &mut Step,
    ) {
        let Some(chat) = self.chats.get_mut(&key) else { return };
        let count = chat.marks.as_mut().and_then(|marks| marks.count.as_mut());
        let Some(count) = count else { return };
        // It may be said twice, or late: then it answers another question.
        if (after, to) != (count.through, count.to) || !self.users.contains_key(&key.0) {
            return;
        }
        if chat.row.read_seq != count.read {
            // A mark came meanwhile: whoever waits begins anew.
            return self.use_count(key, step);
        }
        count.through = through;
        count.others = count.others.saturating_add(others);
        if through == to {
            return self.use_count(key, step);
        }
        count.asked_ms = step.now().mono_ms;
        let (uid, conversation) = key;
        let rest = Mail::Count { uid, conversation, after: through, to };
        step.mail(Partition::of_conversation(conversation), rest);
    }

    /// It is counted, or need not be: what waited goes on.
    fn use_count(&mut self, key: Key, step: &mut Step) {
        let (uid, conversation) = key;
        let chat = self.chats.get_mut(&key).expect("the caller has it");
        if let Some(held) = chat.marks.as_mut().and_then(|marks| marks.held.take()) {
            let Held { message, device, offered_after, through: to } = held;
            let seq = message.seq;
            match offered_after {
                Some(previous) => self.take_offer((uid, previous), message, device, step),
                None => self.append(uid, message, device, step),
            }
            let recent = self.chats.get(&key).expect("just seen").row.recent_seq;
            if recent == seq && to > seq && offered_after.is_none() {
                let owner = Partition::of_conversation(conversation);
                step.mail(owner, Mail::Pull { uid, conversation, from: seq.next(), to });
            }
        }
        self.mark_waiting(key, step);
    }
}
