//! The judge of what devices are shown of groups: rows that are pushed or synced.

use super::judge::{refused_is_there, said_of};
use crate::body::Stamp;
use crate::verify::GroupNo;
use crate::verify::faults::{Fault, Subject};
use crate::verify::groups::group::{Place, digest};
use crate::verify::stream::Fate;
use crate::verify::{Reader, Row, Verifier, who};
use wire::RowKind;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The nth message.
    Said(u64),
    /// A change.
    Change,
    /// A fault that was noted, or of another run.
    Other,
}

impl Verifier {
    /// A device was given a row of a group. When its message was due, if it is another's and new to its user, who is online.
    pub fn delivered_in_group(
        &mut self,
        reader: Reader,
        row: &Row<'_>,
        now_ns: u64,
    ) -> Option<u64> {
        let Reader { user, device } = reader;
        let (no, slot) = self.member(user, row)?;
        let shown = self.identify(no, user, row);
        let is_own = self.friends.user(row.sender.0) == Some(user);
        if is_own && device == 0 {
            return None;
        }
        let group = &mut self.groups.list[no.0 as usize];
        let member = &mut group.slots[slot];
        let (was_had, last, seq) = (member.had_by_any(row.seq), member.last[device], row.seq);
        let is_new = member.had[device].insert(seq);
        member.last[device] = last.max(seq);
        let is_reached = !is_own && !was_had && !member.is_away && member.has(seq);
        let subject = Subject::Entry { group: no.0, seq };
        if !is_new {
            self.faults.note(Fault::VisibleDuplicate, subject, || {
                format!("{} had {no:?} seq {seq} before", who(reader))
            });
            return None;
        }
        if seq < last {
            self.faults.note(Fault::Reordered, subject, || {
                format!("{} had {no:?} seq {last} before seq {seq}", who(reader))
            });
        }
        let Shown::Said(count) = shown else { return None };
        let entry = group.entry(count).filter(|entry| is_reached && entry.seq == seq)?;
        entry.reach(now_ns);
        let due_ns = entry.due_ns;
        self.complete((no, count), now_ns);
        Some(due_ns)
    }

    /// Which group a row is of, and its reader's slot there. `None`: a fault, which is noted, or of another run.
    pub(super) fn member(&mut self, user: usize, row: &Row<'_>) -> Option<(GroupNo, usize)> {
        let stranger = Subject::Stranger { message_id: row.message_id };
        let Some(no) = row.conversation.and_then(|id| self.groups.find(id)) else {
            let stamp = Stamp::read(row.body).filter(|stamp| stamp.run == self.run);
            self.totals.foreign += u64::from(stamp.is_none());
            if let Some(stamp) = stamp {
                self.faults.note(Fault::Phantom, stranger, || format!("no group has {stamp:?}"));
            }
            return None;
        };
        let slot = self.groups.get(no).slot_of(user);
        if slot.is_none() {
            let subject = Subject::Entry { group: no.0, seq: row.seq };
            self.faults.note(Fault::Leaked, subject, || {
                format!("user {user}, never a member, got {no:?} seq {}", row.seq)
            });
        }
        slot.map(|slot| (no, slot))
    }

    /// What a row is; its place is known from here on.
    pub(super) fn identify(&mut self, no: GroupNo, user: usize, row: &Row<'_>) -> Shown {
        if row.kind == RowKind::MESSAGE {
            return self.identify_said(no, user, row);
        }
        let is_change = (RowKind::GROUP_CREATED..=RowKind::MEMBER_LEFT).contains(&row.kind);
        let group = &self.groups.list[no.0 as usize];
        let is_known = group.change_at(row.seq).is_some();
        let change = group.change_at(row.seq).or(group.pending.as_ref());
        let stranger = Subject::Stranger { message_id: row.message_id };
        let Some(change) = change.filter(|_| is_change) else {
            self.phantom(no, row, stranger);
            return Shown::Other;
        };
        let sender = self.friends.uid(group.slots[change.by].user);
        let is_body = change.body.starts_with(row.body)
            && (row.is_beginning || change.body.len() == row.body.len());
        if (change.kind, sender) != (row.kind, row.sender.0) || !is_body {
            if is_known {
                self.faults.note(Fault::Corrupt, stranger, || {
                    format!("user {user} got {no:?} seq {} as another change", row.seq)
                });
            } else {
                self.phantom(no, row, stranger);
            }
            return Shown::Other;
        }
        self.learn_change(no, row.seq, digest(sender, row.kind, 0, row.message_id));
        Shown::Change
    }

