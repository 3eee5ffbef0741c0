//! Pages of a conversation, and gaps of an inbox that are filled from it. Nobody is shown what is not committed.

use super::Conversations;
use crate::command::{Answer, Mail, ReplyTo};
use crate::limits::CONVERSATION_WINDOW_MAX;
use crate::partition::Partition;
use crate::rows::{MessageRow, Read};
use crate::shard::reads::{Count, Purpose};
use crate::shard::step::Step;
use wire::{BODY_BYTES_MAX, ConversationId, PAGE_BYTES_MAX, RowKind, Seq, Uid};

impl Conversations {
    fn committed(&self, conversation: ConversationId) -> Seq {
        self.conversations.get(&conversation).expect("it is loaded").committed()
    }

    /// Asks for a page of a conversation in memory: what lies before `before`, or the newest.
    pub fn ask_history(
        &self,
        conversation: ConversationId,
        (before, limit): (Option<Seq>, usize),
        reply: ReplyTo,
        step: &mut Step,
    ) {
        let committed = self.committed(conversation);
        let before = before.map_or(committed.next(), |before| before.min(committed.next()));
        let read = Read::Messages { conversation, before, limit, bytes_max: PAGE_BYTES_MAX };
        step.ask(read, Purpose::History(conversation, (Seq(1), committed), reply));
    }

    /// An inbox lacks messages of this conversation: they are read from it and appended again.
    pub fn ask_pull(
        &self,
        conversation: ConversationId,
        (from, to): (Seq, Seq),
        uid: Uid,
        step: &mut Step,
    ) {
        if conversation.is_group() {
            return;
        }
        let committed = self.committed(conversation);
        let count = (to.0 + 1).saturating_sub(from.0).min(CONVERSATION_WINDOW_MAX as u64);
        let before = Seq(from.0 + count);
        let limit = usize::try_from(count).unwrap_or(CONVERSATION_WINDOW_MAX);
        let bytes_max = BODY_BYTES_MAX * CONVERSATION_WINDOW_MAX;
        let read = Read::Messages { conversation, before, limit, bytes_max };
        step.ask(read, Purpose::Pull(uid, committed));
    }

    /// A page of what might be read when it was asked for.
    pub fn on_history_read(
        conversation: ConversationId,
        (from, to): (Seq, Seq),
        reply: ReplyTo,
        mut rows: Vec<MessageRow>,
        step: &mut Step,
    ) {
        rows.retain(|row| from <= row.seq && row.seq <= to);
        step.answer(reply, Answer::History { conversation, rows });
    }

    /// Messages that an inbox lacks.
    pub fn on_pulled(uid: Uid, committed: Seq, messages: Vec<MessageRow>, step: &mut Step) {
        for message in messages.into_iter().filter(|row| row.seq <= committed) {
            step.mail(Partition::of_user(uid), Mail::Append { uid, message, device: None });
        }
    }

    /// An inbox asks how many messages between two places others than its user sent: as many are looked at as fit a window.
    pub fn ask_count(
        &self,
        (uid, conversation): (Uid, ConversationId),
        (after, to): (Seq, Seq),
        step: &mut Step,
    ) {
        let window = CONVERSATION_WINDOW_MAX as u64;
        let through = to.min(self.committed(conversation)).min(Seq(after.0.saturating_add(window)));
        let Some(count) = through.0.checked_sub(after.0).filter(|count| *count > 0) else { return };
        let limit = usize::try_from(count).expect("a window is small");
        let (before, bytes_max) = (through.next(), BODY_BYTES_MAX * CONVERSATION_WINDOW_MAX);
        let read = Read::Messages { conversation, before, limit, bytes_max };
        step.ask(read, Purpose::Count(Count { uid, conversation, after, through, to }));
    }

    /// The messages of which others' are counted.
    pub fn on_count_read(count: Count, rows: &[MessageRow], step: &mut Step) {
        let Count { uid, conversation, after, through, to } = count;
        let is_others = |row: &&MessageRow| {
            row.seq > after && row.kind == RowKind::MESSAGE && row.sender != uid
        };
        let others = rows.iter().filter(is_others).count() as u64;
        let counted = Mail::Counted { uid, conversation, after, through, to, others };
        step.mail(Partition::of_user(uid), counted);
    }
}
