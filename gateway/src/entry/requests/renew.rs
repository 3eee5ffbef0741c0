//! A newer token for the session. It is judged by the entry, as that of a login is.

use super::action::Action;
use shard::command::Login;
use wire::{FrameError, RawFrame, frames};

pub(super) fn act(_: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    Ok(Action::Renew { token: frame.read::<frames::Renew>()?.token })
}
