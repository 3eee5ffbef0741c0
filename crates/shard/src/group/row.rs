//! What is stored of a group beside its log. It knows no store.

use super::member::{Member, Settings};
use super::members::Members;
use wire::{ConversationId, Seq, Uid};

/// Bytes of a member as it is stored, without the length before them; of one that is muted; and of the owner of a group that is set
/// to something, which is stored with it.
pub(crate) const MEMBER_BYTES: usize = 25;
const MUTED_BYTES: usize = MEMBER_BYTES + 8;
const SET_BYTES: usize = MUTED_BYTES + 24;
/// The bit of a member that owns its group, and of one that is an admin.
const OWNER: u8 = 1;
const ADMIN: u8 = 2;

/// What is stored of a group beside its log: who its members were, and their roles, at a place up to which everybody who is owed a row has it.
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
    /// The members as they are stored: a length in a byte, then so many bytes, each. A later release adds bytes at the end. What the
    /// group is set to stands behind its owner.
    #[must_use]
    pub fn member_bytes(&self) -> Vec<u8> {
        let settings = self.members.settings();
        let mut bytes = Vec::with_capacity(self.members.known().len() * (MEMBER_BYTES + 1));
        for member in self.members.known() {
            let is_set = member.is_owner && settings != Settings::default();
            let len = match (is_set, member.muted_until_ms) {
                (true, _) => SET_BYTES,
                (false, 0) => MEMBER_BYTES,
                (false, _) => MUTED_BYTES,
            };
            bytes.push(u8::try_from(len).expect("small"));
            let end = bytes.len() + len;
            let Member { uid, since, until, muted_until_ms, .. } = *member;
            [uid.0, since.0, until.0].iter().for_each(|it| bytes.extend(it.to_le_bytes()));
            let owner = if member.is_owner { OWNER } else { 0 };
            let admin = if member.is_admin { ADMIN } else { 0 };
            bytes.push(owner | admin);
            let Settings { muted_until_ms: all_ms, title, notice } = settings;
            let later = [muted_until_ms, all_ms, title.0, notice.0];
            later.iter().for_each(|it| bytes.extend(it.to_le_bytes()));
            bytes.truncate(end);
        }
        bytes
    }

    /// The row of these parts; `None`: the bytes are none of it.
    #[must_use]
    pub fn from_parts(group: ConversationId, position: Seq, mut bytes: &[u8]) -> Option<Self> {
        let mut known = Vec::with_capacity(bytes.len() / (MEMBER_BYTES + 1));
        let mut settings = Settings::default();
        while let Some((len, rest)) = bytes.split_first() {
            let (member, rest) = rest.split_at_checked(usize::from(*len))?;
            let &[uid, since, until, ..] = member.as_chunks::<8>().0 else { return None };
            let [uid, since, until] = [uid, since, until].map(u64::from_le_bytes);
            let (uid, since, until) = (Uid(uid), Seq(since), Seq(until));
            let bits = member.get(MEMBER_BYTES - 1)?;
            let (is_owner, is_admin) = (bits & OWNER != 0, bits & ADMIN != 0);
            let later = member[MEMBER_BYTES..].as_chunks::<8>().0;
            let number = |at: usize| later.get(at).map_or(0, |it| u64::from_le_bytes(*it));
            if is_owner {
                let (title, notice) = (Seq(number(2)), Seq(number(3)));
                settings = Settings { muted_until_ms: number(1), title, notice };
            }
            let muted_until_ms = number(0);
            known.push(Member { uid, since, until, is_owner, is_admin, muted_until_ms });
            bytes = rest;
        }
        let is_list = known.is_sorted_by(|one, other| one.uid < other.uid);
        let members = Members::new(known).set(settings);
        (group.is_group() && is_list).then_some(Self { group, position, members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_stored_as_it_is_and_later_fields_are_passed_over() {
        let member = |uid: u64, until, is_owner, is_admin| {
            let (since, until, muted_until_ms) = (Seq(1), Seq(until), 0);
            Member { uid: Uid(uid), since, until, is_owner, is_admin, muted_until_ms }
        };
        let known = [member(1, 0, true, false), member(2, 2, false, false)];
        let members = Members::new([&known[..], &[member(3, 0, false, true)]].concat());
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
    fn mutes_and_settings_are_stored_behind_what_a_former_release_reads() {
        let member = |uid: u64, muted_until_ms, is_owner| {
            let (since, until, is_admin) = (Seq(1), Seq(0), false);
            Member { uid: Uid(uid), since, until, is_owner, is_admin, muted_until_ms }
        };
        let settings = Settings { muted_until_ms: 5, title: Seq(6), notice: Seq(7) };
        let known = vec![member(1, 0, false), member(2, 0, true), member(3, 4, false)];
        let members = Members::new(known).set(settings);
        let group = ConversationId::group(7).unwrap();
        let row = GroupRow { group, position: Seq(9), members };
        let bytes = row.member_bytes();
        let ends = [0, 26, 26 + 58, 26 + 58 + 34];
        assert_eq!((bytes[0], bytes[ends[1]], bytes[ends[2]]), (25, 57, 33));
        assert_eq!(bytes.len(), ends[3]);
        assert_eq!(GroupRow::from_parts(group, Seq(9), &bytes), Some(row));
    }
}
