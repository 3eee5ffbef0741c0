//! What is sent to groups, and what is answered: each entry gets its place, and whom it goes to.

use crate::verify::Verifier;
use crate::verify::faults::{Fault, Faults, Subject};
use crate::verify::groups::group::{Change, Group, Place, digest};
use crate::verify::groups::said::Said;
use crate::verify::stream::Fate;
use crate::verify::{Changing, GroupNo, Groups, Sent};
use wire::{Bytes, ConversationId, RowKind, Uid, put_uids};

impl Verifier {
    /// A group is to be made.
    pub fn group_making(&mut self, id: ConversationId, making: &Changing) -> GroupNo {
        let no = GroupNo(u32::try_from(self.groups.len()).expect("groups are bounded"));
        self.groups.list.push(Group::new(id));
        self.groups.by_id.insert(id, no);
        self.group_changing(no, making);
        no
    }

    /// A change is sent; the one before has been answered.
    pub fn group_changing(&mut self, no: GroupNo, changing: &Changing) {
        let Changing { by, kind, ref named } = *changing;
        let uids = named.iter().map(|user| Uid(self.friends.uid(*user))).collect();
        let body = if kind == RowKind::MEMBER_LEFT { Bytes::new() } else { put_uids(uids) };
        let Self { groups, devices, .. } = self;
        let Groups { list, away, .. } = groups;
        let group = &mut list[no.0 as usize];
        let mut slot = |user: usize| group.slot_for(user, away[user], *devices);
        let (by, named) = (slot(by), named.iter().map(|user| slot(*user)).collect());
        let change = Change { seq: 0, kind, by, named, body };
        for slot in concerned(&change) {
            group.slots[slot].touched += 1;
            group.slots[slot].touching += 1;
        }
        group.pending = Some(change);
        group.is_asked = true;
    }

    /// The server acknowledged the change that is under way.
    pub fn group_changed(&mut self, no: GroupNo, seq: u64, message_id: u64) {
        let group = self.groups.group(no);
        group.is_asked = false;
        let Some(change) = group.change_at(seq).or(group.pending.as_ref()) else { return };
        let (kind, by) = (change.kind, change.by);
        let sender = self.friends.uid(self.groups.get(no).slots[by].user);
        let digest = digest(sender, kind, 0, message_id);
        self.learn_change(no, seq, digest);
    }

    /// The server refused it for good; `by_members`: because of who is a member of what.
    pub fn group_change_refused(&mut self, no: GroupNo, by_members: bool) {
        let group = self.groups.group(no);
        group.is_asked = false;
        let Some(change) = group.pending.take() else { return };
        release(group, &change);
        if by_members {
            let (kind, nth) = (change.kind, group.changes.len() as u64);
            let subject = Subject::Change { group: no.0, nth };
            self.faults.note(Fault::Misjudged, subject, || {
                format!("{no:?}: a change of kind {} after {nth} others was refused", kind.0)
            });
        }
        self.settle_group(no, 0);
    }

    /// A message is sent to a group. Its count, which its body carries.
    pub fn said(&mut self, no: GroupNo, user: usize, (due_ns, written_ns): (u64, u64)) -> u64 {
        let Self { groups, devices, .. } = self;
        let away = groups.away[user];
        let group = groups.group(no);
        let sender = group.slot_for(user, away, *devices);
        let slot = &group.slots[sender];
        let touched = (slot.is_present() && slot.touching == 0).then_some(slot.touched);
        group.window.push_back(Said {
            sender,
            seq: 0,
            message_id: 0,
            due_ns,
            written_ns,
            got: 0,
            expected: 0,
            size: 0,
            fate: Fate::Unknown,
            retried: false,
            rewritten: false,
            is_doubtful: false,
            is_shown: false,
            is_complete: false,
            touched,
            half_ns: 0,
            most_ns: 0,
            last_ns: 0,
        });
        self.totals.sent += 1;
        self.groups.get(no).said()
    }

    /// The server acknowledged a message. To how many members it goes; `None`: it had been answered before.
    pub fn said_acked(
        &mut self,
        (no, count): (GroupNo, u64),
        (seq, message_id): (u64, u64),
        now_ns: u64,
    ) -> Option<usize> {
        let entry = self.groups.group(no).entry(count)?;
        if entry.fate != Fate::Unknown {
            return None;
        }
        entry.fate = Fate::Acked;
        self.totals.acked += 1;
        self.learn_said((no, count), (seq, message_id), false);
        let members = self.groups.group(no).entry(count).map(|entry| entry.size);
        self.complete((no, count), now_ns);
        members
    }

