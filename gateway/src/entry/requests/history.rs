//! A page of a conversation.

use super::action::Action;
use super::checks;
use crate::entry::delivery::message;
use shard::command::{Command, Login};
use shard::rows::MessageRow;
use wire::frames::HistoryPage;
use wire::{ConversationId, FrameError, InboxSeq, RawFrame, Seq, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let history = frame.access::<frames::History>()?;
    let before = Some(Seq(history.before_seq.to_native())).filter(|seq| seq.0 != 0);
    let limit = history.limit.to_native();
    Ok(match checks::conversation(login.uid, &history.conversation) {
        Ok(group) if group.is_group() => checks::page(limit, |limit| {
            let uid = login.uid;
            Command::GroupHistory { group, uid, before, limit }
        }),
        Ok(conversation) => {
            checks::page(limit, |limit| Command::History { conversation, before, limit })
        }
        Err(code) => Action::Refuse(code),
    })
}

pub(super) fn reply(conversation: ConversationId, rows: Vec<MessageRow>) -> HistoryPage {
    let messages = rows.into_iter().map(|row| message(row, InboxSeq(0), 0)).collect();
    HistoryPage { conversation: conversation.into(), messages }
}
