//! Who a client says it is, and what it has. The token is judged by the entry.

use super::action::{Action, Context};
use shard::command::{Begin, Login};
use wire::frames::LoginReply;
use wire::{CURSOR_MESSAGE_ID, DeviceId, FrameError, InboxSeq, MessageId, PLATFORM, Platform};
use wire::{RawFrame, RefusalCode, frames};

pub(super) fn act(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let frames::Login { device, cursor, inbox_epoch, from_head, token } = frame.read()?;
    let message_id = MessageId(frame.extended(CURSOR_MESSAGE_ID));
    let from = match from_head {
        0 => Begin::After { row: InboxSeq(cursor), epoch: inbox_epoch, message_id },
        1 => Begin::Head,
        _ => return Ok(Action::Close(RefusalCode::OutOfRange)),
    };
    let platform = Platform::from_wire(frame.extended(PLATFORM));
    Ok(Action::Login { device: DeviceId(device), platform, from, token })
}

pub(super) fn reply(
    login: Login,
    (inbox_head, cursor): (InboxSeq, InboxSeq),
    context: Context,
) -> LoginReply {
    let Context { inbox_epoch, server_time_ms } = context;
    let (uid, generation) = (login.uid.0, login.generation.0);
    let (inbox_head, cursor) = (inbox_head.0, cursor.0);
    LoginReply { uid, generation, inbox_epoch, inbox_head, cursor, server_time_ms }
}
