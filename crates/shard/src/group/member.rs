//! A member of a group, and what the group is set to. It knows no other member.

use bytes::Bytes;
use wire::{Role, Seq, Uid};

/// Somebody who is, or was, a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub uid: Uid,
    /// The entry that made it a member: what lies before is not its own.
    pub since: Seq,
    /// The entry that ended it, the last one that is its own; 0: it is a member.
    pub until: Seq,
    /// The group is its own.
    pub is_owner: bool,
    /// It looks after the members. Of the owner and of who has left it is not said.
    pub is_admin: bool,
    /// It may not write before this, Unix ms; 0: it may. It stays so when it leaves and is added again.
    pub muted_until_ms: u64,
}

/// What a group is set to, beside what its members are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its plain members may not write before this, Unix ms; 0: they may.
    pub muted_until_ms: u64,
    /// The entry whose body is its title; 0: it has none.
    pub title: Seq,
    /// The entry whose body is what it announces; 0: nothing.
    pub notice: Seq,
}

/// What a group is, as its members are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupInfo {
    /// The entry after which it is so.
    pub seq: Seq,
    /// How many members it has.
    pub count: u64,
    /// Its plain members may not write before this, Unix ms; 0: they may.
    pub muted_until_ms: u64,
    /// What it is called.
    pub title: Bytes,
    /// What is announced in it.
    pub notice: Bytes,
    /// Those of whom there is more to say than that they are members, by uid.
    pub members: Vec<Member>,
}

impl Member {
    /// One from an entry on, without a role.
    pub(super) fn new(uid: Uid, since: Seq) -> Self {
        Self { uid, since, until: Seq(0), is_owner: false, is_admin: false, muted_until_ms: 0 }
    }

    /// Whether it is one now.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.until == Seq(0)
    }

    /// What it is in its group.
    #[must_use]
    pub fn role(&self) -> Role {
        match (self.is_owner, self.is_admin) {
            (true, _) => Role::Owner,
            (false, true) => Role::Admin,
            (false, false) => Role::Member,
        }
    }

    pub(super) fn with_role(self, role: Role) -> Self {
        Self { is_owner: role == Role::Owner, is_admin: role == Role::Admin, ..self }
    }
}
