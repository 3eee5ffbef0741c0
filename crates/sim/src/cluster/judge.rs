//! What must hold at every step, over all processes at once. It sees what nobody in a real cluster sees, and
//! influences nothing.

use super::store::{Log, Row, Store};
use logic::cluster::Position;
use shard::owner::Epoch;
use shard::partition::Partition;
use std::collections::BTreeMap;
use wire::{MessageId, Seq};

/// Remembers everything that was ever committed and acknowledged.
#[derive(Debug, Default)]
pub struct Judge {
    committed: BTreeMap<Log, BTreeMap<Position, Row>>,
    /// Where each id was committed in the conversation.
    places: BTreeMap<MessageId, Seq>,
    acked: BTreeMap<MessageId, Seq>,
    /// The process that began each epoch, by partition.
    begun: BTreeMap<(Partition, Epoch), usize>,
    commits_made: u64,
    /// The first thing that went wrong.
    verdict: Option<String>,
}

impl Judge {
    /// The first thing that went wrong, if anything did.
    #[must_use]
    pub fn verdict(&self) -> Option<&str> {
        self.verdict.as_deref()
    }

    /// How many messages were acknowledged.
    #[must_use]
    pub fn acked(&self) -> usize {
        self.acked.len()
    }

    /// What was acknowledged of a log's conversation.
    #[must_use]
    pub fn acked_in(&self, log: Log) -> Vec<MessageId> {
        let is_its = |id: &&MessageId| Log::of_message(**id).chat() == log.chat();
        self.acked.keys().filter(is_its).copied().collect()
    }

    /// Rows that were committed, repeats after takeovers included.
    #[must_use]
    pub fn commits_made(&self) -> u64 {
        self.commits_made
    }

    /// Epochs that were begun.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.begun.len()
    }

    /// Something that must not be.
    pub fn fail(&mut self, what: impl FnOnce() -> String) {
        self.verdict.get_or_insert_with(what);
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fail(what);
        }
    }

    /// A process begins an epoch.
    pub fn begins(&mut self, process: usize, partition: Partition, epoch: Epoch) {
        let first = self.begun.insert((partition, epoch), process);
        self.check(first.is_none(), || format!("{partition:?} {epoch:?} was begun twice"));
    }

    /// The processes that may commit in a partition now. At most one.
    pub fn owners(&mut self, partition: Partition, owners: &[usize]) {
        self.check(owners.len() < 2, || format!("{partition:?} has the owners {owners:?} at once"));
    }

    /// A process counts a row as committed while `others` may commit in the partition too.
    pub fn commits(&mut self, log: Log, (position, row): (Position, Row), others: &[usize]) {
        self.check(others.is_empty(), || {
            format!("{log:?} commits {position:?} while {others:?} may commit there")
        });
        self.commits_made += 1;
        let rows = self.committed.entry(log).or_default();
        let known = *rows.entry(position).or_insert(row);
        let below = rows.range(..position).next_back().map(|row| (*row.0, *row.1));
        let above = rows.range(position.next()..).next().map(|row| *row.1);
        self.check(known == row, || format!("{log:?} {position:?} was {known:?}, became {row:?}"));
        if matches!(log, Log::Conversation(_)) {
            let place = *self.places.entry(row.id).or_insert(row.seq);
            self.check(place == row.seq, || {
                format!("{:?} is stored at {place} and {}", row.id, row.seq)
            });
            return;
        }
        let is_above = below.is_none_or(|(_, below)| below.seq < row.seq);
        let is_below = above.is_none_or(|above| above.seq > row.seq);
        self.check(is_above && is_below, || format!("{log:?} is out of order at {position:?}"));
        let place = self.places.get(&row.id).copied();
        self.check(place == Some(row.seq), || {
            format!("{log:?} has {row:?}, committed at {place:?}")
        });
    }

    /// A message is acknowledged by the conversation's owner.
    pub fn acks(&mut self, id: MessageId, seq: Seq) {
        let known = *self.acked.entry(id).or_insert(seq);
        self.check(known == seq, || format!("{id:?} was acknowledged at {known}, then at {seq}"));
    }

    /// A write has landed in a log: what was committed there must be there still.
    pub fn landed(&mut self, store: &Store, log: Log, position: Position) {
        let committed = self.committed.get(&log).and_then(|rows| rows.get(&position)).copied();
        let stored = store.row(log, position);
        self.check(committed.is_none() || committed == stored, || {
            format!("{log:?} {position:?} was committed as {committed:?}, now {stored:?} is stored")
        });
    }

    /// A client has read a log; `acked_before` was acknowledged when it asked.
    pub fn reads(&mut self, log: Log, rows: &[(Position, Row)], acked_before: &[MessageId]) {
        let dense = rows.iter().enumerate().all(|(index, row)| row.0.0 == index as u64 + 1);
        self.check(dense, || format!("{log:?} was read with a hole: {rows:?}"));
        let lost = acked_before.iter().find(|id| rows.iter().all(|row| row.1.id != **id));
        self.check(lost.is_none(), || {
            format!("{log:?} was read without {lost:?}, which was acknowledged")
        });
    }

    /// Everything is quiet: the store holds exactly what was promised.
    pub fn ends(&mut self, store: &Store) {
        for log in Log::all() {
            let committed = self.committed.get(&log).map_or(0, BTreeMap::len);
            let rows: Vec<_> = store.rows(log).take(committed).collect();
            let all = self.acked_in(log);
            self.reads(log, &rows, &all);
            let mut seqs: Vec<Seq> = rows.iter().map(|row| row.1.seq).collect();
            seqs.dedup();
            self.check(seqs.len() == rows.len() && seqs.is_sorted(), || {
                format!("{log:?} is out of order or doubled: {seqs:?}")
            });
            let moved =
                rows.iter().find(|row| self.places.get(&row.1.id) != Some(&row.1.seq)).copied();
            self.check(moved.is_none(), || format!("{log:?} holds {moved:?} at another seq"));
        }
    }
}