    fn phantom(&mut self, no: GroupNo, row: &Row<'_>, subject: Subject) {
        self.faults.note(Fault::Phantom, subject, || {
            format!("nobody sent what is {no:?} seq {} of kind {}", row.seq, row.kind.0)
        });
        self.excuse(no, row.seq);
    }

    fn identify_said(&mut self, no: GroupNo, user: usize, row: &Row<'_>) -> Shown {
        let payload = self.groups.payload;
        let stamp = if row.is_beginning {
            Stamp::read_beginning(row.body, payload)
        } else {
            Stamp::read(row.body).filter(|_| row.body.len() == payload)
        };
        let stranger = Subject::Stranger { message_id: row.message_id };
        let to = self.groups.get(no).id().parts().1;
        let is_told = |stamp: &Stamp| {
            (stamp.run, stamp.from, stamp.to) == (self.run, row.sender.0, to) && stamp.count > 0
        };
        let Some(stamp) = stamp.filter(is_told) else {
            self.faults.note(Fault::Corrupt, stranger, || {
                format!("user {user} got {no:?} seq {} from {}: {stamp:?}", row.seq, row.sender)
            });
            self.excuse(no, row.seq);
            return Shown::Other;
        };
        let (count, group) = (stamp.count, &mut self.groups.list[no.0 as usize]);
        let told = digest(row.sender.0, RowKind::MESSAGE, count, row.message_id);
        let sender = self.friends.user(row.sender.0).and_then(|user| group.slot_of(user));
        let is_sent = count <= group.said()
            && group.entry(count).is_none_or(|entry| Some(entry.sender) == sender);
        let is_refused = group.refused.contains(&count)
            || group.entry(count).is_some_and(|entry| entry.fate == Fate::Refused);
        if !is_sent {
            self.phantom(no, row, stranger);
        } else if is_refused {
            refused_is_there(&mut self.faults, no, count);
            self.excuse_own(no, row);
        } else if group.place(row.seq) == Place::Entry(told) || group.entry(count).is_some() {
            self.learn_said((no, count), (row.seq, row.message_id), true);
            return Shown::Said(count);
        } else {
            self.misplaced(no, count, row);
        }
        Shown::Other
    }

    /// A message that is over is said to be where it is not.
    fn misplaced(&mut self, no: GroupNo, count: u64, row: &Row<'_>) {
        let seq = row.seq;
        let is_free = !matches!(self.groups.get(no).place(seq), Place::Entry(_));
        let (fault, subject) = if is_free {
            (Fault::VisibleDuplicate, said_of(no, count))
        } else {
            (Fault::Diverged, Subject::Entry { group: no.0, seq })
        };
        self.faults.note(fault, subject, || {
            format!("{no:?} count {count} is there again as seq {seq}, id {}", row.message_id)
        });
        if is_free {
            self.excuse_own(no, row);
        }
    }

    /// The same of what its sender said: it is not unread to it.
    fn excuse_own(&mut self, no: GroupNo, row: &Row<'_>) {
        self.excuse(no, row.seq);
        let (sender, group) =
            (self.friends.user(row.sender.0), &mut self.groups.list[no.0 as usize]);
        if let Some(slot) = sender.and_then(|user| group.slot_of(user)) {
            group.slots[slot].add_own(row.seq);
        }
    }

    /// What stands at a place is a fault already, and no other is made of it.
    fn excuse(&mut self, no: GroupNo, seq: u64) {
        let group = &mut self.groups.list[no.0 as usize];
        if group.place(seq) == Place::Unknown {
            group.set_place(seq, Place::Excused);
        }
    }
}
