//! The session ends; any other is none of the client's business.

use super::action::Action;
use shard::command::Login;
use wire::{FrameError, RawFrame, RefusalCode, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let generation = frame.access::<frames::Logout>()?.generation.to_native();
    let is_own = generation == login.generation.0;
    Ok(if is_own { Action::LogOut } else { Action::Refuse(RefusalCode::OutOfRange) })
}
