//! Logins under way. It does not know what they wait for.

use crate::command::Login;
use wire::{InboxSeq, Platform};

/// A login that has its number, and does not hold yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub login: Login,
    /// The device has every row up to here.
    pub cursor: InboxSeq,
    pub platform: Platform,
    /// The device says that it has what is up to its cursor; else it only begins there.
    pub has_rows: bool,
}
