//! What a user does to a group, as the frame of a send says it, and what a group is.

use wire::frames::{ArchivedGroupInfoReply, ArchivedGroupRole};
use wire::{Bytes, ClientMsgId, ConversationId, Role, RowKind, Seq, Uid};
use wire::{put_set, put_uids, take_set, take_uids};

/// What a user does to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// Makes one, whose first members are these and oneself. Its number follows from the id of the request.
    Create(Vec<Uid>),
    /// These are members from now on.
    Add(ConversationId, Vec<Uid>),
    /// These are not. Only a group's owner may, and its admins as to plain members.
    Remove(ConversationId, Vec<Uid>),
    /// Oneself is not.
    Leave(ConversationId),
    /// These have this role. Only a group's owner may. [`Role::Owner`] is for one: the group is handed over to it, and
    /// oneself is an admin.
    SetRole(ConversationId, Role, Vec<Uid>),
    /// These may not write before this, Unix ms below 2^53; 0: they may again. None: that is for all plain members. Only a group's owner
    /// and admins may, for those below them.
    Mute(ConversationId, u64, Vec<Uid>),
    /// The group has this title, at most [`wire::GROUP_TITLE_BYTES_MAX`] bytes. Only its owner and admins may.
    Rename(ConversationId, String),
    /// The group announces this, at most [`wire::GROUP_NOTICE_BYTES_MAX`] bytes, in place of what it did before. Only its owner and
    /// admins may.
    Announce(ConversationId, String),
    /// The group ends. Only its owner may.
    Dissolve(ConversationId),
}

impl GroupChange {
    /// The group that it is about.
    pub(crate) fn group(&self, by: Uid, id: ClientMsgId) -> ConversationId {
        match self {
            Self::Create(_) => ConversationId::made_by(by, id),
            Self::Add(group, _) | Self::Remove(group, _) | Self::Leave(group) => *group,
            Self::SetRole(group, ..) | Self::Mute(group, ..) | Self::Rename(group, _) => *group,
            Self::Announce(group, _) | Self::Dissolve(group) => *group,
        }
    }

    /// The kind of its row, and the row's body.
    pub(crate) fn parts(&self) -> (RowKind, Bytes) {
        match self {
            Self::Create(uids) => (RowKind::GROUP_CREATED, put_uids(uids.clone())),
            Self::Add(_, uids) => (RowKind::MEMBERS_ADDED, put_uids(uids.clone())),
            Self::Remove(_, uids) => (RowKind::MEMBERS_REMOVED, put_uids(uids.clone())),
            Self::Leave(_) => (RowKind::MEMBER_LEFT, Bytes::new()),
            Self::SetRole(_, role, uids) => {
                (RowKind::ROLE_SET, put_set(role.number(), uids.clone()))
            }
            Self::Mute(_, until_ms, uids) => (RowKind::MUTED, put_set(*until_ms, uids.clone())),
            Self::Rename(_, title) => (RowKind::RENAMED, title.clone().into()),
            Self::Announce(_, notice) => (RowKind::ANNOUNCED, notice.clone().into()),
            Self::Dissolve(_) => (RowKind::DISSOLVED, Bytes::new()),
        }
    }
}

/// The users whom a change of a group names, as the body of its row says it; `None`: the row is another.
#[must_use]
pub fn named_users(kind: RowKind, body: &[u8]) -> Option<Vec<Uid>> {
    let changes = [RowKind::GROUP_CREATED, RowKind::MEMBERS_ADDED, RowKind::MEMBERS_REMOVED];
    match kind {
        RowKind::ROLE_SET | RowKind::MUTED => take_set(body).map(|(_, uids)| uids),
        kind => changes.contains(&kind).then(|| take_uids(body)).flatten(),
    }
}

/// The role that a change of a group gives to those whom it names; `None`: the row is another.
#[must_use]
pub fn given_role(kind: RowKind, body: &[u8]) -> Option<Role> {
    let (role, _) = take_set(body).filter(|_| kind == RowKind::ROLE_SET)?;
    Role::from_number(role)
}

/// Until when a change of a group mutes those whom it names, Unix ms; 0: they may write again. It names none: all plain
/// members. `None`: the row is another.
#[must_use]
pub fn muted_until_ms(kind: RowKind, body: &[u8]) -> Option<u64> {
    take_set(body).filter(|_| kind == RowKind::MUTED).map(|(until_ms, _)| until_ms)
}

/// What a member of a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRole {
    /// Who.
    pub uid: Uid,
    /// Its role. One of a later release, which this client does not know, is that of a plain member.
    pub role: Role,
    /// It may not write before this, Unix ms; 0: it may.
    pub muted_until_ms: u64,
}

/// What a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// The entry after which it is so.
    pub seq: Seq,
    /// How many members it has.
    pub count: u64,
    /// Its plain members may not write before this, Unix ms; 0: they may.
    pub muted_until_ms: u64,
    /// What it is called.
    pub title: String,
    /// What is announced in it.
    pub notice: String,
    /// Its owner, its admins, and those who are muted, ascending by uid.
    pub roles: Vec<GroupRole>,
}

impl From<&ArchivedGroupInfoReply> for GroupInfo {
    fn from(reply: &ArchivedGroupInfoReply) -> Self {
        let role = |it: &ArchivedGroupRole| GroupRole {
            uid: Uid(it.uid.to_native()),
            role: Role::from_number(it.role.into()).unwrap_or(Role::Member),
            muted_until_ms: it.muted_until_ms.to_native(),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            muted_until_ms: reply.muted_until_ms.to_native(),
            title: text(reply.title.as_slice()),
            notice: text(reply.notice.as_slice()),
            seq: Seq(reply.seq.to_native()),
            count: reply.count.to_native(),
            roles: reply.roles.iter().map(role).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_named_in_order_and_once() {
        let group = ConversationId::group(5).unwrap();
        let (kind, body) = GroupChange::Add(group, vec![Uid(300), Uid(2), Uid(300)]).parts();
        assert_eq!(body[..], [2, 0, 0, 0, 0, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(named_users(kind, &body), Some(vec![Uid(2), Uid(300)]));
        assert_eq!(named_users(kind, &body[1..]), None);
        assert_eq!(named_users(RowKind::MESSAGE, &body), None);
        let (kind, body) = GroupChange::SetRole(group, Role::Admin, vec![Uid(300), Uid(2)]).parts();
        assert_eq!(body[..9], [1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(named_users(kind, &body), Some(vec![Uid(2), Uid(300)]));
        assert_eq!((given_role(kind, &body), given_role(kind, &[])), (Some(Role::Admin), None));
    }

    #[test]
    fn a_new_group_is_named_by_its_maker_and_the_id() {
        let id = ClientMsgId::new(1, 2);
        let made = GroupChange::Create(vec![]).group(Uid(7), id);
        assert_eq!(made, ConversationId::made_by(Uid(7), id));
    }
}
