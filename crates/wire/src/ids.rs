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
    /// A message's id: partition (10 bits), owner's epoch (20), count (33), from a number on that each owner chooses; so
    /// below 2^63. Unique, never reused.
    MessageId
}
id! {
    /// A device of a user, chosen by the client and kept by it.
    DeviceId
}
id! {
    /// Counts logins: owner's epoch (20 bits), count (32); so below 2^53. Of one device a higher one is newer.
    Generation
}

/// What a device is, as it says itself. The number is on the wire; one of a later release is kept and shown as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Platform(pub u8);

impl Platform {
    /// The device does not say.
    pub const UNKNOWN: Self = Self(0);
    /// An iPhone or an iPad.
    pub const IOS: Self = Self(1);
    /// Android.
    pub const ANDROID: Self = Self(2);
    /// Windows.
    pub const WINDOWS: Self = Self(4);
    /// A Mac.
    pub const MAC: Self = Self(5);
    /// Linux.
    pub const LINUX: Self = Self(6);
    /// A browser.
    pub const WEB: Self = Self(7);
    /// What each number from 1 on is called.
    pub const NAMES: [&'static str; 9] =
        ["ios", "android", "harmony", "windows", "mac", "linux", "web", "mini", "bot"];

    /// What the number of a login says; what is no number of a platform is none.
    #[must_use]
    pub fn from_wire(number: u64) -> Self {
        Self(u8::try_from(number).unwrap_or(0))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::from(self.0).checked_sub(1).map(|at| Self::NAMES.get(at)) {
            None => f.write_str("unknown"),
            Some(Some(name)) => f.write_str(name),
            Some(None) => self.0.fmt(f),
        }
    }
}

impl Uid {
    /// What the uid of an account of the system begins with.
    const ACCOUNT: u64 = 1 << 63;

    /// As whom an account of the system speaks, by its number from 1; none for 0. Only the system says what has such a sender in a
    /// [`ConversationKind::System`].
    #[must_use]
    pub fn account(number: u32) -> Option<Self> {
        (number != 0).then_some(Self(Self::ACCOUNT | u64::from(number)))
    }

    /// Whether it is that of an account.
    #[must_use]
    pub fn is_account(self) -> bool {
        u32::try_from(self.0 ^ Self::ACCOUNT).is_ok_and(|number| number != 0)
    }
}

impl MessageId {
    /// Bits of the count.
    pub const COUNT_BITS: u32 = 33;

    /// The id of message number `count` that an owner of a partition took in an epoch.
    ///
    /// # Panics
    /// A part does not fit its bits.
    #[must_use]
    pub fn new(partition: u16, epoch: u32, count: u64) -> Self {
        assert!(partition < 1 << 10 && epoch < 1 << 20, "a partition and an epoch fit their bits");
        assert!(count < 1 << Self::COUNT_BITS, "an owner's epoch has 2^33 messages");
        Self((u64::from(partition) << 53) | (u64::from(epoch) << Self::COUNT_BITS) | count)
    }
}

impl Generation {
    /// Login number `count` of an owner's epoch.
    ///
    /// # Panics
    /// A part does not fit its bits.
    #[must_use]
    pub fn new(epoch: u32, count: u64) -> Self {
        assert!(epoch < 1 << 20 && count < 1 << 32, "an epoch and a count fit their bits");
        Self((u64::from(epoch) << 32) | count)
    }
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

/// What a conversation is. The number is stored and on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ConversationKind {
    /// Two users: `a` the greater uid, `b` the smaller.
    Direct = 1,
    /// A group: `a` its id, `b` 0.
    Group = 2,
    /// What the system tells one user: `a` the user, `b` 0.
    System = 3,
    /// What the system tells many: `a` the topic, `b` 0.
    Broadcast = 4,
}

impl ConversationKind {
    /// The kind with this number; one of a later release is `None`.
    #[must_use]
    pub fn from_wire(kind: u8) -> Option<Self> {
        use ConversationKind::{Broadcast, Direct, Group, System};
        [Direct, Group, System, Broadcast].into_iter().find(|known| *known as u8 == kind)
    }
}

/// A conversation: its kind and one or two numbers, whose meaning the kind gives. In the key order of the store.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub struct ConversationId {
    kind: u8,
    a: u64,
    b: u64,
}

