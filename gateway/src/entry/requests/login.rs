//! Who a client says it is, and what it has. The token is judged by the entry.

use super::action::Action;
use shard::command::Begin;
use wire::{DeviceId, FrameError, InboxSeq, RawFrame, RefusalCode, frames};

pub(super) fn act(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let frames::Login { device, cursor, inbox_epoch, from_head, token } = frame.read()?;
    let from = match from_head {
        0 => Begin::After(InboxSeq(cursor), inbox_epoch),
        1 => Begin::Head,
        _ => return Ok(Action::Close(RefusalCode::OutOfRange)),
    };
    Ok(Action::Login { device: DeviceId(device), from, token })
}
