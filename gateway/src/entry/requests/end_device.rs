//! Ends the session of a device of the user.

use super::action::Action;
use shard::command::{Command, Login};
use wire::{DeviceId, FrameError, RawFrame, RefusalCode, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let device = DeviceId(frame.access::<frames::EndDevice>()?.device.to_native());
    let (uid, code) = (login.uid, RefusalCode::EndedByUser);
    Ok(Action::Submit(Command::EndDevices { uid, device: Some(device), code }))
}
