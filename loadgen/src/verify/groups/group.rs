//! A group as a value: who is and was a member, by the changes whose places are known, and what stands at each place of its
//! log. It judges nothing.

use super::said::Said;
use super::slot::Slot;
use crate::limits::PLACES_AHEAD_MAX;
use crate::verify::run_set::RunSet;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use wire::{Bytes, ConversationId, RowKind};

/// A change of members.
#[derive(Clone, Debug)]
pub(in crate::verify) struct Change {
    /// Its place; 0: not known yet.
    pub seq: u64,
    pub kind: RowKind,
    /// Who makes it, and whom it names, as slots.
    pub by: usize,
    pub named: Vec<usize>,
    pub body: Bytes,
}

/// What stands at a place of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum Place {
    /// Nobody told it.
    Unknown,
    /// Nothing, as a history says.
    Nothing,
    /// Something that is a fault already.
    Excused,
    /// This entry, by [`digest`].
    Entry(u64),
}

/// A group.
pub struct Group {
    pub(in crate::verify) id: ConversationId,
    /// Everybody who was ever named.
    pub(in crate::verify) slots: Vec<Slot>,
    slot_of: HashMap<usize, usize>,
    /// By place.
    pub(in crate::verify) changes: Vec<Change>,
    /// Sent, and its place is not known.
    pub(in crate::verify) pending: Option<Change>,
    /// The last change is not answered, whether or not its place is known.
    pub(in crate::verify) is_asked: bool,
    /// By seq, from 1: 8 bytes an entry.
    places: Vec<u64>,
    /// Places of entries.
    pub(in crate::verify) known: RunSet,
    /// Messages up to here are over: acked and with everybody who is online, or refused.
    pub(in crate::verify) base: u64,
    pub(in crate::verify) window: VecDeque<Said>,
    /// Counts of messages that were refused for good.
    pub(in crate::verify) refused: Vec<u64>,
    /// Members now that are online.
    online: usize,
}

const UNKNOWN: u64 = 0;
const NOTHING: u64 = 1;
const EXCUSED: u64 = 2;

impl Group {
    pub(in crate::verify) fn new(id: ConversationId) -> Self {
        Self {
            id,
            slots: Vec::new(),
            slot_of: HashMap::new(),
            changes: Vec::new(),
            pending: None,
            is_asked: false,
            places: Vec::new(),
            known: RunSet::default(),
            base: 0,
            window: VecDeque::new(),
            refused: Vec::new(),
            online: 0,
        }
    }