impl ConversationId {
    /// The conversation of two users, or `None` for a user with itself or with nobody.
    #[must_use]
    pub fn direct(one: Uid, other: Uid) -> Option<Self> {
        Self::from_parts(ConversationKind::Direct as u8, one.max(other).0, one.min(other).0)
    }

    /// What the system tells a user, or `None` for nobody.
    #[must_use]
    pub fn system(uid: Uid) -> Option<Self> {
        Self::from_parts(ConversationKind::System as u8, uid.0, 0)
    }

    /// The conversation of these parts, or `None` where they make none.
    #[must_use]
    pub fn from_parts(kind: u8, a: u64, b: u64) -> Option<Self> {
        let id = Self { kind, a, b };
        id.is_possible().then_some(id)
    }

    /// Whether the parts make a conversation; those that came over a link are to be asked.
    #[must_use]
    pub fn is_possible(self) -> bool {
        match ConversationKind::from_wire(self.kind) {
            Some(ConversationKind::Direct) => self.a > self.b && self.b > 0,
            Some(
                ConversationKind::Group | ConversationKind::System | ConversationKind::Broadcast,
            ) => self.a > 0 && self.b == 0,
            None => false,
        }
    }

    /// What it is.
    ///
    /// # Panics
    /// Its parts make no conversation, and nobody checked.
    #[must_use]
    pub fn kind(self) -> ConversationKind {
        ConversationKind::from_wire(self.kind).expect("its parts were checked")
    }

    /// A group, or `None` for number 0.
    #[must_use]
    pub fn group(number: u64) -> Option<Self> {
        Self::from_parts(ConversationKind::Group as u8, number, 0)
    }

    /// The group that a user makes under an id: a retry names the same. Its number has 63 bits, so that every reader's
    /// integers hold it.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn made_by(creator: Uid, id: ClientMsgId) -> Self {
        let (high, low) = id.0.split_at(8);
        let word = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("8 bytes"));
        let words = [creator.0, word(high), word(low)];
        let hash = words.iter().fold(0, |hash, word| mix(hash ^ mix(*word)));
        Self::group((hash >> 1).max(1)).expect("not 0")
    }

    /// Whether it is a group.
    #[must_use]
    pub fn is_group(self) -> bool {
        self.kind == ConversationKind::Group as u8
    }

    /// Its kind's number, `a` and `b`.
    #[must_use]
    pub fn parts(self) -> (u8, u64, u64) {
        (self.kind, self.a, self.b)
    }

    /// The user or group with which it lives: `a`.
    #[must_use]
    pub fn home(self) -> u64 {
        self.a
    }

    /// The users whom its id names: two of a direct one, one of a system one, else none.
    pub fn users(self) -> impl Iterator<Item = Uid> + Clone {
        let count = match ConversationKind::from_wire(self.kind) {
            Some(ConversationKind::Direct) => 2,
            Some(ConversationKind::System) => 1,
            Some(ConversationKind::Group | ConversationKind::Broadcast) | None => 0,
        };
        [Uid(self.a), Uid(self.b)].into_iter().take(count)
    }

    /// Whether its id names this user.
    #[must_use]
    pub fn names(self, uid: Uid) -> bool {
        self.users().any(|user| user == uid)
    }

    /// The other user of a direct conversation, seen from one of the two.
    #[must_use]
    pub fn peer_of(self, uid: Uid) -> Option<Uid> {
        let is_direct = self.kind == ConversationKind::Direct as u8;
        let peer = Uid(if uid.0 == self.a { self.b } else { self.a });
        (is_direct && self.names(uid)).then_some(peer)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.a, self.b)
    }
}

/// The finalizer of splitmix64: each bit changes half of them. It is stored and on the wire, so it must not change with a
/// library.
#[must_use]
pub fn mix(number: u64) -> u64 {
    let mut hash = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// What a row of a conversation's log or of an inbox is. The number is stored and on the wire; a client skips a row of
/// a kind that it does not know, and acknowledges it.
#[derive(
    Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
)]
pub struct RowKind(pub u8);

