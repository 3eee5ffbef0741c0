//! What is kept for offline push: tokens, how far users were judged, marks, what a receiver did not take. It knows no other row.

use bytes::Bytes;
use wire::{DeviceId, Generation, InboxSeq, PUSH_TOKEN_BYTES_MAX, Uid};

/// By what a provider of pushes reaches a device of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushToken {
    /// Whose.
    pub uid: Uid,
    /// Which device.
    pub device: DeviceId,
    /// The login that gave it.
    pub generation: Generation,
    /// Which provider, by a number that clients and the receiver agree on.
    pub provider: u8,
    /// What the provider knows the device by. Empty: there is none any more.
    pub token: Bytes,
}

impl PushToken {
    /// That there is none of a device.
    #[must_use]
    pub fn none(uid: Uid, device: DeviceId) -> Self {
        Self { uid, device, generation: Generation(0), provider: 0, token: Bytes::new() }
    }
}

/// Whether a token can be one: text, and not longer than they are.
#[must_use]
pub fn is_token(token: &[u8]) -> bool {
    token.len() <= PUSH_TOKEN_BYTES_MAX && str::from_utf8(token).is_ok()
}

/// How far the inbox of a user with a token was judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushPlace {
    /// Nothing up to here is owed.
    pub through: InboxSeq,
    /// The receiver was asked to tell what lies behind that up to here, and may have. Not above `through`: it was not asked.
    pub asked: InboxSeq,
}

/// Whether whoever owns a user is to look what it is owed, though nobody asks: its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwedRow {
    /// Who.
    pub uid: Uid,
    /// Whether it is.
    pub is_owed: bool,
}

/// A notification that the receiver did not take, however often it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadRow {
    /// Of whom.
    pub uid: Uid,
    /// Behind this row ...
    pub after: InboxSeq,
    /// ... up to this one.
    pub through: InboxSeq,
    /// When it was given up, Unix ms.
    pub unix_ms: u64,
    /// It was replayed.
    pub is_gone: bool,
}

impl DeadRow {
    /// Whether a correct shard can have made it.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.after < self.through
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_short_text() {
        assert!(
            is_token(b"") && is_token("ключ".as_bytes()) && is_token(&[b'x'; PUSH_TOKEN_BYTES_MAX])
        );
        assert!(!is_token(&[b'x'; PUSH_TOKEN_BYTES_MAX + 1]) && !is_token(&[0xff]));
    }
}
