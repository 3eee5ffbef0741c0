//! How a device begins whose rows have gone from the inbox: with its chats and their histories. It knows nothing of rows, nor what
//! the application keeps.

use crate::{Chat, Client, ClientError, Message};
use std::collections::VecDeque;
use wire::{ConversationId, PAGE_ROWS_MAX, Seq};

/// A chat, and what came there since the application last knew it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    /// The chat as it is.
    pub chat: Chat,
    /// The messages above the one that was known, ascending: all, or the newest of them.
    pub messages: Vec<Message>,
}

impl Client {
    /// What was missed while rows went from the inbox, as [`crate::Received::RowsMissing`] says: every chat, and of each the
    /// messages above the `seq` that `known` says (0: none is known), at most the `messages_max` newest. What an application
    /// does not show yet it asks for later, by [`Client::history`].
    ///
    /// Messages that come meanwhile may be in both: a message is one by its conversation and `seq`. The cursor is to be kept on
    /// disk only when all this is: who ends in between begins again with the former one.
    ///
    /// # Errors
    /// As [`Client::history`]; then it is to be asked again.
    pub async fn catch_up(
        &self,
        known: impl Fn(ConversationId) -> Seq,
        messages_max: usize,
    ) -> Result<Vec<CaughtUp>, ClientError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.chats(after, PAGE_ROWS_MAX).await?;
            for chat in page.chats {
                // Of a kind that this client does not know: it has no name for it.
                let Some(conversation) = chat.state.conversation else { continue };
                let known = known(conversation);
                let messages = if chat.recent.seq > known {
                    self.above(conversation, known, messages_max).await?
                } else {
                    Vec::new()
                };
                found.push(CaughtUp { chat, messages });
            }
            after = page.next_after;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The messages of a conversation above `known`, ascending; the newest, if they are more than `messages_max`.
    async fn above(
        &self,
        conversation: ConversationId,
        known: Seq,
        messages_max: usize,
    ) -> Result<Vec<Message>, ClientError> {
        let (mut found, mut before) = (VecDeque::new(), Seq(0));
        while found.len() < messages_max {
            let room = u32::try_from(messages_max - found.len()).unwrap_or(PAGE_ROWS_MAX);
            let page = self.history(conversation, before, room.min(PAGE_ROWS_MAX)).await?;
            let Some(first) = page.first().map(|message| message.seq) else { break };
            let rows = page.into_iter().rev().filter(|message| message.seq > known);
            rows.for_each(|message| found.push_front(message));
            if first.0 <= known.0.saturating_add(1) {
                break;
            }
            before = first;
        }
        Ok(found.into())
    }
}
