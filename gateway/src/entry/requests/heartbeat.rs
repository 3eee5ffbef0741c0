//! Is the server there, and where does the inbox end?

use super::action::Action;
use shard::command::{Command, Login};
use wire::{FrameError, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let time_ms = frame.access::<frames::Heartbeat>()?.time_ms.to_native();
    Ok(Action::Submit(Command::Heartbeat { uid: login.uid, time_ms }))
}
