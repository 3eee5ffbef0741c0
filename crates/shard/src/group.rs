//! Groups as values: who its members are, what a change of them says, who is owed an entry, what is stored. It knows no log
//! and no inbox.
//!
//! A change of members is an entry of the group's own log, so its seq says which entries a user was a member for. Members are
//! a value: an entry gives the next one, and the one before stays as it was.

use crate::limits::{FORMER_MEMBERS_MAX, GROUP_MEMBERS_MAX};
use std::sync::Arc;
use wire::{ConversationId, RefusalCode, RowKind, Seq, Uid, take_uids};

/// Bytes of a member as it is stored, without the length before them.
pub(crate) const MEMBER_BYTES: usize = 25;
/// The bit of a member that owns its group.
const OWNER: u8 = 1;

/// Somebody who is, or was, a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub uid: Uid,
    /// The entry that made it a member: what lies before is not its own.
    pub since: Seq,
    /// The entry that ended it, the last one that is its own; 0: it is a member.
    pub until: Seq,
    /// It may remove others.
    pub is_owner: bool,
}

impl Member {
    /// Whether it is one now.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.until == Seq(0)
    }
}

/// The members of a group after one of its entries. Copies share what they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// By uid: those who are, and of those who were the last [`FORMER_MEMBERS_MAX`].
    known: Arc<[Member]>,
    /// By uid: those who are.
    present: Arc<[Uid]>,
    /// The last entry that changed them.
    changed: Seq,
}

/// What an entry does to a group.
#[derive(Debug)]
pub struct Applied {
    /// Who are members after it.
    pub members: Members,
    /// Who gets a row of it: whoever is a member before it or after it.
    pub audience: Arc<[Uid]>,
}

/// An entry of a group's log, as far as it says who is a member.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its place.
    pub seq: Seq,
    /// Who sent it.
    pub sender: Uid,
    /// What it is.
    pub kind: RowKind,
    /// Of a change, whom it names.
    pub body: &'a [u8],
}

impl Default for Members {
    fn default() -> Self {
        Self { known: Arc::new([]), present: Arc::new([]), changed: Seq(0) }
    }
}

impl Members {
    /// Of a list by uid.
    #[must_use]
    pub fn new(known: Vec<Member>) -> Self {
        let present = known.iter().filter(|member| member.is_present()).map(|member| member.uid);
        let changed = known.iter().map(|member| member.since.max(member.until)).max();
        Self { present: present.collect(), changed: changed.unwrap_or(Seq(0)), known: known.into() }
    }

    /// Those who are members, and those who were as far as they are known, by uid.
    #[must_use]
    pub fn known(&self) -> &[Member] {
        &self.known
    }

    /// Those who are members, by uid.
    #[must_use]
    pub fn present(&self) -> &Arc<[Uid]> {
        &self.present
    }

    /// The last entry that changed them.
    #[must_use]
    pub fn changed(&self) -> Seq {
        self.changed
    }

