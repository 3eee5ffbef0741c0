//! The judge of what is read and unread in groups: marks in inboxes and the list of chats, against a count of the rows that the
//! inbox has.

use crate::verify::faults::{Fault, Subject};
use crate::verify::{Group, GroupNo};
use crate::verify::{Row, Verifier};
use wire::ConversationId;

impl Verifier {
    /// The last place of a group that a user's sending device was given.
    #[must_use]
    pub fn last_had_in_group(&self, no: GroupNo, user: usize) -> u64 {
        let group = self.groups.get(no);
        group.slot_of(user).map_or(0, |slot| group.slots[slot].last[0])
    }

    /// A device says that it has read, or seen, a group up to a place.
    pub fn group_read_asked(&mut self, user: usize, group: ConversationId, seq: u64) {
        if let Some((no, slot)) = self.slot(user, Some(group)) {
            let asked = &mut self.groups.list[no.0 as usize].slots[slot].asked;
            *asked = seq.max(*asked);
        }
    }

    /// The server says that it is read up to there.
    pub fn group_read_answered(&mut self, user: usize, group: Option<ConversationId>, seq: u64) {
        if let Some((no, slot)) = self.slot(user, group) {
            let answered = &mut self.groups.list[no.0 as usize].slots[slot].answered;
            *answered = seq.max(*answered);
        }
    }

    /// A mark of a group in the inbox that is read at the end.
    pub fn kept_group_mark(&mut self, user: usize, row: &Row<'_>, unread: u64) {
        self.kept_row(user, row.inbox_seq);
        let Some((no, slot)) = self.slot(user, row.conversation) else { return };
        let group = &mut self.groups.list[no.0 as usize];
        let before = group.slots[slot].read;
        let goes_back = row.seq < before;
        group.slots[slot].read = row.seq.max(before);
        let counted = unread_behind(group, slot, row.seq);
        if goes_back || counted != unread {
            self.group_miscounted((no, user), row.seq, || {
                format!("a mark at {} says {unread} unread, {counted} are", row.seq)
            });
        }
    }

    /// What the list of chats says of a group at the end, behind the inbox.
    pub fn group_listed(&mut self, user: usize, which: Option<ConversationId>, told: (u64, u64)) {
        let Some((no, at)) = self.slot(user, which) else { return };
        let group = &self.groups.list[no.0 as usize];
        let slot = &group.slots[at];
        // Who joins has read what was before.
        let read = slot.read.max(slot.joined);
        let counted = (read, unread_behind(group, at, read));
        let (least, most) = (slot.answered.max(slot.joined), slot.asked.max(slot.joined));
        if counted != told || !(least..=most).contains(&told.0) {
            self.group_miscounted((no, user), told.0, || {
                format!(
                    "read and unread are {counted:?}, the list says {told:?}; asked for up to {most}, answered {least}"
                )
            });
        }
    }

    fn group_miscounted(
        &mut self,
        (no, user): (GroupNo, usize),
        seq: u64,
        detail: impl FnOnce() -> String,
    ) {
        let subject = Subject::ReadInGroup { group: no.0, user, seq };
        let detail = || format!("user {user} in {no:?}: {}", detail());
        self.faults.note(Fault::Miscounted, subject, detail);
    }

    fn slot(&self, user: usize, which: Option<ConversationId>) -> Option<(GroupNo, usize)> {
        let no = self.groups.find(which?)?;
        Some((no, self.groups.get(no).slot_of(user)?))
    }
}

/// Messages of others behind a place, of those in a user's inbox.
fn unread_behind(group: &Group, slot: usize, seq: u64) -> u64 {
    let (slot, first) = (&group.slots[slot], seq + 1);
    let rows = slot.kept.count_between(first, u64::MAX);
    let is_kept = |seq: &u64| *seq >= first && slot.kept.contains(*seq);
    let is_message = |seq: &u64| group.change_at(*seq).is_none();
    let own = slot.own.iter().rev().take_while(|seq| **seq >= first);
    let own = own.filter(|seq| is_kept(seq) && is_message(seq)).count() as u64;
    let from = group.changes.partition_point(|change| change.seq < first);
    let changes = group.changes[from..].iter().filter(|change| is_kept(&change.seq)).count();
    rows.saturating_sub(own).saturating_sub(changes as u64)
}
