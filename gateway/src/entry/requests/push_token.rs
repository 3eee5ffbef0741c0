//! By what the device is reached while it is away.

use super::action::Action;
use shard::command::{Command, Login};
use shard::offline::is_token;
use wire::{FrameError, RawFrame, RefusalCode, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let frames::PushToken { token, provider } = frame.read()?;
    if !is_token(&token) {
        return Ok(Action::Refuse(RefusalCode::OutOfRange));
    }
    Ok(Action::Submit(Command::SetPushToken { login, provider, token }))
}
