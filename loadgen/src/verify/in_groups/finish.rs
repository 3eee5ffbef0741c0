//! The judgement of groups when everything is over: of each member, what it was owed against what its inbox and its devices
//! have.

use super::judge::{check_sender, refused_is_there};
use crate::verify::faults::{Fault, Subject};
use crate::verify::groups::group::{Group, Place};
use crate::verify::groups::slot::Slot;
use crate::verify::stream::Fate;
use crate::verify::{GroupNo, Reach, RunSet, Verifier};

impl Verifier {
    /// Judges all groups. What was received of what.
    pub(in crate::verify) fn finish_groups(&mut self) -> Reach {
        let mut reach = Reach::default();
        for no in (0..).map(GroupNo).take(self.groups.len()) {
            self.finish_said(no);
            for slot in 0..self.groups.get(no).slots.len() {
                reach.add(self.finish_slot(no, slot));
            }
        }
        reach
    }

    /// What was sent and is not over.
    fn finish_said(&mut self, no: GroupNo) {
        let Self { groups, faults, totals, .. } = self;
        let group = &groups.list[no.0 as usize];
        totals.unknown += u64::from(group.pending.is_some());
        for (count, said) in (group.base + 1..).zip(&group.window) {
            totals.unknown += u64::from(said.fate == Fate::Unknown && !said.is_doubtful);
            check_sender((no, group), said, faults);
            if said.fate == Fate::Refused && said.seq > 0 {
                refused_is_there(faults, no, count);
            }
        }
    }

    fn finish_slot(&mut self, no: GroupNo, at: usize) -> Reach {
        let Self { groups, faults, kept_inbox, .. } = self;
        let group = &groups.list[no.0 as usize];
        let slot = &group.slots[at];
        let user = slot.user;
        let is_read = kept_inbox[user].1;
        let mut reach = Reach::default();
        for seq in owed(group, slot) {
            let is_own = slot.own.binary_search(&seq).is_ok();
            let is_kept = slot.kept.contains(seq);
            let lacks =
                |device: &usize| !(slot.had[*device].contains(seq) || is_own && *device == 0);
            let lacking: Vec<usize> = (0..slot.had.len()).filter(lacks).collect();
            let has = if is_read { is_kept } else { lacking.len() < slot.had.len() };
            if !is_own && group.change_at(seq).is_none() {
                reach.expected += 1;
                reach.received += u64::from(has);
            }
            let subject = Subject::Entry { group: no.0, seq };
            if !has {
                let lacks = if is_read { "the inbox" } else { "every device" };
                faults.note(Fault::Lost, subject, || {
                    format!("{no:?} seq {seq} is stored, and {lacks} of user {user} lacks it")
                });
            } else if !lacking.is_empty() {
                faults.note(Fault::Gap, subject, || {
                    format!("{no:?} seq {seq} was not given to devices {lacking:?} of user {user}")
                });
            }
        }
        for seq in slot.had.iter().chain([&slot.kept]).flat_map(|has| strange(slot, has)) {
            let subject = Subject::Entry { group: no.0, seq };
            faults.note(Fault::Leaked, subject, || {
                format!("user {user} got {no:?} seq {seq}, a member only in {:?}", slot.intervals)
            });
        }
        reach
    }
}

/// Entries that a member must have.
fn owed<'a>(group: &'a Group, slot: &'a Slot) -> impl Iterator<Item = u64> + 'a {
    let head = group.head();
    let places = slot.intervals.iter().flat_map(move |(since, until)| *since..=(*until).min(head));
    places.filter(|seq| matches!(group.place(*seq), Place::Entry(_)))
}

/// Places outside of a member's intervals.
fn strange<'a>(slot: &'a Slot, has: &'a RunSet) -> impl Iterator<Item = u64> + 'a {
    has.runs().flat_map(|(first, last)| first..=last).filter(|seq| !slot.has(*seq))
}
