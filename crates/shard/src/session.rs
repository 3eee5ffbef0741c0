//! Who asks a shard, and as whom: sessions, logins, and the way back.

use wire::{DeviceId, Generation, Uid};

/// One session of one entry: where answers and pushes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// The entry's number.
    pub entry: u16,
    /// The entry's key of the session, never given twice. It says nothing of how the client is connected.
    pub key: u64,
}

/// A request that wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// Who asked.
    pub session: Session,
    /// The number that whoever passes the request on gives it, its own for each; no client chose it. 0: no answer is wanted.
    pub ticket: u64,
}

/// A user's device as logged in; a command with an old generation does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub uid: Uid,
    /// The device.
    pub device: DeviceId,
    /// The login.
    pub generation: Generation,
}
