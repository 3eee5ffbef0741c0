//! What a session hears last, and under which reason its end is counted. It knows no session.

use crate::metrics::CloseReason;
use wire::RefusalCode;

/// What a session that leaves is told when nothing of its own is under way any more.
#[derive(Clone, Copy, Debug)]
pub(super) enum LastWord {
    /// Nothing: the client has said everything.
    Nothing,
    /// The answer to its logout, which has this number.
    LoggedOut(u64),
    /// The same; the shard was asked.
    LoggingOut,
    /// A request of this number is refused, and the connection with it.
    Refused(u64, RefusalCode),
    /// This side ends it.
    Ended(RefusalCode),
}

impl LastWord {
    /// Under which reason its end is counted.
    pub fn reason(self) -> CloseReason {
        match self {
            Self::Nothing => CloseReason::Peer,
            Self::LoggedOut(_) | Self::LoggingOut => CloseReason::Logout,
            Self::Refused(_, code) | Self::Ended(code) => reason(code),
        }
    }

    /// For which reason its channel is closed; none: in order.
    pub fn code(self) -> Option<RefusalCode> {
        match self {
            Self::Nothing | Self::LoggedOut(_) | Self::LoggingOut => None,
            Self::Refused(_, code) | Self::Ended(code) => Some(code),
        }
    }
}

/// Under which reason a close for this code is counted.
pub(super) fn reason(code: RefusalCode) -> CloseReason {
    use RefusalCode::{BadToken, TokenExpired, TokenRevoked};
    if matches!(code, BadToken | TokenExpired | TokenRevoked) {
        CloseReason::Token
    } else if code == RefusalCode::Kicked {
        CloseReason::Kicked
    } else if matches!(code, RefusalCode::SessionReplaced | RefusalCode::TooManyDevices) {
        CloseReason::Replaced
    } else if code == RefusalCode::LoginTimeout {
        CloseReason::LoginTimeout
    } else if code == RefusalCode::Unresponsive {
        CloseReason::Unresponsive
    } else if code == RefusalCode::Draining {
        CloseReason::Drain
    } else {
        CloseReason::Protocol
    }
}
