//! The frames about a user's devices.

use super::Frame;
use crate::exact::{Exact, Walk};
use crate::kind::Kind;
use bytes::Bytes;
use rkyv::{Archive, Archived, Deserialize, Serialize};

frame! { /// Asks for the user's devices that are logged in. Answered by [`DevicesPage`].
Devices = kind {
    /// Devices whose login's number is above this one; 0 for the first page.
    after_generation: u64,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A device of the user that is logged in.
Device {
    /// Its id.
    device: u64,
    /// Its login's number: a greater one is of a later login.
    generation: u64,
    /// How long it has said nothing, in s.
    silent_s: u32,
    /// What it is, a [`crate::Platform`]; 0: it did not say.
    platform: u8,
} }

frame! { /// A page of the user's devices that are logged in, ascending by login, the one that asks among them.
DevicesPage = kind {
    /// The devices. Empty: there is none above.
    devices: Vec<Device>,
} }

frame! { /// Ends the session of a device of the user, the asker's own too; its token stays good. Answered by [`EndDeviceReply`].
EndDevice = kind {
    /// Which.
    device: u64,
} }

frame! { /// The device is not logged in any more.
EndDeviceReply = kind {
    /// 1 if it was.
    was_logged_in: u8,
} }

frame! { /// By what the device of this session is reached while it is away, until it says otherwise. Answered by [`PushTokenReply`].
PushToken = kind {
    /// What its provider knows it by: text of at most [`crate::PUSH_TOKEN_BYTES_MAX`]. Empty: by nothing any more.
    token: Bytes,
    /// Which provider, by a number that the app and its receiver agree on.
    provider: u8,
} }

frame! { /// It is stored, and holds for later sessions of the device too.
PushTokenReply = kind {
    /// 1 if there is a token now.
    is_kept: u8,
} }
