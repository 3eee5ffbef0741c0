//! What is known of one user in one group: when it was a member, what its devices had, what its inbox has, what it read.
//! It judges nothing.

use crate::verify::run_set::RunSet;

/// One user in one group.
pub(in crate::verify) struct Slot {
    pub user: usize,
    pub is_away: bool,
    pub is_owner: bool,
    /// From the entry that made it a member to the one that ended it; `u64::MAX`: it is one.
    pub intervals: Vec<(u64, u64)>,
    /// The last entry that named it as a new member: it has read up to there.
    pub joined: u64,
    /// Changes that concern it and were begun.
    pub touched: u32,
    /// Such that are under way.
    pub touching: u32,
    /// By device: places that it was given, and the last of them.
    pub had: Vec<RunSet>,
    pub last: Vec<u64>,
    /// Places of its own entries, ascending.
    pub own: Vec<u64>,
    /// Its newest message that has a place: its count, its place, and whether it was repeated.
    pub top: (u64, u64, bool),
    /// Places in its inbox when that was read at the end, and the last of them.
    pub kept: RunSet,
    pub kept_last: u64,
    /// Its last mark there.
    pub read: u64,
    /// The highest place that a device asked to mark, or sent as seen, and that was answered.
    pub asked: u64,
    pub answered: u64,
}

impl Slot {
    pub fn new(user: usize, is_away: bool, devices: usize) -> Self {
        Self {
            user,
            is_away,
            is_owner: false,
            intervals: Vec::new(),
            joined: 0,
            touched: 0,
            touching: 0,
            had: vec![RunSet::default(); devices],
            last: vec![0; devices],
            own: Vec::new(),
            top: (0, 0, false),
            kept: RunSet::default(),
            kept_last: 0,
            read: 0,
            asked: 0,
            answered: 0,
        }
    }

    pub fn is_present(&self) -> bool {
        self.intervals.last().is_some_and(|(_, until)| *until == u64::MAX)
    }

    /// Whether an entry at this place is its own to have.
    pub fn has(&self, seq: u64) -> bool {
        let at = self.intervals.partition_point(|(since, _)| *since <= seq);
        at > 0 && seq <= self.intervals[at - 1].1
    }

    pub fn join(&mut self, seq: u64) {
        if !self.is_present() {
            self.intervals.push((seq, u64::MAX));
        }
    }

    /// An entry makes it a member and names it.
    pub fn is_named(&mut self, seq: u64) {
        self.join(seq);
        self.joined = self.joined.max(seq);
    }

    pub fn leave(&mut self, seq: u64) {
        self.is_owner = false;
        if let Some((_, until)) = self.intervals.last_mut() {
            *until = seq.min(*until);
        }
    }

    pub fn forget_membership(&mut self) {
        self.intervals.clear();
        (self.is_owner, self.joined) = (false, 0);
    }

    /// An entry of its own has its place.
    pub fn add_own(&mut self, seq: u64) {
        let at = self.own.partition_point(|own| *own < seq);
        if self.own.get(at) != Some(&seq) {
            self.own.insert(at, seq);
        }
    }

    pub fn own_between(&self, first: u64, last: u64) -> u64 {
        let below = |seq: u64| self.own.partition_point(|own| *own < seq);
        below(last.saturating_add(1)).saturating_sub(below(first)) as u64
    }

    /// Whether any of its devices was given this.
    pub fn had_by_any(&self, seq: u64) -> bool {
        self.had.iter().any(|had| had.contains(seq))
    }

    /// Whether each device was given all that is owed, of the places that are known. The first is not given what it sent.
    pub fn is_whole(&self, known: &RunSet) -> bool {
        let count = |of: &RunSet| -> u64 {
            self.intervals.iter().map(|(since, until)| of.count_between(*since, *until)).sum()
        };
        let own: u64 =
            self.intervals.iter().map(|(since, until)| self.own_between(*since, *until)).sum();
        let owed = count(known);
        (0..).zip(&self.had).all(|(device, had)| {
            let owed = if device == 0 { owed - own.min(owed) } else { owed };
            count(had) >= owed
        })
    }
}
