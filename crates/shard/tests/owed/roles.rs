//! What the members of a group are after each entry of its log, and that each entry was its sender's to make: counted without
//! the code under test.

use super::check::named;
use bytes::Bytes;
use shard::rows::MessageRow;
use std::collections::{BTreeMap, BTreeSet};
use wire::{Role, RowKind};

/// Who is a member, since which entry, and what it is; who is muted, and what else the group is set to.
#[derive(Default)]
pub struct Roles {
    members: BTreeMap<u64, (u64, Role)>,
    /// Until when, also those who left.
    muted: BTreeMap<u64, u64>,
    all_muted: u64,
    title: Bytes,
    notice: Bytes,
}

impl Roles {
    fn of(&self, uid: u64) -> Option<Role> {
        self.members.get(&uid).map(|it| it.1)
    }

    fn set(&mut self, uid: u64, role: Role) {
        self.members.get_mut(&uid).expect("a member").1 = role;
    }

    /// The owner.
    pub fn owner(&self) -> Option<u64> {
        self.members.iter().find(|(_, it)| it.1 == Role::Owner).map(|(uid, _)| *uid)
    }

    /// Those who are more than members, or muted for good; and until when each is muted.
    pub fn list(&self) -> Vec<(u64, Role, u64)> {
        let until = |uid| self.muted.get(uid).copied().unwrap_or(0);
        let all = self.members.iter().map(|(uid, it)| (*uid, it.1, until(uid)));
        all.filter(|it| it.1 != Role::Member || it.2 == super::NEVER_MS).collect()
    }

    /// Until when all plain members are muted, the title, and what is announced.
    pub fn set_to(&self) -> (u64, Bytes, Bytes) {
        (self.all_muted, self.title.clone(), self.notice.clone())
    }

    /// An entry, after which these are members.
    pub fn next(&mut self, row: &MessageRow, after: &BTreeSet<u64>) {
        self.check(row);
        match row.kind {
            RowKind::ROLE_SET => self.give(row),
            RowKind::MUTED if named(row).is_empty() => self.all_muted = value(row),
            RowKind::MUTED => self.muted.extend(named(row).into_iter().map(|it| (it, value(row)))),
            RowKind::RENAMED => self.title = row.body.clone(),
            RowKind::ANNOUNCED => self.notice = row.body.clone(),
            _ => {}
        }
        self.members.retain(|uid, _| after.contains(uid));
        for uid in after {
            self.members.entry(*uid).or_insert((row.seq.0, Role::Member));
        }
        if row.kind == RowKind::GROUP_CREATED {
            self.set(row.sender.0, Role::Owner);
        }
        let heir = self.members.iter().min_by_key(|(uid, it)| (it.0, **uid)).map(|(uid, _)| *uid);
        if let (None, Some(heir)) = (self.owner(), heir) {
            self.set(heir, Role::Owner);
        }
    }

    /// Its sender may make it.
    fn check(&self, row: &MessageRow) {
        let (by, at) = (row.sender.0, row.seq.0);
        let role = self.of(by);
        let [is_owner, is_admin] = [Role::Owner, Role::Admin].map(|it| role == Some(it));
        let is_above = |uid| {
            let whom = self.of(uid);
            is_owner && whom != Some(Role::Owner) || is_admin && whom == Some(Role::Member)
        };
        let may = match row.kind {
            RowKind::MESSAGE => {
                let own = self.muted.get(&by).copied().unwrap_or(0);
                let plain = if is_admin { 0 } else { self.all_muted };
                is_owner || own.max(plain) <= row.time_ms
            }
            RowKind::MEMBERS_REMOVED => is_owner || named(row).into_iter().all(is_above),
            RowKind::ROLE_SET | RowKind::DISSOLVED => is_owner,
            RowKind::MUTED => (is_owner || is_admin) && named(row).into_iter().all(is_above),
            RowKind::RENAMED | RowKind::ANNOUNCED => is_owner || is_admin,
            _ => true,
        };
        assert!(may, "{by}, {role:?}, made the entry {at} of kind {}", row.kind.0);
    }

    fn give(&mut self, row: &MessageRow) {
        let (by, at) = (row.sender.0, row.seq.0);
        match value(row) {
            2 => {
                self.set(by, Role::Admin);
                named(row).into_iter().for_each(|uid| self.set(uid, Role::Owner));
            }
            role => {
                let role = if role == 1 { Role::Admin } else { Role::Member };
                for uid in named(row) {
                    assert_ne!(self.of(uid), Some(Role::Owner), "{by} made {uid} less at {at}");
                    self.set(uid, role);
                }
            }
        }
    }
}

/// What an entry sets something to.
fn value(row: &MessageRow) -> u64 {
    u64::from_le_bytes(*row.body.first_chunk().unwrap())
}
