//! The reasons a request can be refused for.

use rkyv::{Archive, Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a request was refused. The number is on the wire.
        #[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum RefusalCode { $($(#[$doc])* $name = $code,)* }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code with this number; an unknown one (a newer server) is `None`.
            #[must_use]
            pub fn from_wire(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    /// Not a frame, or not one that may come here. The connection closes.
    Malformed = 1,
    /// The version is not served. The connection closes.
    UnsupportedVersion = 2,
    /// The request needs a login first. The connection closes.
    NotLoggedIn = 3,
    /// The token is not valid. The connection closes.
    BadToken = 4,
    /// The token is over. The connection closes.
    TokenExpired = 5,
    /// Over a rate limit; retry after the hint.
    RateLimited = 6,
    /// A queue is full; retry after the hint.
    Busy = 7,
    /// The store failed; whether the message is stored is unknown; retry with the same id.
    StoreUnavailable = 8,
    /// The store has no room; retry after the hint.
    StoreFull = 9,
    /// The `client_msg_id` was used for another body in this conversation. Do not retry.
    IdConflict = 10,
    /// The `client_msg_id` is older than the server can check. Do not retry.
    IdTooOld = 11,
    /// The `client_msg_id` is from the future: set the clock.
    IdInFuture = 12,
    /// The `client_msg_id` is no UUIDv7.
    BadId = 13,
    /// The body is larger than the limit.
    BodyTooLarge = 14,
    /// There is no such conversation, or it is not the user's.
    BadRecipient = 15,
    /// The server is draining; connect again later.
    Draining = 16,
    /// The same device logged in again elsewhere. The connection closes.
    SessionReplaced = 17,
    /// The user has too many devices logged in. The connection closes.
    TooManyDevices = 18,
    /// A value is out of its range (a page of no rows, a read mark where there is no message).
    OutOfRange = 19,
    /// The deadline for hello and login passed. The connection closes.
    LoginTimeout = 20,
    /// Pushes or heartbeats stayed unanswered, or replies unread. The connection closes.
    Unresponsive = 21,
    /// The user, or one whom the request names, is no member of the group. Do not retry.
    NotMember = 22,
    /// The user's role in the group does not allow it. Do not retry.
    NotAllowed = 23,
    /// The group has no room for so many members. Do not retry.
    GroupFull = 25,
    /// One whom the request names is a member of the group already. Do not retry.
    AlreadyMember = 26,
    /// This server does not know the request, or a value in it that a later release gave a meaning.
    Unsupported = 27,
    /// An operator ended the session. The connection closes.
    Kicked = 28,
    /// An operator took back the tokens that the user had. The connection closes.
    TokenRevoked = 29,
    /// The user ended the session from another device. The connection closes.
    EndedByUser = 31,
    /// The user may not write in the group before the hint is over. The message is not stored; a person decides whether to say it
    /// then.
    Muted = 30,
}

/// What a client does when its session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It connects again.
    Again,
    /// It connects again with another token.
    OtherToken,
    /// It does not connect again by itself: a person decides.
    StayAway,
}

impl Next {
    /// What the number says; one of a later release says to connect again.
    #[must_use]
    pub fn from_wire(next: u8) -> Self {
        match next {
            1 => Self::OtherToken,
            2 => Self::StayAway,
            _ => Self::Again,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub fn to_wire(self) -> u8 {
        match self {
            Self::Again => 0,
            Self::OtherToken => 1,
            Self::StayAway => 2,
        }
    }
}

impl RefusalCode {
    /// Whether it refuses an id for the time in it, by the server's clock.
    #[must_use]
    pub fn is_of_time(self) -> bool {
        matches!(self, Self::IdInFuture | Self::IdTooOld)
    }

    /// What a client does next whose session ended for this reason.
    #[must_use]
    pub fn next(self) -> Next {
        match self {
            Self::BadToken | Self::TokenExpired | Self::TokenRevoked => Next::OtherToken,
            Self::Malformed
            | Self::Kicked
            | Self::EndedByUser
            | Self::UnsupportedVersion
            | Self::SessionReplaced
            | Self::TooManyDevices => Next::StayAway,
            Self::NotLoggedIn
            | Self::RateLimited
            | Self::Busy
            | Self::StoreUnavailable
            | Self::StoreFull
            | Self::IdConflict
            | Self::IdTooOld
            | Self::IdInFuture
            | Self::BadId
            | Self::BodyTooLarge
            | Self::BadRecipient
            | Self::Draining
            | Self::OutOfRange
            | Self::LoginTimeout
            | Self::Unresponsive
            | Self::NotMember
            | Self::NotAllowed
            | Self::GroupFull
            | Self::AlreadyMember
            | Self::Muted
            | Self::Unsupported => Next::Again,
        }
    }

    /// Whether a session is told it that somebody ended by name.
    #[must_use]
    pub fn ends_devices(self) -> bool {
        matches!(self, Self::Kicked | Self::EndedByUser)
    }

    /// Whether the same request can succeed later, unchanged.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Busy
                | Self::IdInFuture
                | Self::StoreUnavailable
                | Self::StoreFull
                | Self::Draining
        )
    }
}
