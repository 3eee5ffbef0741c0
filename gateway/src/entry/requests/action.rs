//! What a request decides, and what its answer needs.

use shard::command::{Begin, Command};
use wire::{Bytes, DeviceId, Platform, RefusalCode};

/// What to do about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Ignore,
    /// Answer hello.
    Greet {
        /// What the client knows of.
        features: u64,
    },
    /// Verify the token, then ask the shard.
    Login {
        /// Which device.
        device: DeviceId,
        /// What it is.
        platform: Platform,
        /// Where its pushes begin.
        from: Begin,
        /// The token.
        token: Bytes,
    },
    /// Verify the token: the session lasts as long as it does.
    Renew {
        /// The token.
        token: Bytes,
    },
    /// Ask the shard that this belongs to.
    Submit(Command),
    /// End the session once what it asked is answered.
    LogOut,
    /// Refuse the request, and go on.
    Refuse(RefusalCode),
    /// Refuse, and close.
    Close(RefusalCode),
}

/// What answers need beside themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The inbox's epoch.
    pub inbox_epoch: u64,
    /// What the clock that judges ids shows, Unix ms.
    pub server_time_ms: u64,
}
