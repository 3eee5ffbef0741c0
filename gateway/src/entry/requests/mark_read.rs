//! A conversation is read up to here.

use super::action::Action;
use super::checks;
use shard::command::{ChatChange, Login};
use wire::{FrameError, RawFrame, Seq, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let read = frame.access::<frames::MarkRead>()?;
    let change = ChatChange::Read(Seq(read.seq.to_native()));
    Ok(checks::change_chat(login.uid, &read.conversation, change))
}
