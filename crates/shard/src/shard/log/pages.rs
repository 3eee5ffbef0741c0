//! Pages of a conversation, and gaps of an inbox that are filled from it. Nobody is shown what is not committed.

use super::Conversations;
use crate::command::{Answer, Mail, ReplyTo};
use crate::limits::CONVERSATION_WINDOW_MAX;
use crate::partition::Partition;
use crate::rows::{MessageRow, Read};
use crate::shard::reads::Purpose;
use crate::shard::step::Step;
use wire::{BODY_BYTES_MAX, ConversationId, PAGE_BYTES_MAX, Seq, Uid};

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
        step.ask(read, Purpose::History(conversation, committed, reply));
    }

    /// An inbox lacks messages of this conversation: they are read from it and appended again.
    pub fn ask_pull(
        &self,
        conversation: ConversationId,
        (from, to): (Seq, Seq),
        uid: Uid,
        step: &mut Step,
    ) {
        let committed = self.committed(conversation);
        let count = (to.0 + 1).saturating_sub(from.0).min(CONVERSATION_WINDOW_MAX as u64);
        let before = Seq(from.0 + count);
        let limit = usize::try_from(count).unwrap_or(CONVERSATION_WINDOW_MAX);
        let bytes_max = BODY_BYTES_MAX * CONVERSATION_WINDOW_MAX;
        let read = Read::Messages { conversation, before, limit, bytes_max };
        step.ask(read, Purpose::Pull(uid, committed));
    }

    /// A page of what was committed when it was asked for.
    pub fn on_history_read(
        conversation: ConversationId,
        committed: Seq,
        reply: ReplyTo,
        mut rows: Vec<MessageRow>,
        step: &mut Step,
    ) {
        rows.retain(|row| row.seq <= committed);
        step.answer(reply, Answer::History { conversation, rows });
    }

    /// Messages that an inbox lacks.
    pub fn on_pulled(uid: Uid, committed: Seq, messages: Vec<MessageRow>, step: &mut Step) {
        for message in messages.into_iter().filter(|row| row.seq <= committed) {
            step.mail(Partition::of_user(uid), Mail::Append { uid, message, device: None });
        }
    }
}
