//! A page of the inbox after a cursor.

use super::action::Action;
use super::checks;
use shard::command::{Command, Login};
use wire::{FrameError, InboxSeq, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    let sync = frame.access::<frames::Sync>()?;
    let after = InboxSeq(sync.cursor.to_native());
    Ok(checks::page(sync.limit.to_native(), |limit| Command::Sync { uid, after, limit }))
}
