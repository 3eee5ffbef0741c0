//! What a user does to a group, as the frame of a send says it.

use wire::{Bytes, ClientMsgId, ConversationId, RowKind, Uid, put_uids, take_uids};

/// What a user does to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// Makes one, whose first members are these and oneself. Its number follows from the id of the request.
    Create(Vec<Uid>),
    /// These are members from now on.
    Add(ConversationId, Vec<Uid>),
    /// These are not. Only a group's owner may.
    Remove(ConversationId, Vec<Uid>),
    /// Oneself is not.
    Leave(ConversationId),
}

impl GroupChange {
    /// The group that it is about.
    pub(crate) fn group(&self, by: Uid, id: ClientMsgId) -> ConversationId {
        match self {
            Self::Create(_) => ConversationId::made_by(by, id),
            Self::Add(group, _) | Self::Remove(group, _) | Self::Leave(group) => *group,
        }
    }

    /// The kind of its row, and the row's body.
    pub(crate) fn parts(&self) -> (RowKind, Bytes) {
        match self {
            Self::Create(uids) => (RowKind::GROUP_CREATED, put_uids(uids.clone())),
            Self::Add(_, uids) => (RowKind::MEMBERS_ADDED, put_uids(uids.clone())),
            Self::Remove(_, uids) => (RowKind::MEMBERS_REMOVED, put_uids(uids.clone())),
            Self::Leave(_) => (RowKind::MEMBER_LEFT, Bytes::new()),
        }
    }
}

/// The users whom a change of a group names, as the body of its row says it; `None`: the row is another.
#[must_use]
pub fn named_users(kind: RowKind, body: &[u8]) -> Option<Vec<Uid>> {
    let changes = [RowKind::GROUP_CREATED, RowKind::MEMBERS_ADDED, RowKind::MEMBERS_REMOVED];
    changes.contains(&kind).then(|| take_uids(body)).flatten()
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
    }

    #[test]
    fn a_new_group_is_named_by_its_maker_and_the_id() {
        let id = ClientMsgId::new(1, 2);
        let made = GroupChange::Create(vec![]).group(Uid(7), id);
        assert_eq!(made, ConversationId::made_by(Uid(7), id));
    }
}