impl RowKind {
    /// A message. The only kind that is counted as unread.
    pub const MESSAGE: Self = Self(1);
    /// Of an inbox only: its user has read a conversation up to a place.
    pub const READ: Self = Self(2);
    /// Of an inbox only: its user has hidden a conversation until its next message, and read it up to a place.
    pub const HIDDEN: Self = Self(3);
    /// A group begins: its sender made it, and these users are its first members.
    pub const GROUP_CREATED: Self = Self(16);
    /// Its sender added these users to the group.
    pub const MEMBERS_ADDED: Self = Self(17);
    /// Its sender removed these users from the group.
    pub const MEMBERS_REMOVED: Self = Self(18);
    /// Its sender left the group.
    pub const MEMBER_LEFT: Self = Self(19);
    /// Nothing: a place of a group's log that tells of no message, and is in no inbox.
    pub const NOTHING: Self = Self(20);
    /// Its sender gave these users a role in the group.
    pub const ROLE_SET: Self = Self(21);
    /// Its sender muted these users in the group until a time, or all of its plain members; or let them speak again.
    pub const MUTED: Self = Self(22);
    /// Its sender gave the group a title.
    pub const RENAMED: Self = Self(23);
    /// Its sender announced something in the group, in place of what was announced before.
    pub const ANNOUNCED: Self = Self(24);
    /// Its sender ended the group: nobody is a member any more.
    pub const DISSOLVED: Self = Self(25);
}

/// What a signal says. The number is on the wire; whoever does not know one skips the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(pub u8);

impl SignalKind {
    /// The user has read the conversation up to a place.
    pub const READ: Self = Self(1);
    /// The user is typing a message.
    pub const TYPING: Self = Self(2);
    /// The user is recording one.
    pub const RECORDING: Self = Self(3);
    /// The user does neither any more.
    pub const STOPPED: Self = Self(4);

    /// Whether a client may say it: what is read is said by the server.
    #[must_use]
    pub fn is_sayable(self) -> bool {
        matches!(self, Self::TYPING | Self::RECORDING | Self::STOPPED)
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
    fn an_account_is_nobody_else() {
        assert_eq!(Uid::account(0), None);
        for number in [1, u32::MAX] {
            assert!(Uid::account(number).is_some_and(Uid::is_account));
        }
        for uid in [0, 1, u64::from(u32::MAX), 1 << 63, (1 << 63) + (1 << 32), u64::MAX] {
            assert!(!Uid(uid).is_account(), "{uid}");
        }
    }

    #[test]
    fn two_users_have_one_conversation() {
        let (a, b) = (Uid(3), Uid(9));
        assert_eq!(ConversationId::direct(a, b), ConversationId::direct(b, a));
        assert_eq!(ConversationId::direct(a, a), None);
        assert_eq!(ConversationId::direct(a, Uid(0)), None);
        let conversation = ConversationId::direct(a, b).unwrap();
        assert_eq!((conversation.peer_of(a), conversation.peer_of(Uid(4))), (Some(b), None));
        assert_eq!(conversation.users().collect::<Vec<_>>(), [b, a]);
    }

    #[test]
    fn a_group_is_named_by_who_makes_it_and_under_which_id() {
        let id = ClientMsgId::new(0x0123_4567_89ab, 0xfedc_ba98);
        let group = ConversationId::made_by(Uid(7), id);
        assert_eq!(
            group.parts(),
            (2, 5_000_275_231_184_964_751, 0),
            "for clients in other languages"
        );
        assert_ne!(group, ConversationId::made_by(Uid(8), id));
        assert_ne!(group, ConversationId::made_by(Uid(7), ClientMsgId::new(1, 0xfedc_ba98)));
    }

    #[test]
    fn parts_that_make_no_conversation_are_refused() {
        for (kind, a, b) in
            [(0, 9, 3), (1, 3, 9), (1, 9, 9), (1, 9, 0), (2, 0, 0), (3, 7, 1), (5, 7, 0)]
        {
            assert_eq!(ConversationId::from_parts(kind, a, b), None, "{kind} {a} {b}");
        }
        let system = ConversationId::from_parts(3, 7, 0).unwrap();
        assert_eq!(Some(system), ConversationId::system(Uid(7)));
        assert_eq!((system.peer_of(Uid(7)), system.users().count()), (None, 1));
    }

    #[test]
    fn numbers_fit_their_readers() {
        let id = MessageId::new(1023, (1 << 20) - 1, (1 << MessageId::COUNT_BITS) - 1);
        assert!(i64::try_from(id.0).is_ok(), "a signed 64-bit integer holds it");
        let generation = Generation::new((1 << 20) - 1, u32::MAX.into());
        assert!(generation.0 < 1 << 53, "so does a double");
    }
}
