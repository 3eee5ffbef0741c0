//! A chat is hidden until its next message.

use super::action::Action;
use super::checks;
use shard::command::{ChatChange, Login};
use wire::{FrameError, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let hide = frame.access::<frames::HideChat>()?;
    Ok(checks::change_chat(login.uid, &hide.conversation, ChatChange::Hide))
}
