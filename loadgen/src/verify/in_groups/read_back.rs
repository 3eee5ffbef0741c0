//! The judge of what is read at the end of groups: inboxes by a device that had nothing, and histories by every member.

use crate::verify::GroupNo;
use crate::verify::faults::{Fault, Subject};
use crate::verify::groups::group::Place;
use crate::verify::{Row, Verifier};
use wire::RowKind;

impl Verifier {
    /// A row of a group in a user's inbox, read at the end by a device that had nothing.
    pub fn kept_in_group(&mut self, user: usize, row: &Row<'_>) {
        self.kept_row(user, row.inbox_seq);
        let Some((no, slot)) = self.member(user, row) else { return };
        self.identify(no, user, row);
        let slot = &mut self.groups.list[no.0 as usize].slots[slot];
        let (last, seq, subject) =
            (slot.kept_last, row.seq, Subject::Entry { group: no.0, seq: row.seq });
        slot.kept_last = last.max(seq);
        if !slot.kept.insert(seq) {
            self.faults.note(Fault::VisibleDuplicate, subject, || {
                format!("the inbox of user {user} has {no:?} seq {seq} twice")
            });
        } else if seq < last {
            self.faults.note(Fault::Reordered, subject, || {
                format!("the inbox of user {user} has {no:?} seq {last} before seq {seq}")
            });
        }
    }

    /// Groups of which a user may read a history: those that it is or was in.
    #[must_use]
    pub fn histories(&self, user: usize) -> Vec<GroupNo> {
        let all = (0..).zip(&self.groups.list);
        let own = all.filter(|(_, group)| {
            let slot = group.slot_of(user).map(|slot| &group.slots[slot]);
            slot.is_some_and(|slot| !slot.intervals.is_empty())
        });
        own.map(|(no, _)| GroupNo(no)).collect()
    }

    /// A page of a group's history, that ends before a place (0: the newest), read by a user. Whether it was the last one.
    pub fn told_page<'a>(
        &mut self,
        (no, user, before): (GroupNo, usize, u64),
        rows: impl Iterator<Item = Row<'a>>,
    ) -> bool {
        let Some((since, until)) = self.reads_from(no, user) else { return true };
        let head = self.groups.get(no).head().min(until);
        let (mut next, mut first) = (None, None);
        for row in rows {
            first = first.or(Some(row.seq));
            let from = next.unwrap_or(row.seq);
            self.told_hole(no, user, from..row.seq);
            next = Some(row.seq.saturating_add(1));
            self.told_row((no, user), (since, until), &row);
        }
        let Some((first, next)) = first.zip(next) else {
            // Nothing is older: all from the beginning must have been told.
            let to = if before == 0 { head + 1 } else { before };
            self.told_hole(no, user, since..to);
            return true;
        };
        let end = if before == 0 { head + 1 } else { before };
        self.told_hole(no, user, next..end);
        first <= 1 || before != 0 && first >= before
    }

    /// A user was refused a history that it may read.
    pub fn told_nothing(&mut self, no: GroupNo, user: usize) {
        let subject = Subject::Entry { group: no.0, seq: 0 };
        self.faults.note(Fault::Misjudged, subject, || {
            format!("user {user} was refused the history of {no:?}")
        });
    }

    /// The last time that a user was a member of a group, from one place to another.
    fn reads_from(&self, no: GroupNo, user: usize) -> Option<(u64, u64)> {
        let group = self.groups.get(no);
        group.slots[group.slot_of(user)?].intervals.last().copied()
    }

    /// These places are not in a history that should have them.
    fn told_hole(&mut self, no: GroupNo, user: usize, seqs: std::ops::Range<u64>) {
        let Some((since, until)) = self.reads_from(no, user) else { return };
        for seq in seqs.start.max(since)..seqs.end.min(until.saturating_add(1)) {
            let subject = Subject::Entry { group: no.0, seq };
            self.faults.note(Fault::Gap, subject, || {
                format!("the history of {no:?} that user {user} is told has no seq {seq}")
            });
        }
    }

    fn told_row(
        &mut self,
        (no, user): (GroupNo, usize),
        (since, until): (u64, u64),
        row: &Row<'_>,
    ) {
        let (seq, subject) = (row.seq, Subject::Entry { group: no.0, seq: row.seq });
        if !(since..=until).contains(&seq) {
            self.faults.note(Fault::Leaked, subject, || {
                format!("user {user}, of {no:?} from {since} to {until}, was told seq {seq}")
            });
        }
        let group = &mut self.groups.list[no.0 as usize];
        if row.kind != RowKind::NOTHING {
            // What was seen of it before is compared here too.
            self.identify(no, user, row);
            return;
        }
        match group.place(seq) {
            Place::Unknown => {
                group.set_place(seq, Place::Nothing);
            }
            Place::Nothing | Place::Excused => {}
            Place::Entry(_) => {
                self.faults.note(Fault::Diverged, subject, || {
                    format!("user {user} is told nothing of {no:?} seq {seq}")
                });
            }
        }
    }
}
