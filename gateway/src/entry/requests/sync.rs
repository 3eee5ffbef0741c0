//! A page of the inbox after a cursor.

use super::action::{Action, Context};
use super::checks;
use crate::entry::delivery::inbox_message;
use shard::command::{Command, Login};
use shard::rows::InboxRow;
use wire::frames::SyncPage;
use wire::{FrameError, InboxSeq, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let uid = login.uid;
    let sync = frame.access::<frames::Sync>()?;
    let after = InboxSeq(sync.cursor.to_native());
    Ok(checks::page(sync.limit.to_native(), |limit| Command::Sync { uid, after, limit }))
}

pub(super) fn reply(head: InboxSeq, rows: Vec<InboxRow>, context: Context) -> SyncPage {
    let messages = rows.into_iter().map(inbox_message).collect();
    SyncPage { inbox_epoch: context.inbox_epoch, inbox_head: head.0, messages }
}
