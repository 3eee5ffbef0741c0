//! The leases as one node has seen them, and since when on its clock. It knows no owner of a partition.
//!
//! A node that could not read the table for long begins to count anew. So no lease ends because
//! nobody reaches the store, and when it is back every node has time to renew, and goes on with
//! what it owns.

use super::ids::Moment;
use super::settings::Settings;
use super::tables::{LeaseChange, LeaseRow, Standing};
use shard::owner::{Holder, Incarnation, NodeId};
use std::collections::BTreeMap;

/// What one node knows of all leases, its own row included.
#[derive(Debug)]
pub struct Watch {
    settings: Settings,
    /// At most one entry a node number.
    seen: BTreeMap<NodeId, Seen>,
    /// When the whole table was read last.
    read_at: Option<Moment>,
}

#[derive(Debug)]
struct Seen {
    row: LeaseRow,
    /// When an answer first showed this very row, or first again after nothing was read for long. Not when it was asked
    /// for: the row may be younger than that.
    since: Moment,
    /// When an answer first showed this incarnation.
    incarnation_since: Moment,
    /// When to try to end it, at the earliest.
    retry_at: Moment,
    asked: bool,
}

/// Whether a node may take up its own row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The table was not read yet, or a former life may still commit until then.
    Wait(Moment),
    /// The node never was in this cluster.
    Create,
    /// The former life is over.
    TakeUp(LeaseRow),
}