    /// Somebody who is or was a member.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<&Member> {
        let at = self.known.binary_search_by_key(&uid, |member| member.uid).ok()?;
        self.known.get(at)
    }

    /// Whether it is a member.
    #[must_use]
    pub fn has(&self, uid: Uid) -> bool {
        self.present.binary_search(&uid).is_ok()
    }

    /// Whether the group was made.
    #[must_use]
    pub fn are_of_a_group(&self) -> bool {
        !self.known.is_empty()
    }

    /// Whether an entry of this kind by this user may come next.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, by: Uid, kind: RowKind, uids: &[Uid]) -> Result<(), RefusalCode> {
        if kind == RowKind::GROUP_CREATED {
            let is_free = !self.are_of_a_group();
            return if is_free { has_room(uids.len() + 1) } else { Err(RefusalCode::IdConflict) };
        }
        if !self.has(by) {
            return Err(RefusalCode::NotMember);
        }
        match kind {
            RowKind::MEMBERS_ADDED if uids.iter().any(|uid| self.has(*uid)) => {
                Err(RefusalCode::AlreadyMember)
            }
            RowKind::MEMBERS_ADDED => has_room(self.present.len() + uids.len()),
            RowKind::MEMBERS_REMOVED if !self.get(by).is_some_and(|member| member.is_owner) => {
                Err(RefusalCode::NotAllowed)
            }
            RowKind::MEMBERS_REMOVED if !uids.iter().all(|uid| self.has(*uid)) => {
                Err(RefusalCode::NotMember)
            }
            _ => Ok(()),
        }
    }

    /// An entry is next in the log.
    #[must_use]
    pub fn after(&self, entry: Entry<'_>) -> Applied {
        let Entry { seq, sender, kind, body } = entry;
        let uids = uids(body).unwrap_or_default();
        let members = match kind {
            RowKind::GROUP_CREATED => {
                let first = |uid| Member { is_owner: uid == sender, ..joined(uid, seq) };
                let mut known: Vec<_> = uids.into_iter().chain([sender]).map(first).collect();
                known.sort_unstable_by_key(|member| member.uid);
                known.dedup_by_key(|member| member.uid);
                Self { changed: seq, ..Self::new(known) }
            }
            RowKind::MEMBERS_ADDED => self.with(&uids, |uid, _| joined(uid, seq), seq),
            RowKind::MEMBERS_REMOVED => self.without(&uids, seq),
            RowKind::MEMBER_LEFT => self.without(&[sender], seq),
            RowKind::NOTHING => {
                return Applied { members: self.clone(), audience: Arc::new([]) };
            }
            _ => return Applied { members: self.clone(), audience: self.present.clone() },
        };
        let audience = union(&self.present, &members.present);
        Applied { members, audience }
    }

    /// The list with these users as `change` has them.
    fn with(
        &self,
        uids: &[Uid],
        change: impl Fn(Uid, Option<&Member>) -> Member,
        seq: Seq,
    ) -> Self {
        let is_other = |member: &&Member| uids.binary_search(&member.uid).is_err();
        let mut known: Vec<_> = self.known.iter().filter(is_other).copied().collect();
        known.extend(uids.iter().map(|uid| change(*uid, self.get(*uid))));
        forget(&mut known);
        known.sort_unstable_by_key(|member| member.uid);
        Self { changed: seq, ..Self::new(known) }
    }

    /// The list after these users went. Where no owner is left, whoever has been a member for longest is one.
    fn without(&self, uids: &[Uid], seq: Seq) -> Self {
        let gone = |uid, member: Option<&Member>| {
            let since = member.map_or(seq, |member| member.since);
            Member { uid, since, until: seq, is_owner: false }
        };
        let mut left = self.with(uids, gone, seq);
        let present = || left.known.iter().filter(|member| member.is_present());
        if !present().any(|member| member.is_owner)
            && let Some(heir) = present().min_by_key(|member| (member.since, member.uid))
        {
            let uid = heir.uid;
            let owner = |member: &Member| Member { is_owner: member.uid == uid, ..*member };
            left.known = left.known.iter().map(owner).collect();
        }
        left
    }
}

fn joined(uid: Uid, since: Seq) -> Member {
    Member { uid, since, until: Seq(0), is_owner: false }
}

fn has_room(members: usize) -> Result<(), RefusalCode> {
    if members <= GROUP_MEMBERS_MAX { Ok(()) } else { Err(RefusalCode::GroupFull) }
}

/// Of those who were members only the last are known.
fn forget(known: &mut Vec<Member>) {
    let mut ends: Vec<_> =
        known.iter().map(|member| member.until).filter(|it| *it > Seq(0)).collect();
    if ends.len() > FORMER_MEMBERS_MAX {
        ends.sort_unstable();
        let first = ends[ends.len() - FORMER_MEMBERS_MAX];
        known.retain(|member| member.is_present() || member.until >= first);
    }
}

fn union(one: &Arc<[Uid]>, other: &Arc<[Uid]>) -> Arc<[Uid]> {
    let mut all: Vec<Uid> = one.iter().chain(other.iter()).copied().collect();
    all.sort_unstable();
    all.dedup();
    all.into()
}

/// The users whom a change names, ascending and each once. `None`: no body of a change.
#[must_use]
pub fn uids(body: &[u8]) -> Option<Vec<Uid>> {
    take_uids(body).filter(|uids| {
        let is_list = uids.is_sorted_by(|one, other| one < other) && uids.first() != Some(&Uid(0));
        is_list && uids.len() <= GROUP_MEMBERS_MAX
    })
}

