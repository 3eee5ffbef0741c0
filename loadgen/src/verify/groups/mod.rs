//! The judge of groups: what was said and changed, what was answered. It knows of each group the sequence of entries and of
//! each member the intervals in which it must have every entry, once and in order, and outside of which it must have none.
//!
//! An entry costs 8 bytes and the place of its sender 8; a member that has everything of its intervals a fixed amount, for what
//! a device had is kept as runs of places. Who is owed what is judged when everything is over, by sets.

pub(super) mod group;
pub(super) mod slot;
pub(super) mod said;
mod reach;

pub use group::Group;
pub use reach::Reach;
pub use said::Reached;

use super::StreamId;
use std::collections::HashMap;
use wire::{ConversationId, RowKind};

/// A group of a thread, by numbers from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupNo(pub u32);

/// What a user sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The nth message of a stream.
    Direct(StreamId, u64),
    /// The nth message of a group.
    Said(GroupNo, u64),
    /// A change of a group's members.
    Change(GroupNo),
}

/// Who changes a group, how, and whom the change names.
#[derive(Clone, Debug)]
pub struct Changing {
    /// Who.
    pub by: usize,
    /// How.
    pub kind: RowKind,
    /// Whom.
    pub named: Vec<usize>,
}

/// All groups of a thread.
#[derive(Default)]
pub struct Groups {
    pub(super) list: Vec<Group>,
    pub(super) by_id: HashMap<ConversationId, GroupNo>,
    /// By user: it is away until the end.
    pub(super) away: Vec<bool>,
    /// Bytes of a body.
    pub(super) payload: usize,
    /// What is complete since it was last asked for.
    pub(super) reached: Vec<Reached>,
    /// Groups from here on may lack something: see `is_everybody_whole` of the judge.
    pub(super) whole: usize,
    /// Changes that have their places.
    pub(super) changes: u64,
}

impl Groups {
    /// Whose users are `away`, with bodies of `payload` bytes.
    #[must_use]
    pub fn new(away: Vec<bool>, payload: usize) -> Self {
        Self { away, payload, ..Self::default() }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, no: GroupNo) -> &Group {
        &self.list[no.0 as usize]
    }

    /// The one with this id.
    #[must_use]
    pub fn find(&self, id: ConversationId) -> Option<GroupNo> {
        self.by_id.get(&id).copied()
    }

    /// Changes that have their places: also those that made the groups.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Messages that are complete since this was last asked.
    pub fn take_reached(&mut self) -> Vec<Reached> {
        std::mem::take(&mut self.reached)
    }

    /// Messages that were not refused and are not complete, as if everything came now.
    pub fn incomplete(&self, now_ns: u64) -> impl Iterator<Item = Reached> + '_ {
        let said = self.list.iter().flat_map(|group| &group.window);
        let open = said.filter(|said| !said.is_complete && !said.is_refused());
        open.map(move |said| said.reached(now_ns))
    }

    pub(super) fn group(&mut self, no: GroupNo) -> &mut Group {
        &mut self.list[no.0 as usize]
    }
}
