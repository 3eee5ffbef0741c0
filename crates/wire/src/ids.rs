//! Ids as types, so that none can be given where another is meant.

use rkyv::{Archive, Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Archive, Serialize, Deserialize)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A user. 0 is nobody.
    Uid
}
id! {
    /// A message's place in its conversation: dense, from 1, given by the owning shard.
    Seq
}
id! {
    /// A row's place in a user's inbox: dense, from 1. 0 is the cursor of a device that has nothing.
    InboxSeq
}
id! {
    /// A message's id: partition (10 bits), owner's epoch (20), count (34). Unique, never reused.
    MessageId
}
id! {
    /// A device of a user, chosen by the client and kept by it.
    DeviceId
}
id! {
    /// Counts the logins of a device; a higher one is newer.
    Generation
}

impl Seq {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl InboxSeq {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A message's id as its client made it: a UUIDv7, kept across retries.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub struct ClientMsgId(pub [u8; 16]);

impl ClientMsgId {
    /// A UUIDv7 from a time in Unix ms (48 bits used) and 74 random bits (the low ones of `random`).
    #[must_use]
    pub fn new(unix_ms: u64, random: u128) -> Self {
        let mut bytes = random.to_be_bytes();
        bytes[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes)
    }

    /// Unix ms at which it was made, or `None` if this is no UUIDv7.
    #[must_use]
    pub fn unix_ms(&self) -> Option<u64> {
        let [a, b, c, d, e, f, version, _, variant, ..] = self.0;
        (version >> 4 == 7 && variant >> 6 == 0b10)
            .then(|| u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl fmt::Debug for ClientMsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A 1:1 conversation: its two users in the key order of the store.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub struct Conversation {
    big: Uid,
    small: Uid,
}

impl Conversation {
    /// The conversation between two users, or `None` for a user with itself or with nobody.
    #[must_use]
    pub fn between(a: Uid, b: Uid) -> Option<Self> {
        (a != b && a.0 != 0 && b.0 != 0).then(|| Self { big: a.max(b), small: a.min(b) })
    }

    /// The user with the greater id; the conversation lives with it.
    #[must_use]
    pub fn big(self) -> Uid {
        self.big
    }

    /// The user with the smaller id.
    #[must_use]
    pub fn small(self) -> Uid {
        self.small
    }

    /// The other user, seen from one of the two.
    #[must_use]
    pub fn peer_of(self, uid: Uid) -> Uid {
        assert!(uid == self.big || uid == self.small, "not a member");
        if uid == self.big { self.small } else { self.big }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_msg_id_carries_its_time() {
        let id = ClientMsgId::new(0x0123_4567_89ab, u128::MAX);
        assert_eq!(id.unix_ms(), Some(0x0123_4567_89ab));
        assert_eq!(ClientMsgId([0; 16]).unix_ms(), None);
    }

    #[test]
    fn conversation_has_one_key_for_both_directions() {
        let (a, b) = (Uid(3), Uid(9));
        assert_eq!(Conversation::between(a, b), Conversation::between(b, a));
        assert_eq!(Conversation::between(a, a), None);
        assert_eq!(Conversation::between(a, Uid(0)), None);
        assert_eq!(Conversation::between(a, b).unwrap().peer_of(a), b);
    }
}
