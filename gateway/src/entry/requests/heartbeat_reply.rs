//! The answer to the entry's own question; that anything was said is enough.

use super::action::Action;
use shard::command::Login;
use wire::{FrameError, RawFrame, frames};

pub(super) fn act(_: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    frame.access::<frames::HeartbeatReply>()?;
    Ok(Action::Ignore)
}
