//! What an entry of a group's log does to the group, as its kind and body say it. It knows no member.

use crate::limits::GROUP_MEMBERS_MAX;
use wire::{GROUP_NOTICE_BYTES_MAX, GROUP_TITLE_BYTES_MAX, NUMBER_MAX};
use wire::{Role, RowKind, Uid, take_set, take_uids};

/// What an entry does. Users are ascending, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing: it is a message.
    Say,
    /// The group begins, with these and its sender.
    Create(Vec<Uid>),
    /// These become members.
    Add(Vec<Uid>),
    /// These are none any more.
    Remove(Vec<Uid>),
    /// Its sender is none any more.
    Leave,
    /// These have that role from now on. One alone becomes the owner, and its sender, who was it, an admin.
    SetRole(Role, Vec<Uid>),
    /// These may not write before this, Unix ms. None: no plain member may.
    Mute(u64, Vec<Uid>),
    /// The group has this title, which is in its body.
    Rename,
    /// The group announces what is in its body.
    Announce,
    /// Nobody is a member any more.
    Dissolve,
}

impl Change {
    /// What an entry of this kind with this body does; `None`: nobody may say that.
    #[must_use]
    pub fn of(kind: RowKind, body: &[u8]) -> Option<Self> {
        let some = |uids: &Vec<Uid>| !uids.is_empty();
        match kind {
            RowKind::MESSAGE => Some(Self::Say),
            RowKind::GROUP_CREATED => uids(body).map(Self::Create),
            RowKind::MEMBERS_ADDED => uids(body).filter(some).map(Self::Add),
            RowKind::MEMBERS_REMOVED => uids(body).filter(some).map(Self::Remove),
            RowKind::MEMBER_LEFT => body.is_empty().then_some(Self::Leave),
            RowKind::ROLE_SET => {
                let (role, uids) = take_set(body)?;
                let role = Role::from_number(role)?;
                let uids = listed(uids).filter(some)?;
                (role != Role::Owner || uids.len() == 1).then_some(Self::SetRole(role, uids))
            }
            RowKind::MUTED => {
                let (until_ms, uids) = take_set(body)?;
                let uids = listed(uids).filter(|_| until_ms < NUMBER_MAX)?;
                Some(Self::Mute(until_ms, uids))
            }
            RowKind::RENAMED => is_text(body, GROUP_TITLE_BYTES_MAX).then_some(Self::Rename),
            RowKind::ANNOUNCED => is_text(body, GROUP_NOTICE_BYTES_MAX).then_some(Self::Announce),
            RowKind::DISSOLVED => body.is_empty().then_some(Self::Dissolve),
            _ => None,
        }
    }

    /// Whom it names.
    #[must_use]
    pub fn uids(&self) -> &[Uid] {
        match self {
            Self::Say | Self::Leave | Self::Rename | Self::Announce | Self::Dissolve => &[],
            Self::Create(uids) | Self::Add(uids) | Self::Remove(uids) => uids,
            Self::SetRole(_, uids) | Self::Mute(_, uids) => uids,
        }
    }
}

/// The users of a body that has nothing else.
fn uids(body: &[u8]) -> Option<Vec<Uid>> {
    take_uids(body).and_then(listed)
}

/// They are ascending and each once, as many as a group may have.
fn listed(uids: Vec<Uid>) -> Option<Vec<Uid>> {
    let is_list = uids.is_sorted_by(|one, other| one < other) && uids.first() != Some(&Uid(0));
    (is_list && uids.len() <= GROUP_MEMBERS_MAX).then_some(uids)
}

fn is_text(body: &[u8], bytes_max: usize) -> bool {
    body.len() <= bytes_max && std::str::from_utf8(body).is_ok()
}

/// Whether it changes a group.
#[must_use]
pub fn is_change(kind: RowKind) -> bool {
    let members = RowKind::GROUP_CREATED..=RowKind::MEMBER_LEFT;
    let others = RowKind::ROLE_SET..=RowKind::DISSOLVED;
    members.contains(&kind) || others.contains(&kind)
}

/// Whether what a user sends to a group can be meant: a message, or a change of the group.
#[must_use]
pub fn is_possible(kind: RowKind, body: &[u8]) -> bool {
    Change::of(kind, body).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{put_set, put_uids};

    const A: Uid = Uid(1);
    const C: Uid = Uid(3);

    #[test]
    fn a_body_of_a_change_is_a_list_of_users() {
        let add = |body: &[u8]| Change::of(RowKind::MEMBERS_ADDED, body);
        assert_eq!(add(&put_uids(vec![C, A, C])), Some(Change::Add(vec![A, C])));
        for bad in [&[0; 8][..], &[1; 7], &[[2; 8], [2; 8]].concat(), &[[2; 8], [1; 8]].concat()] {
            assert_eq!(add(bad), None, "{bad:?}");
        }
        assert_eq!(add(&[]), None, "it would change nothing");
        assert_eq!(Change::of(RowKind::GROUP_CREATED, &[]), Some(Change::Create(vec![])));
        assert_eq!(Change::of(RowKind::NOTHING, &[]), None, "only a server says so");
    }

    #[test]
    fn a_body_of_a_change_of_roles_is_a_role_and_users() {
        let set = |role, uids: &[Uid]| Change::of(RowKind::ROLE_SET, &put_set(role, uids.to_vec()));
        assert_eq!(set(1, &[C, A]), Some(Change::SetRole(Role::Admin, vec![A, C])));
        assert_eq!(set(2, &[C]), Some(Change::SetRole(Role::Owner, vec![C])));
        for (role, uids) in [(2, &[A, C][..]), (3, &[A]), (1, &[]), (1, &[Uid(0)])] {
            assert_eq!(set(role, uids), None, "{role} {uids:?}");
        }
        assert_eq!(Change::of(RowKind::ROLE_SET, &[]), None);
    }

    #[test]
    fn a_mute_has_a_time_and_may_name_nobody() {
        let mute = |until, uids: &[Uid]| Change::of(RowKind::MUTED, &put_set(until, uids.to_vec()));
        assert_eq!(mute(5, &[C, A]), Some(Change::Mute(5, vec![A, C])));
        assert_eq!(mute(NUMBER_MAX - 1, &[]), Some(Change::Mute(NUMBER_MAX - 1, vec![])));
        assert_eq!(mute(NUMBER_MAX, &[]), None, "JSON could not say it");
        assert_eq!(Change::of(RowKind::MUTED, &[1; 7]), None);
    }

    #[test]
    fn a_text_is_bounded_and_utf_8() {
        for (kind, max) in [
            (RowKind::RENAMED, GROUP_TITLE_BYTES_MAX),
            (RowKind::ANNOUNCED, GROUP_NOTICE_BYTES_MAX),
        ] {
            let is_one = |body: &[u8]| Change::of(kind, body).is_some();
            assert!(is_one(&[]) && is_one("ü".as_bytes()) && is_one(&vec![b'x'; max]));
            assert!(!is_one(&vec![b'x'; max + 1]) && !is_one(&[0xff]));
        }
        assert_eq!(Change::of(RowKind::DISSOLVED, &[]), Some(Change::Dissolve));
        assert_eq!(Change::of(RowKind::DISSOLVED, &[0]), None);
    }
}
