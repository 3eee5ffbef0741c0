//! Everything in the inbox up to here has arrived.

use super::action::Action;
use shard::command::{Command, Login};
use wire::{FrameError, InboxSeq, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let row = frame.access::<frames::PushAck>()?.inbox_seq.to_native();
    Ok(Action::Submit(Command::PushAck(login, InboxSeq(row))))
}
