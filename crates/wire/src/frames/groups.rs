//! The frames about a group.

use super::{Conversation, Frame, Kind};
use crate::exact::{Exact, Walk};
use rkyv::{Archive, Archived, Deserialize, Serialize};

frame! { /// Asks for members of a group; only a member may. Answered by [`GroupMembersPage`].
GroupMembers = kind {
    /// Which group.
    conversation: Conversation,
    /// Members whose uid is above this one; 0 for the first page.
    after_uid: u64,
    /// At most so many; 1 to 256.
    limit: u32,
} }

frame! { /// A member of a group.
GroupMember {
    /// Who.
    uid: u64,
    /// The entry that made it a member: it reads from there on.
    since_seq: u64,
    /// 1 if it may remove others.
    is_owner: u8,
} }

frame! { /// A page of a group's members, ascending by uid.
GroupMembersPage = kind {
    /// Which group.
    conversation: Conversation,
    /// How many members it has.
    count: u64,
    /// The members. Empty: there is none above.
    members: Vec<GroupMember>,
} }
