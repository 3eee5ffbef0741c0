//! A page of the user's devices that are logged in.

use super::action::Action;
use super::checks;
use shard::command::{Command, DeviceState, Login};
use wire::frames::{Device, DevicesPage};
use wire::{FrameError, Generation, RawFrame, frames};

pub(super) fn act(login: Login, frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let frames::Devices { after_generation, limit } = frame.read()?;
    let (uid, after) = (login.uid, Generation(after_generation));
    Ok(checks::page(limit, |limit| Command::Devices { uid, after, limit }))
}

pub(super) fn reply(devices: Vec<DeviceState>) -> DevicesPage {
    let device = |state: DeviceState| Device {
        device: state.device.0,
        generation: state.generation.0,
        silent_s: state.silent_s,
        platform: state.platform.0,
    };
    DevicesPage { devices: devices.into_iter().map(device).collect() }
}