/// Whether an entry makes a user a member: then it is read up to here.
#[must_use]
pub fn joins(entry: Entry<'_>, uid: Uid) -> bool {
    let is_joining = matches!(entry.kind, RowKind::GROUP_CREATED | RowKind::MEMBERS_ADDED);
    let mut words = entry.body.as_chunks::<8>().0.iter();
    is_joining && words.any(|word| u64::from_le_bytes(*word) == uid.0)
}

/// Whether it changes who is in a group.
#[must_use]
pub fn is_change(kind: RowKind) -> bool {
    let changes = RowKind::GROUP_CREATED..=RowKind::MEMBER_LEFT;
    changes.contains(&kind)
}

/// Whether what a user sends to a group can be meant: a message, or a change of members.
#[must_use]
pub fn is_possible(kind: RowKind, body: &[u8]) -> bool {
    match kind {
        RowKind::MESSAGE => true,
        RowKind::GROUP_CREATED => uids(body).is_some(),
        RowKind::MEMBERS_ADDED | RowKind::MEMBERS_REMOVED => {
            uids(body).is_some_and(|uids| !uids.is_empty())
        }
        RowKind::MEMBER_LEFT => body.is_empty(),
        _ => false,
    }
}

/// What is stored of a group beside its log: who its members were at a place up to which everybody who is owed a row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Which.
    pub group: ConversationId,
    /// The place.
    pub position: Seq,
    /// The members after the entry there.
    pub members: Members,
}

/// A group that is to be loaded by whoever owns it, though nobody asks for it: rows of its entries may be owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkRow {
    /// Which.
    pub group: ConversationId,
    /// Whether it is.
    pub is_open: bool,
}