impl Watch {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, seen: BTreeMap::new(), read_at: None }
    }

    /// Takes a read of the whole table.
    pub fn read(&mut self, rows: &[LeaseRow], now: Moment) {
        if self.is_blind(now) {
            let lives = |seen: &&mut Seen| seen.row.standing != Standing::Over;
            self.seen.values_mut().filter(lives).for_each(|seen| seen.since = now);
        }
        self.read_at = Some(now);
        rows.iter().for_each(|row| self.see(*row, now));
    }

    /// Whether nothing was read for long: half a lease, so that some reads may fail, or all be slow.
    fn is_blind(&self, now: Moment) -> bool {
        self.read_at.is_none_or(|at| now.since(at) > self.settings.lease_ms / 2)
    }

    /// Takes one row; what is older than what was seen before is a late answer.
    pub fn see(&mut self, row: LeaseRow, now: Moment) {
        let fresh = Seen { row, since: now, incarnation_since: now, retry_at: now, asked: false };
        let seen = self.seen.entry(row.node).or_insert(fresh);
        if row.age() > seen.row.age() {
            if row.incarnation != seen.row.incarnation {
                seen.incarnation_since = now;
            }
            (seen.row, seen.since, seen.retry_at) = (row, now, now);
        }
    }

    /// Since when this life of a node is known to be over.
    ///
    /// A row of an earlier life says nothing: the tables are read one after the other, so an owner row may name a life
    /// that the leases did not show yet.
    #[must_use]
    pub fn over_since(&self, holder: Holder) -> Option<Moment> {
        let seen = self.seen.get(&holder.node)?;
        if seen.row.incarnation > holder.incarnation {
            return Some(seen.incarnation_since);
        }
        let is_over = seen.row.holder() == holder && seen.row.standing == Standing::Over;
        is_over.then_some(seen.since)
    }

    /// The nodes that take partitions.
    pub fn active(&self) -> impl Iterator<Item = NodeId> {
        let active = |seen: &&Seen| seen.row.standing == Standing::Active;
        self.seen.values().filter(active).map(|seen| seen.row.node)
    }

    /// The life of a node to give a partition to; `None` if it looks dead.
    #[must_use]
    pub fn heir(&self, node: NodeId, now: Moment) -> Option<Holder> {
        let seen = self.seen.get(&node)?;
        let is_fresh = now.since(seen.since) < self.settings.lease_ms;
        (is_fresh && seen.row.standing == Standing::Active).then(|| seen.row.holder())
    }

    /// Whether `node` may begin a life.
    #[must_use]
    pub fn join(&self, node: NodeId, now: Moment) -> Join {
        if self.read_at.is_none() {
            return Join::Wait(Moment::NEVER);
        }
        let Some(seen) = self.seen.get(&node) else { return Join::Create };
        let over_at = self.over_at(seen);
        if now < over_at { Join::Wait(over_at) } else { Join::TakeUp(seen.row) }
    }

    /// The incarnation that a node's next life has.
    #[must_use]
    pub fn next_incarnation(join: Join) -> Option<Incarnation> {
        match join {
            Join::Wait(_) => None,
            Join::Create => Some(Incarnation(1)),
            Join::TakeUp(row) => Some(row.incarnation.next()),
        }
    }

    /// The leases of others that are to be ended now.
    pub fn ends(&mut self, me: NodeId, now: Moment) -> Vec<LeaseChange> {
        let mut changes = Vec::new();
        if self.is_blind(now) {
            return changes;
        }
        let over_ms = self.settings.lease_over_ms;
        for seen in self.seen.values_mut() {
            let lives = seen.row.node != me && seen.row.standing != Standing::Over;
            let unchanged = now.since(seen.since) >= over_ms;
            if lives && unchanged && !seen.asked && now >= seen.retry_at {
                seen.asked = true;
                let next = LeaseRow { standing: Standing::Over, ..seen.row };
                changes.push(LeaseChange { expected: Some(seen.row), next, asked_at: now });
            }
        }
        changes
    }

    /// The change that was to end a node's lease has been answered.
    pub fn answered(&mut self, node: NodeId, now: Moment) {
        if let Some(seen) = self.seen.get_mut(&node) {
            seen.asked = false;
            seen.retry_at = now.after(self.settings.read_every_ms);
        }
    }

    /// When [`Watch::ends`] has something to say, at the earliest, if nothing is read before.
    #[must_use]
    pub fn due(&self, me: NodeId, now: Moment) -> Moment {
        if self.is_blind(now) {
            return Moment::NEVER;
        }
        let ends = |seen: &&Seen| {
            seen.row.node != me && seen.row.standing != Standing::Over && !seen.asked
        };
        let due = |seen: &Seen| self.over_at(seen).max(seen.retry_at);
        self.seen.values().filter(ends).map(due).min().unwrap_or(Moment::NEVER)
    }

    fn over_at(&self, seen: &Seen) -> Moment {
        match seen.row.standing {
            Standing::Over => seen.since,
            Standing::Active | Standing::Leaving => seen.since.after(self.settings.lease_over_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);

    fn row(incarnation: u32, beat: u64, standing: Standing) -> LeaseRow {
        LeaseRow { node: A, incarnation: Incarnation(incarnation), token: 0, beat, standing }
    }

    fn watch(rows: &[(LeaseRow, u64)]) -> Watch {
        let mut watch = Watch::new(Settings::default());
        rows.iter().for_each(|(row, at)| watch.read(&[*row], Moment(*at)));
        watch
    }

    fn every_second(row: LeaseRow, from: u64, seconds: u64) -> Vec<(LeaseRow, u64)> {
        (0..=seconds).map(|second| (row, from + second * 1_000)).collect()
    }

    #[test]
    fn a_lease_is_ended_only_after_it_was_seen_unchanged_for_its_length_and_margin() {
        let first = row(1, 1, Standing::Active);
        let mut watch = watch(&every_second(first, 100, 4));
        assert_eq!(watch.due(NodeId(0), Moment(4_200)), Moment(5_350));
        assert!(watch.ends(NodeId(0), Moment(5_349)).is_empty());
        let ends = watch.ends(NodeId(0), Moment(5_350));
        assert_eq!(ends[0].expected, Some(first));
        assert!(watch.ends(NodeId(0), Moment(5_400)).is_empty(), "it was asked for");
    }

    #[test]
    fn a_renewal_starts_the_count_again_and_a_late_answer_does_not() {
        let (first, second) = (row(1, 1, Standing::Active), row(1, 2, Standing::Active));
        let due = |rows: &[(LeaseRow, u64)]| watch(rows).due(NodeId(0), Moment(2_000));
        assert_eq!(due(&[(first, 0), (second, 1_000)]), Moment(6_250));
        assert_eq!(due(&[(second, 1_000), (first, 2_000)]), Moment(6_250));
    }

    #[test]
    fn who_could_not_read_for_long_counts_anew() {
        let first = row(1, 1, Standing::Active);
        let mut watch = watch(&every_second(first, 0, 3));
        assert!(watch.ends(NodeId(0), Moment(60_000)).is_empty());
        assert_eq!(watch.due(NodeId(0), Moment(60_000)), Moment::NEVER);
        watch.read(&[first], Moment(60_000));
        assert!(watch.ends(NodeId(0), Moment(60_000)).is_empty());
        assert_eq!(watch.due(NodeId(0), Moment(60_000)), Moment(65_250));
        every_second(first, 61_000, 4)
            .iter()
            .for_each(|(row, at)| watch.read(&[*row], Moment(*at)));
        assert_eq!(watch.ends(NodeId(0), Moment(65_250)).len(), 1);
    }

    #[test]
    fn an_earlier_life_says_nothing_of_a_later_one() {
        let holder = Holder { node: A, incarnation: Incarnation(2) };
        assert_eq!(watch(&[(row(1, 9, Standing::Over), 7)]).over_since(holder), None);
        assert_eq!(watch(&[(row(2, 9, Standing::Active), 7)]).over_since(holder), None);
        assert_eq!(watch(&[(row(2, 9, Standing::Over), 7)]).over_since(holder), Some(Moment(7)));
        let later = watch(&[(row(3, 0, Standing::Active), 7), (row(3, 1, Standing::Active), 9)]);
        assert_eq!(later.over_since(holder), Some(Moment(7)));
    }

    #[test]
    fn a_life_begins_when_the_former_is_over() {
        assert_eq!(Watch::new(Settings::default()).join(A, Moment(0)), Join::Wait(Moment::NEVER));
        let mut empty = Watch::new(Settings::default());
        empty.read(&[], Moment(0));
        assert_eq!(empty.join(A, Moment(0)), Join::Create);
        let (over, active) = (row(1, 5, Standing::Over), row(1, 5, Standing::Active));
        assert_eq!(watch(&[(over, 7)]).join(A, Moment(7)), Join::TakeUp(over));
        assert_eq!(watch(&[(active, 7)]).join(A, Moment(5_256)), Join::Wait(Moment(5_257)));
        assert_eq!(watch(&[(active, 7)]).join(A, Moment(5_257)), Join::TakeUp(active));
    }
}