    /// The server refused a message for good; `by_members`: because its sender is no member.
    pub fn said_refused(&mut self, no: GroupNo, count: u64, by_members: bool) {
        let group = self.groups.group(no);
        let Some(entry) = group.entry(count) else { return };
        if entry.fate != Fate::Unknown || entry.is_doubtful {
            return;
        }
        entry.is_doubtful = by_members && entry.rewritten;
        if entry.is_doubtful {
            // Those behind it have passed it.
            entry.retried = true;
        } else {
            entry.fate = Fate::Refused;
        }
        let entry = *entry;
        let slot = &group.slots[entry.sender];
        let is_sure = entry.touched == Some(slot.touched) && slot.is_present();
        let user = slot.user;
        self.totals.refused += 1;
        self.totals.late += u64::from(by_members && !is_sure);
        if !entry.is_doubtful {
            group.refused.push(count);
        }
        if by_members && is_sure {
            self.faults.note(Fault::Misjudged, said_of(no, count), || {
                format!("{no:?} count {count} of user {user}, a member, was refused")
            });
        }
        if entry.seq > 0 && !entry.is_doubtful {
            refused_is_there(&mut self.faults, no, count);
        }
        self.settle_group(no, 0);
    }

    /// What was sent is written only now, or again.
    pub fn sent_written(&mut self, sent: Sent, written_ns: u64) {
        match sent {
            Sent::Direct(stream, count) => self.written(stream, count, written_ns),
            Sent::Said(no, count) => {
                if let Some(entry) = self.groups.group(no).entry(count) {
                    entry.written_ns = written_ns;
                }
            }
            Sent::Change(_) => {}
        }
    }

    /// What was sent goes out again, so that others may pass it.
    pub fn sent_again(&mut self, sent: Sent) {
        match sent {
            Sent::Direct(stream, count) => self.retried(stream, count),
            Sent::Said(no, count) => {
                if let Some(entry) = self.groups.group(no).entry(count) {
                    entry.retried = true;
                }
            }
            Sent::Change(_) => {}
        }
    }

    /// What was written to a connection that ended is written to another one.
    pub fn sent_anew(&mut self, sent: Sent) {
        let Sent::Said(no, count) = sent else { return };
        if let Some(entry) = self.groups.group(no).entry(count) {
            entry.rewritten = true;
        }
    }

    /// Whether every device of every member has all that it is owed of its groups, as far as that is known now.
    pub fn is_everybody_whole(&mut self) -> bool {
        let groups = &mut self.groups;
        while groups.list.get(groups.whole).is_some_and(Group::is_whole) {
            groups.whole += 1;
        }
        groups.whole == groups.list.len() && {
            groups.whole = 0;
            groups.list.iter().all(Group::is_whole)
        }
    }

    /// A message has its place. `is_shown`: a row told it.
    pub(super) fn learn_said(
        &mut self,
        (no, count): (GroupNo, u64),
        (seq, message_id): (u64, u64),
        is_shown: bool,
    ) -> bool {
        let Self { groups, friends, faults, .. } = self;
        let group = groups.group(no);
        let Some(entry) = group.entry(count).copied() else { return false };
        if entry.seq > 0 {
            if entry.seq == seq && entry.message_id == message_id {
                let entry = group.entry(count).expect("it was there");
                entry.is_shown |= is_shown;
                return true;
            }
            // Told by rows twice it is there twice; told otherwise by its ack it is one message with two places.
            let fault = if entry.is_shown && is_shown && entry.seq != seq {
                Fault::VisibleDuplicate
            } else {
                Fault::Diverged
            };
            faults.note(fault, said_of(no, count), || {
                format!("{no:?} count {count} is seq {} and seq {seq}", entry.seq)
            });
            if !matches!(group.place(seq), Place::Entry(_)) {
                group.set_place(seq, Place::Excused);
                group.slots[entry.sender].add_own(seq);
            }
            return false;
        }
        let sender = friends.uid(group.slots[entry.sender].user);
        let digest = digest(sender, RowKind::MESSAGE, count, message_id);
        let is_free = matches!(group.place(seq), Place::Unknown | Place::Excused);
        if !is_free || !group.set_place(seq, Place::Entry(digest)) {
            faults.note(Fault::Diverged, said_of(no, count), || {
                format!("{no:?} count {count} is seq {seq}, where {:?} is", group.place(seq))
            });
            return false;
        }
        let (size, expected) = group.audience(seq, entry.sender);
        let Said { sender, retried, .. } = entry;
        let placed = group.entry(count).expect("it was there");
        (placed.seq, placed.message_id, placed.is_shown) = (seq, message_id, is_shown);
        (placed.size, placed.expected) = (size, expected);
        let slot = &mut group.slots[sender];
        slot.add_own(seq);
        let (top_count, top_seq, top_retried) = slot.top;
        let is_later = count > top_count;
        let late_retried = if is_later { top_retried } else { retried };
        if top_count > 0 && is_later != (seq > top_seq) && !late_retried {
            faults.note(Fault::Reordered, said_of(no, count), || {
                format!("{no:?} count {count} is seq {seq}, count {top_count} is seq {top_seq}")
            });
        }
        if is_later {
            slot.top = (count, seq, retried);
        }
        true
    }

