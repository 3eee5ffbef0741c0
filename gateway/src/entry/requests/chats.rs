//! A page of the user's chats.

use super::action::Action;
use super::checks;
use shard::command::{Command, Login};
use wire::{FrameError, RawFrame, RefusalCode, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    let chats = frame.access::<frames::Chats>()?;
    let after = chats.after.id();
    if after.is_none() && !chats.after.is_none() {
        return Ok(Action::Refuse(RefusalCode::OutOfRange));
    }
    Ok(checks::page(chats.limit.to_native(), |limit| Command::Chats { uid, after, limit }))
}