    /// Which conversation it is.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.id
    }

    /// Whether a change is under way: not answered, or without a place.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.is_asked || self.pending.is_some()
    }

    /// Who is a member now, as far as it is known; with whether it owns the group.
    pub fn present(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        let present = self.slots.iter().filter(|slot| slot.is_present());
        present.map(|slot| (slot.user, slot.is_owner))
    }

    /// Who was a member and is none now.
    pub fn former(&self) -> impl Iterator<Item = usize> + '_ {
        let former = self.slots.iter().filter(|slot| !slot.is_present());
        former.map(|slot| slot.user)
    }

    /// The last message that was said.
    pub(in crate::verify) fn said(&self) -> u64 {
        self.base + self.window.len() as u64
    }

    /// One that is not over.
    pub(in crate::verify) fn entry(&mut self, count: u64) -> Option<&mut Said> {
        let index = usize::try_from(count.checked_sub(self.base + 1)?).ok()?;
        self.window.get_mut(index)
    }

    pub(in crate::verify) fn slot_of(&self, user: usize) -> Option<usize> {
        self.slot_of.get(&user).copied()
    }

    /// The slot of a user, which may be new.
    pub(in crate::verify) fn slot_for(
        &mut self,
        user: usize,
        is_away: bool,
        devices: usize,
    ) -> usize {
        *self.slot_of.entry(user).or_insert_with(|| {
            self.slots.push(Slot::new(user, is_away, devices));
            self.slots.len() - 1
        })
    }

    /// The last place that is known.
    pub(in crate::verify) fn head(&self) -> u64 {
        self.places.len() as u64
    }

    pub(in crate::verify) fn place(&self, seq: u64) -> Place {
        let index = usize::try_from(seq.wrapping_sub(1)).unwrap_or(usize::MAX);
        match self.places.get(index).copied().unwrap_or(UNKNOWN) {
            UNKNOWN => Place::Unknown,
            NOTHING => Place::Nothing,
            EXCUSED => Place::Excused,
            digest => Place::Entry(digest),
        }
    }

    /// Says what stands at a place. Whether that can be: not far behind everything.
    pub(in crate::verify) fn set_place(&mut self, seq: u64, place: Place) -> bool {
        if seq == 0 || seq > self.head() + PLACES_AHEAD_MAX {
            return false;
        }
        let index = usize::try_from(seq - 1).expect("it is bounded");
        if self.places.len() <= index {
            self.places.resize(index + 1, UNKNOWN);
        }
        self.places[index] = match place {
            Place::Unknown => UNKNOWN,
            Place::Nothing => NOTHING,
            Place::Excused => EXCUSED,
            Place::Entry(digest) => digest,
        };
        if matches!(place, Place::Entry(_)) {
            self.known.insert(seq);
        }
        true
    }

    /// The change at a place.
    pub(in crate::verify) fn change_at(&self, seq: u64) -> Option<&Change> {
        let at = self.changes.binary_search_by_key(&seq, |change| change.seq).ok()?;
        self.changes.get(at)
    }

    /// A change has its place.
    pub(in crate::verify) fn add_change(&mut self, change: Change) {
        let is_last = self.changes.last().is_none_or(|last| last.seq < change.seq);
        if is_last {
            self.apply(&change);
            self.changes.push(change);
        } else {
            // Of a server that does not keep its order: it is all told anew.
            let at = self.changes.partition_point(|other| other.seq < change.seq);
            self.changes.insert(at, change);
            self.slots.iter_mut().for_each(Slot::forget_membership);
            let changes = std::mem::take(&mut self.changes);
            changes.iter().for_each(|change| self.apply(change));
            self.changes = changes;
        }
        let online = self.slots.iter().filter(|slot| slot.is_present() && !slot.is_away);
        self.online = online.count();
    }

    fn apply(&mut self, change: &Change) {
        let Change { seq, kind, by, ref named, .. } = *change;
        match kind {
            RowKind::GROUP_CREATED => {
                self.slots[by].join(seq);
                self.slots[by].is_owner = true;
            }
            RowKind::MEMBER_LEFT => self.slots[by].leave(seq),
            _ => {}
        }
        for slot in named {
            match kind {
                RowKind::MEMBERS_REMOVED => self.slots[*slot].leave(seq),
                _ => self.slots[*slot].is_named(seq),
            }
        }
        let present = || self.slots.iter().enumerate().filter(|(_, slot)| slot.is_present());
        let since = |slot: &Slot| slot.intervals.last().map(|(since, _)| *since);
        let heir = present().min_by_key(|(_, slot)| (since(slot), slot.user)).map(|(at, _)| at);
        let has_owner = present().any(|(_, slot)| slot.is_owner);
        if let Some(heir) = heir.filter(|_| !has_owner) {
            self.slots[heir].is_owner = true;
        }
    }

    /// Members at a place, and how many of them are online and not this one.
    pub(in crate::verify) fn audience(&self, seq: u64, sender: usize) -> (usize, u32) {
        let is_other = |(at, slot): &(usize, &Slot)| *at != sender && !slot.is_away;
        let at_place = || self.slots.iter().enumerate().filter(|(_, slot)| slot.has(seq));
        let online = if self.changes.last().is_none_or(|last| last.seq < seq) {
            let sender = &self.slots[sender];
            self.online - usize::from(sender.is_present() && !sender.is_away)
        } else {
            at_place().filter(is_other).count()
        };
        (at_place().count(), u32::try_from(online).unwrap_or(u32::MAX))
    }

    /// Whether every device has all that it is owed, as far as that is known.
    pub(in crate::verify) fn is_whole(&self) -> bool {
        self.pending.is_none() && self.slots.iter().all(|slot| slot.is_whole(&self.known))
    }
}

/// What names an entry: who sent it, what it is, which of the group's messages (0: none), and the server's id of it.
pub(in crate::verify) fn digest(sender: u64, kind: RowKind, count: u64, message_id: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (sender, kind.0, count, message_id).hash(&mut hasher);
    hasher.finish().max(EXCUSED + 1)
}