    /// A change has its place, or is seen there again.
    pub(super) fn learn_change(&mut self, no: GroupNo, seq: u64, digest: u64) {
        let Self { groups, faults, .. } = self;
        let group = groups.group(no);
        match group.place(seq) {
            Place::Entry(known) if known == digest => return,
            Place::Unknown | Place::Excused if group.set_place(seq, Place::Entry(digest)) => {}
            other @ (Place::Unknown | Place::Nothing | Place::Excused | Place::Entry(_)) => {
                faults.note(Fault::Diverged, Subject::Entry { group: no.0, seq }, || {
                    format!("{no:?}: a change is seq {seq}, where {other:?} is")
                });
                return;
            }
        }
        let Some(change) = group.pending.take() else { return };
        release(group, &change);
        group.slots[change.by].add_own(seq);
        group.add_change(Change { seq, ..change });
        groups.changes += 1;
        self.settle_group(no, seq);
    }

    /// A message may be with everybody now.
    pub(super) fn complete(&mut self, (no, count): (GroupNo, u64), now_ns: u64) {
        let groups = &mut self.groups;
        let Some(entry) = groups.list[no.0 as usize].entry(count) else { return };
        let is_whole = entry.fate == Fate::Acked && entry.seq > 0 && entry.got >= entry.expected;
        if is_whole && !entry.is_complete {
            entry.is_complete = true;
            self.totals.delivered += 1;
            let reached = entry.reached(now_ns);
            groups.reached.push(reached);
            self.settle_group(no, 0);
        }
    }

    /// Forgets what is over at the window's front. `changed`: the place of a change that is known since.
    pub(super) fn settle_group(&mut self, no: GroupNo, changed: u64) {
        let Self { groups, faults, .. } = self;
        let group = groups.group(no);
        if changed > 0 {
            for at in 0..group.window.len() {
                let Said { seq, sender, .. } = group.window[at];
                if seq > changed {
                    let (size, expected) = group.audience(seq, sender);
                    (group.window[at].size, group.window[at].expected) = (size, expected);
                }
            }
        }
        while group.pending.is_none()
            && let Some(said) = group.window.front()
            && (said.is_complete || said.fate == Fate::Refused)
        {
            let said = *said;
            group.base += 1;
            group.window.pop_front();
            check_sender((no, group), &said, faults);
        }
    }
}

/// A message that was refused for good has a place.
pub(super) fn refused_is_there(faults: &mut Faults, no: GroupNo, count: u64) {
    faults.note(Fault::Phantom, said_of(no, count), || {
        format!("{no:?} count {count} was refused for good, and is there")
    });
}

/// What a message has a place for must be its sender's to say: it was a member there.
pub(super) fn check_sender((no, group): (GroupNo, &Group), said: &Said, faults: &mut Faults) {
    let slot = &group.slots[said.sender];
    let seq = said.seq;
    if seq > 0 && !slot.has(seq) {
        let (user, subject) = (slot.user, Subject::Entry { group: no.0, seq });
        faults.note(Fault::Misjudged, subject, || {
            format!("{no:?} seq {seq} is of user {user}, who was no member there")
        });
    }
}

/// A change is under way no more.
pub(super) fn release(group: &mut Group, change: &Change) {
    for slot in concerned(change) {
        group.slots[slot].touching -= 1;
    }
}

/// Whom a change makes a member, or none.
pub(super) fn concerned(change: &Change) -> Vec<usize> {
    let by = [RowKind::GROUP_CREATED, RowKind::MEMBER_LEFT].contains(&change.kind);
    change.named.iter().copied().chain(by.then_some(change.by)).collect()
}

pub(super) fn said_of(no: GroupNo, count: u64) -> Subject {
    Subject::Said { group: no.0, count }
}
