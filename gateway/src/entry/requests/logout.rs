//! The session ends.

use super::action::Action;
use shard::command::{Command, Login};
use wire::{FrameError, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    frame.access::<frames::Logout>()?;
    Ok(Action::Submit(Command::Logout(login)))
}
