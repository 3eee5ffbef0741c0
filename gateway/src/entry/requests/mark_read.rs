//! A conversation is read up to here.

use super::action::Action;
use super::checks;
use shard::command::{ChatChange, Login};
use shard::rows::ChatRow;
use wire::frames::ChatReply;
use wire::{FrameError, RawFrame, Seq, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let read = frame.access::<frames::MarkRead>()?;
    let change = ChatChange::Read(Seq(read.seq.to_native()));
    Ok(checks::change_chat(login.uid, &read.conversation, change))
}

/// The chat as it is now; also after it was hidden.
pub(super) fn reply(row: &ChatRow) -> ChatReply {
    ChatReply {
        conversation: row.conversation.into(),
        read_seq: row.read_seq.0,
        unread: row.unread(),
        version: row.version,
        is_hidden: row.is_hidden.into(),
    }
}
