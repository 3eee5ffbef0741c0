//! The frames about a group.

use super::{Conversation, Frame};
use crate::exact::{Exact, Walk};
use crate::kind::Kind;
use bytes::Bytes;
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

frame! { /// Asks what a group is; only a member may. Answered by [`GroupInfoReply`].
GroupInfo = kind {
    /// Which group.
    conversation: Conversation,
} }

frame! { /// A member of a group of whom there is more to say than that it is one.
GroupRole {
    /// Who.
    uid: u64,
    /// What it is: 0 a member, 1 an admin, 2 the owner.
    role: u8,
    /// It may not write before this, Unix ms; 0: it may.
    muted_until_ms: u64,
} }

frame! { /// What a group is.
GroupInfoReply = kind {
    /// Which group.
    conversation: Conversation,
    /// The entry after which it is so.
    seq: u64,
    /// How many members it has.
    count: u64,
    /// Its plain members may not write before this, Unix ms; 0: they may.
    muted_until_ms: u64,
    /// What it is called; UTF-8, may be empty.
    title: Bytes,
    /// What is announced in it; UTF-8, may be empty.
    notice: Bytes,
    /// Its owner, its admins, and those who are muted, ascending by uid.
    roles: Vec<GroupRole>,
} }