impl GroupRow {
    /// The members as they are stored: a length in a byte, then so many bytes, each. A later release adds bytes at the end.
    #[must_use]
    pub fn member_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.members.known.len() * (MEMBER_BYTES + 1));
        for member in &*self.members.known {
            bytes.push(u8::try_from(MEMBER_BYTES).expect("small"));
            bytes.extend_from_slice(&member.uid.0.to_le_bytes());
            bytes.extend_from_slice(&member.since.0.to_le_bytes());
            bytes.extend_from_slice(&member.until.0.to_le_bytes());
            bytes.push(if member.is_owner { OWNER } else { 0 });
        }
        bytes
    }

    /// The row of these parts; `None`: the bytes are none of it.
    #[must_use]
    pub fn from_parts(group: ConversationId, position: Seq, mut bytes: &[u8]) -> Option<Self> {
        let mut known = Vec::with_capacity(bytes.len() / (MEMBER_BYTES + 1));
        while let Some((len, rest)) = bytes.split_first() {
            let (member, rest) = rest.split_at_checked(usize::from(*len))?;
            let &[uid, since, until, ..] = member.as_chunks::<8>().0 else { return None };
            let [uid, since, until] = [uid, since, until].map(u64::from_le_bytes);
            let (uid, since, until) = (Uid(uid), Seq(since), Seq(until));
            let is_owner = member.get(MEMBER_BYTES - 1)? & OWNER != 0;
            known.push(Member { uid, since, until, is_owner });
            bytes = rest;
        }
        let is_list = known.is_sorted_by(|one, other| one.uid < other.uid);
        (group.is_group() && is_list).then(|| Self {
            group,
            position,
            members: Members::new(known),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::put_uids;

    const A: Uid = Uid(1);
    const B: Uid = Uid(2);
    const C: Uid = Uid(3);

    /// The members after an entry, and who gets a row of it.
    fn after(members: &Members, seq: u64, sender: Uid, change: (RowKind, &[Uid])) -> Applied {
        let (kind, body) = (change.0, put_uids(change.1.to_vec()));
        members.after(Entry { seq: Seq(seq), sender, kind, body: &body })
    }

    /// A made it with B.
    fn made() -> Members {
        after(&Members::default(), 1, A, (RowKind::GROUP_CREATED, &[B])).members
    }

    #[test]
    fn whoever_is_a_member_before_or_after_an_entry_is_owed_it() {
        let members = made();
        let added = after(&members, 2, A, (RowKind::MEMBERS_ADDED, &[C]));
        assert_eq!(*added.audience, [A, B, C]);
        let removed = after(&added.members, 3, A, (RowKind::MEMBERS_REMOVED, &[B]));
        assert_eq!(
            (&*removed.audience, &**removed.members.present()),
            (&[A, B, C][..], &[A, C][..])
        );
        let said = after(&removed.members, 4, C, (RowKind::MESSAGE, &[]));
        assert_eq!(*said.audience, [A, C]);
        assert_eq!(*after(&removed.members, 4, A, (RowKind::NOTHING, &[])).audience, []);
        let known = removed.members.get(B).unwrap();
        assert_eq!((known.since, known.until, known.is_present()), (Seq(1), Seq(3), false));
    }

    #[test]
    fn only_members_speak_only_the_owner_removes_and_a_full_group_takes_nobody() {
        let members = made();
        let may = |by, kind, uids: &[Uid]| members.may(by, kind, uids);
        assert_eq!(may(B, RowKind::MESSAGE, &[]), Ok(()));
        assert_eq!(may(C, RowKind::MESSAGE, &[]), Err(RefusalCode::NotMember));
        assert_eq!(may(B, RowKind::MEMBERS_ADDED, &[C]), Ok(()));
        assert_eq!(may(A, RowKind::MEMBERS_ADDED, &[B, C]), Err(RefusalCode::AlreadyMember));
        assert_eq!(may(B, RowKind::MEMBERS_REMOVED, &[A]), Err(RefusalCode::NotAllowed));
        assert_eq!(may(A, RowKind::MEMBERS_REMOVED, &[C]), Err(RefusalCode::NotMember));
        assert_eq!(may(A, RowKind::GROUP_CREATED, &[]), Err(RefusalCode::IdConflict));
        let many: Vec<_> = (10..10 + GROUP_MEMBERS_MAX as u64 - 2).map(Uid).collect();
        assert_eq!(may(A, RowKind::MEMBERS_ADDED, &many), Ok(()));
        let more = [&[Uid(9)], &many[..]].concat();
        assert_eq!(may(A, RowKind::MEMBERS_ADDED, &more), Err(RefusalCode::GroupFull));
        let none = Members::default();
        assert_eq!(none.may(A, RowKind::GROUP_CREATED, &many), Ok(()));
        assert_eq!(none.may(A, RowKind::MESSAGE, &[]), Err(RefusalCode::NotMember));
    }

    #[test]
    fn the_oldest_member_inherits_a_group_and_the_last_of_those_who_went_are_known() {
        let mut members = after(&made(), 2, A, (RowKind::MEMBER_LEFT, &[])).members;
        assert!(members.get(B).unwrap().is_owner && !members.get(A).unwrap().is_owner);
        for round in 0..FORMER_MEMBERS_MAX as u64 + 5 {
            let (uid, seq) = (Uid(10 + round), 3 + 2 * round);
            members = after(&members, seq, B, (RowKind::MEMBERS_ADDED, &[uid])).members;
            members = after(&members, seq + 1, uid, (RowKind::MEMBER_LEFT, &[])).members;
        }
        assert_eq!(members.known().len(), FORMER_MEMBERS_MAX + 1);
        assert!(members.get(A).is_none() && members.has(B));
    }

    #[test]
    fn a_group_is_stored_as_it_is_and_later_fields_are_passed_over() {
        let members = after(&made(), 2, B, (RowKind::MEMBER_LEFT, &[])).members;
        let group = ConversationId::group(7).unwrap();
        let row = GroupRow { group, position: Seq(2), members };
        let bytes = row.member_bytes();
        assert_eq!(GroupRow::from_parts(group, Seq(2), &bytes), Some(row.clone()));
        let later = [&[28], &bytes[1..=MEMBER_BYTES], &[9; 3], &bytes[MEMBER_BYTES + 1..]].concat();
        assert_eq!(GroupRow::from_parts(group, Seq(2), &later), Some(row));
        for len in 1..bytes.len() {
            let whole = len.is_multiple_of(MEMBER_BYTES + 1);
            assert_eq!(GroupRow::from_parts(group, Seq(2), &bytes[..len]).is_some(), whole);
        }
    }

    #[test]
    fn a_body_of_a_change_is_a_list_of_users() {
        assert_eq!(uids(&put_uids(vec![C, A, C])), Some(vec![A, C]));
        for bad in [&[0; 8][..], &[1; 7], &[[2; 8], [2; 8]].concat(), &[[2; 8], [1; 8]].concat()] {
            assert_eq!(uids(bad), None, "{bad:?}");
        }
    }
}
