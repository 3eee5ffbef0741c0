//! What a client says first: the versions that it speaks, and the largest frame that it takes.

use super::action::Action;
use wire::{FRAME_BYTES_MAX, FrameError, RawFrame, RefusalCode, VERSION, frames};

pub(super) fn act(frame: &RawFrame<'_>) -> Result<Action, FrameError> {
    let hello = frame.access::<frames::Hello>()?;
    let serves = (hello.version_min..=hello.version_max).contains(&VERSION);
    let takes = hello.frame_bytes_max.to_native() as usize >= FRAME_BYTES_MAX;
    Ok(match (serves, takes) {
        (true, true) => Action::Greet { features: hello.features.to_native() },
        (true, false) => Action::Close(RefusalCode::OutOfRange),
        (false, _) => Action::Close(RefusalCode::UnsupportedVersion),
    })
}
