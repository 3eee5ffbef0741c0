//! Who is in a group, with which role: after each entry, and who gets a row of it. It knows no log and no inbox.

use super::change::Change;
use super::member::{Member, Settings};
use super::rights::Act;
use crate::limits::{FORMER_MEMBERS_MAX, GROUP_MEMBERS_MAX};
use std::sync::Arc;
use wire::{RefusalCode, Role, RowKind, Seq, Uid};

/// The members of a group after one of its entries. Copies share what they have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// By uid: those who are, and of those who were the last [`FORMER_MEMBERS_MAX`].
    known: Arc<[Member]>,
    /// By uid: those who are.
    present: Arc<[Uid]>,
    settings: Settings,
    /// The last entry that changed any of it.
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
        Self::new(Vec::new())
    }
}

impl Members {
    /// Of a list by uid.
    #[must_use]
    pub fn new(known: Vec<Member>) -> Self {
        let present = known.iter().filter(|member| member.is_present()).map(|member| member.uid);
        let changed = known.iter().map(|member| member.since.max(member.until)).max();
        let (present, changed) = (present.collect(), changed.unwrap_or(Seq(0)));
        Self { known: known.into(), present, settings: Settings::default(), changed }
    }

    /// The same, in a group that is set to this.
    #[must_use]
    pub fn set(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// What the group is set to.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Until when a member may not write, Unix ms; 0: it may.
    #[must_use]
    pub fn muted_until_ms(&self, uid: Uid) -> u64 {
        let Some(member) = self.get(uid) else { return 0 };
        match member.role() {
            Role::Owner => 0,
            Role::Admin => member.muted_until_ms,
            Role::Member => member.muted_until_ms.max(self.settings.muted_until_ms),
        }
    }

    /// The same members, all plain but the owner, in a group that is set to nothing: what a store must not make of them.
    pub(crate) fn without_settings(&self) -> Self {
        let plain = |member: &Member| Member { is_admin: false, muted_until_ms: 0, ..*member };
        let (known, settings) = (self.known.iter().map(plain).collect(), Settings::default());
        Self { known, settings, ..self.clone() }
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

    /// The role of a member.
    #[must_use]
    pub fn role(&self, uid: Uid) -> Option<Role> {
        self.get(uid).filter(|member| member.is_present()).map(Member::role)
    }

    /// Whether an entry by this user that does this may come next, at this time, in Unix ms.
    ///
    /// # Errors
    /// Why not.
    pub fn may(&self, uid: Uid, change: &Change, now_ms: u64) -> Result<(), RefusalCode> {
        if let Change::Create(uids) = change {
            let is_free = !self.are_of_a_group();
            return if is_free { has_room(uids.len() + 1) } else { Err(RefusalCode::IdConflict) };
        }
        let by = self.role(uid).ok_or(RefusalCode::NotMember)?;
        match change {
            Change::Create(_) | Change::Say => {
                may(by, Act::Say)?;
                let is_muted = self.muted_until_ms(uid) > now_ms;
                if is_muted { Err(RefusalCode::Muted) } else { Ok(()) }
            }
            Change::Leave => may(by, Act::Leave),
            Change::Add(uids) => {
                may(by, Act::Add)?;
                if uids.iter().any(|uid| self.has(*uid)) {
                    return Err(RefusalCode::AlreadyMember);
                }
                has_room(self.present.len() + uids.len())
            }
            Change::Remove(uids) => self.may_to(by, Act::Remove, uids),
            Change::SetRole(Role::Owner, uids) => self.may_to(by, Act::HandOver, uids),
            Change::SetRole(Role::Member | Role::Admin, uids) => {
                self.may_to(by, Act::ChangeRole, uids)
            }
            Change::Mute(_, uids) if uids.is_empty() => may(by, Act::MuteAll),
            Change::Mute(_, uids) => self.may_to(by, Act::Mute, uids),
            Change::Rename => may(by, Act::Rename),
            Change::Announce => may(by, Act::Announce),
            Change::Dissolve => may(by, Act::Dissolve),
        }
    }

    /// Whether who has this role may do this to each of these, who must be members.
    fn may_to(&self, by: Role, act: fn(Role) -> Act, uids: &[Uid]) -> Result<(), RefusalCode> {
        may(by, act(Role::Member))?;
        uids.iter().try_for_each(|uid| {
            let whom = self.role(*uid).ok_or(RefusalCode::NotMember)?;
            may(by, act(whom))
        })
    }

    /// An entry is next in the log.
    #[must_use]
    pub fn after(&self, entry: Entry<'_>) -> Applied {
        let Entry { seq, sender, kind, body } = entry;
        let members = match Change::of(kind, body) {
            Some(Change::Create(uids)) => {
                let own = Member::new(sender, seq).with_role(Role::Owner);
                let others = uids.into_iter().filter(|uid| *uid != sender);
                let others = others.map(|uid| Member::new(uid, seq));
                let mut known: Vec<_> = others.chain([own]).collect();
                known.sort_unstable_by_key(|member| member.uid);
                Self { changed: seq, ..Self::new(known) }
            }
            Some(Change::Add(uids)) => {
                let joined = |uid, before: Option<&Member>| {
                    let muted_until_ms = before.map_or(0, |before| before.muted_until_ms);
                    Member { muted_until_ms, ..Member::new(uid, seq) }
                };
                self.with(&uids, joined, seq)
            }
            Some(Change::Remove(uids)) => self.without(&uids, seq),
            Some(Change::Leave) => self.without(&[sender], seq),
            Some(Change::SetRole(role, uids)) => self.with_role(role, &uids, (sender, seq)),
            Some(Change::Mute(until_ms, uids)) => self.with_mute(until_ms, &uids, seq),
            Some(Change::Rename) => {
                self.with_settings(Settings { title: seq, ..self.settings }, seq)
            }
            Some(Change::Announce) => {
                self.with_settings(Settings { notice: seq, ..self.settings }, seq)
            }
            Some(Change::Dissolve) => self.without(&self.present.clone(), seq),
            // Of a kind of a later release, too.
            Some(Change::Say) | None => {
                let is_nothing = kind == RowKind::NOTHING;
                let audience = if is_nothing { Arc::default() } else { self.present.clone() };
                return Applied { members: self.clone(), audience };
            }
        };
        let audience = union(&self.present, &members.present);
        Applied { members, audience }
    }

    /// The list with these in a role. Whoever hands the group over is an admin.
    fn with_role(&self, role: Role, uids: &[Uid], (by, seq): (Uid, Seq)) -> Self {
        let is_named = |member: &Member| member.is_present() && uids.contains(&member.uid);
        let roles = |member: &Member| match member {
            member if is_named(member) => member.with_role(role),
            member if role == Role::Owner && member.uid == by => member.with_role(Role::Admin),
            member => *member,
        };
        Self { known: self.known.iter().map(roles).collect(), changed: seq, ..self.clone() }
    }

    /// The list with these muted until a time; or all plain members.
    fn with_mute(&self, muted_until_ms: u64, uids: &[Uid], seq: Seq) -> Self {
        if uids.is_empty() {
            return self.with_settings(Settings { muted_until_ms, ..self.settings }, seq);
        }
        let mute = |member: &Member| match member {
            member if uids.contains(&member.uid) => Member { muted_until_ms, ..*member },
            member => *member,
        };
        Self { known: self.known.iter().map(mute).collect(), changed: seq, ..self.clone() }
    }

    fn with_settings(&self, settings: Settings, seq: Seq) -> Self {
        Self { settings, changed: seq, ..self.clone() }
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
        Self { changed: seq, settings: self.settings, ..Self::new(known) }
    }

    /// The list after these users went. Where no owner is left, whoever has been a member for longest is one.
    fn without(&self, uids: &[Uid], seq: Seq) -> Self {
        let gone = |uid, member: Option<&Member>| {
            let since = member.map_or(seq, |member| member.since);
            let muted_until_ms = member.map_or(0, |member| member.muted_until_ms);
            Member { until: seq, muted_until_ms, ..Member::new(uid, since) }
        };
        let mut left = self.with(uids, gone, seq);
        let present = || left.known.iter().filter(|member| member.is_present());
        if !present().any(|member| member.is_owner)
            && let Some(heir) = present().min_by_key(|member| (member.since, member.uid))
        {
            let uid = heir.uid;
            let heir = |member: &Member| match member {
                member if member.uid == uid => member.with_role(Role::Owner),
                member => *member,
            };
            left.known = left.known.iter().map(heir).collect();
        }
        left
    }
}

fn may(by: Role, act: Act) -> Result<(), RefusalCode> {
    if act.is_for(by) { Ok(()) } else { Err(RefusalCode::NotAllowed) }
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

/// Whether an entry makes a user a member: then it is read up to here.
#[must_use]
pub fn joins(entry: Entry<'_>, uid: Uid) -> bool {
    let is_joining = matches!(entry.kind, RowKind::GROUP_CREATED | RowKind::MEMBERS_ADDED);
    let mut words = entry.body.as_chunks::<8>().0.iter();
    is_joining && words.any(|word| u64::from_le_bytes(*word) == uid.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{put_set, put_uids};

    const A: Uid = Uid(1);
    const B: Uid = Uid(2);
    const C: Uid = Uid(3);
    const D: Uid = Uid(4);

    /// The members after an entry, and who gets a row of it.
    fn after(members: &Members, seq: u64, sender: Uid, change: (RowKind, &[Uid])) -> Applied {
        let (kind, body) = (change.0, put_uids(change.1.to_vec()));
        members.after(Entry { seq: Seq(seq), sender, kind, body: &body })
    }

    /// Whether a user may do this to these.
    fn of(members: &Members, by: Uid, kind: RowKind, uids: &[Uid]) -> Result<(), RefusalCode> {
        members.may(by, &Change::of(kind, &put_uids(uids.to_vec())).unwrap(), 0)
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
        let may = |by, kind, uids: &[Uid]| of(&members, by, kind, uids);
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
        assert_eq!(of(&none, A, RowKind::GROUP_CREATED, &many), Ok(()));
        assert_eq!(of(&none, A, RowKind::MESSAGE, &[]), Err(RefusalCode::NotMember));
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

    fn set(members: &Members, by: Uid, role: Role, uids: &[Uid]) -> Result<Members, RefusalCode> {
        let body = put_set(role.number(), uids.to_vec());
        let change = Change::of(RowKind::ROLE_SET, &body).unwrap();
        members.may(by, &change, 0)?;
        let entry = Entry { seq: Seq(9), sender: by, kind: RowKind::ROLE_SET, body: &body };
        Ok(members.after(entry).members)
    }

    #[test]
    fn the_owner_gives_roles_and_hands_over_and_admins_look_after_members() {
        let members = after(&made(), 2, A, (RowKind::MEMBERS_ADDED, &[C, D])).members;
        assert_eq!(set(&members, B, Role::Admin, &[C]), Err(RefusalCode::NotAllowed));
        assert_eq!(set(&members, A, Role::Admin, &[Uid(9)]), Err(RefusalCode::NotMember));
        assert_eq!(set(&members, A, Role::Member, &[A]), Err(RefusalCode::NotAllowed));
        let members = set(&members, A, Role::Admin, &[B, C]).unwrap();
        let roles = |members: &Members| [A, B, C, D].map(|uid| members.role(uid));
        let [own, admin, plain] = [Role::Owner, Role::Admin, Role::Member].map(Some);
        assert_eq!(roles(&members), [own, admin, admin, plain]);
        assert_eq!(members.changed(), Seq(9));
        let removes = |by, uid| of(&members, by, RowKind::MEMBERS_REMOVED, &[uid]);
        assert_eq!(removes(B, D), Ok(()));
        assert_eq!(removes(B, C), Err(RefusalCode::NotAllowed));
        assert_eq!(removes(A, C), Ok(()));
        let members = set(&members, A, Role::Owner, &[C]).unwrap();
        assert_eq!(roles(&members), [admin, admin, own, plain]);
        let members = set(&members, C, Role::Owner, &[C]).unwrap();
        assert_eq!(roles(&members), [admin, admin, own, plain], "to itself changes nothing");
        // The longest member is the heir, and a role ends with a membership.
        let members = after(&members, 10, C, (RowKind::MEMBER_LEFT, &[])).members;
        assert_eq!(roles(&members), [own, admin, None, plain]);
        let members = after(&members, 11, A, (RowKind::MEMBERS_REMOVED, &[B])).members;
        let members = after(&members, 12, A, (RowKind::MEMBERS_ADDED, &[B])).members;
        assert_eq!(members.role(B), plain);
    }

    #[test]
    fn a_mute_holds_until_its_time_also_over_a_leaving_and_not_the_owner() {
        let mute = |members: &Members, by, until, uids: &[Uid]| {
            let body = put_set(until, uids.to_vec());
            members.may(by, &Change::of(RowKind::MUTED, &body).unwrap(), 0)?;
            let entry = Entry { seq: Seq(9), sender: by, kind: RowKind::MUTED, body: &body };
            Ok(members.after(entry).members)
        };
        let says = |members: &Members, uid, now| members.may(uid, &Change::Say, now);
        let muted = Err(RefusalCode::Muted);
        let members = after(&made(), 2, A, (RowKind::MEMBERS_ADDED, &[C])).members;
        assert_eq!(mute(&members, B, 50, &[C]), Err(RefusalCode::NotAllowed));
        assert_eq!(mute(&members, A, 50, &[A]), Err(RefusalCode::NotAllowed));
        let one = mute(&members, A, 50, &[C]).unwrap();
        assert_eq!(
            (says(&one, C, 49), says(&one, C, 50), says(&one, B, 1)),
            (muted, Ok(()), Ok(()))
        );
        let left = after(&one, 10, C, (RowKind::MEMBER_LEFT, &[])).members;
        let back = after(&left, 11, A, (RowKind::MEMBERS_ADDED, &[C])).members;
        assert_eq!(says(&back, C, 49), muted);
        assert_eq!(says(&mute(&back, A, 0, &[C]).unwrap(), C, 1), Ok(()));
        let all = mute(&set(&members, A, Role::Admin, &[B]).unwrap(), B, 50, &[]).unwrap();
        assert_eq!([A, B, C].map(|uid| says(&all, uid, 49)), [Ok(()), Ok(()), muted]);
        assert_eq!((all.muted_until_ms(C), says(&all, C, 50)), (50, Ok(())));
        assert_eq!(says(&mute(&all, A, 0, &[]).unwrap(), C, 49), Ok(()));
    }

    #[test]
    fn a_group_that_is_dissolved_has_no_member_and_its_last_know_where_it_ended() {
        let members = set(&made(), A, Role::Admin, &[B]).unwrap();
        let named = after(&members, 10, B, (RowKind::RENAMED, &[])).members;
        let named = after(&named, 11, B, (RowKind::ANNOUNCED, &[])).members;
        assert_eq!((named.settings().title, named.settings().notice), (Seq(10), Seq(11)));
        assert_eq!(members.may(B, &Change::Dissolve, 0), Err(RefusalCode::NotAllowed));
        assert_eq!(members.may(A, &Change::Dissolve, 0), Ok(()));
        let ended = after(&named, 12, A, (RowKind::DISSOLVED, &[]));
        assert_eq!((&*ended.audience, &**ended.members.present()), (&[A, B][..], &[][..]));
        assert_eq!(ended.members.get(B).unwrap().until, Seq(12));
        let may = |change| ended.members.may(A, &change, 0);
        for change in [Change::Say, Change::Add(vec![C]), Change::Rename, Change::Dissolve] {
            assert_eq!(may(change), Err(RefusalCode::NotMember));
        }
        assert_eq!(may(Change::Create(vec![])), Err(RefusalCode::IdConflict));
    }
}
