//! Groups as values: who its members are and which role each has, what a change of them says, who is owed an entry, what is
//! stored. It knows no log and no inbox.
//!
//! A change of a group is an entry of its own log, so its seq says which entries a user was a member for. Members are
//! a value: an entry gives the next one, and the one before stays as it was.

mod rights;
mod change;
mod member;
mod members;
mod row;

pub use change::{Change, is_change, is_possible};
pub use member::{GroupInfo, Member, Settings};
pub use members::{Applied, Entry, Members, joins};
pub use rights::Act;
pub(crate) use row::MEMBER_BYTES;
pub use row::{GroupRow, MarkRow};
