//! One node's part in the cluster: inputs and the time in, effects out. It does not know what carries the effects out,
//! and holds no message.
//!
//! The driver calls [`Ownership::step`] with whatever has arrived, and at [`Ownership::wake_at`].
//! It answers every read and every change that a step asks for exactly once: with
//! [`Outcome::Unknown`] or [`Input::Unread`] when its own time-out strikes. It reads `now` after
//! the values it gives have come back.

use super::effects::{Effect, Input, Table};
use super::ids::Moment;
use super::lease::Lease;
use super::limits::{ALONE_GIVE_MS, ALONE_MS};
use super::partitions::{Partitions, View};
use super::settings::Settings;
use super::tables::{LeaseChange, LeaseRow, Outcome};
use super::watch::Watch;
use shard::owner::NodeId;
use shard::owner::OwnerRow;
use shard::partition::Partition;

/// One life of one node.
#[derive(Debug)]
pub struct Ownership {
    settings: Settings,
    node: NodeId,
    lease: Lease,
    watch: Watch,
    partitions: Partitions,
    /// For leases and owners: when to read next; [`Moment::NEVER`] while a read is under way.
    read_at: [Moment; 2],
    owners_are_read: bool,
    /// When partitions are to be looked at again though nothing arrived.
    settle_at: Moment,
    over_is_said: bool,
    /// From when on it takes no partitions, because no gateway reaches it; a while later it gives away what it has.
    alone_at: Moment,
}

impl Ownership {
    /// Wants to join. `settings` have passed [`Settings::check`]; `token` was drawn at random for this life.
    #[must_use]
    pub fn new(settings: Settings, node: NodeId, token: u64) -> Self {
        Self {
            settings,
            node,
            lease: Lease::new(settings, node, token),
            watch: Watch::new(settings),
            partitions: Partitions::new(settings),
            read_at: [Moment(0); 2],
            owners_are_read: false,
            settle_at: Moment(0),
            over_is_said: false,
            alone_at: Moment::NEVER,
        }
    }

    /// Takes what has arrived and returns what to do. `now` was read after the inputs had come back.
    pub fn step(&mut self, now: Moment, inputs: impl IntoIterator<Item = Input>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for input in inputs {
            self.take(input, now, &mut effects);
            self.settle_at = now;
        }
        self.lease.stand(now < self.alone_at, now);
        self.keep_leases(now, &mut effects);
        if self.lease.is_over() {
            self.end(&mut effects);
            return effects;
        }
        self.keep_partitions(now, &mut effects);
        for (index, table) in [Table::Leases, Table::Owners].into_iter().enumerate() {
            if now >= self.read_at[index] {
                self.read_at[index] = Moment::NEVER;
                effects.push(Effect::Read(table));
            }
        }
        effects
    }

    /// When to call [`Ownership::step`] again though nothing arrives, at the latest.
    #[must_use]
    pub fn wake_at(&self, now: Moment) -> Moment {
        if self.lease.is_over() {
            return Moment::NEVER;
        }
        let ends =
            if self.lease.is_valid(now) { self.watch.due(self.node, now) } else { Moment::NEVER };
        let leases = self.lease.due(&self.watch, now).min(ends);
        let alone = if now < self.alone_at { self.alone_at } else { Moment::NEVER };
        leases.min(self.settle_at).min(self.read_at[0]).min(self.read_at[1]).min(alone)
    }

    /// Until when this node may commit, on its clock; 0: not any more, or not yet.
    #[must_use]
    pub fn valid_until(&self) -> Moment {
        self.lease.valid_until()
    }

    /// Whom to send to for `partition`, as far as this node knows.
    #[must_use]
    pub fn owner_of(&self, partition: Partition) -> Option<OwnerRow> {
        self.partitions.owner(partition)
    }

    /// Whether this life is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.lease.is_over()
    }

    /// Whether gateways reach others and not this node, so that it gives its partitions away.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let is_alone = self.lease.is_leaving() && !self.lease.is_ending();
        is_alone && self.watch.active().any(|node| node != self.node)
    }

    /// Whether it serves all that it should.
    #[must_use]
    pub fn has_its_share(&self, now: Moment) -> bool {
        let is_settled = self.owners_are_read && self.lease.is_valid(now) && !self.is_alone();
        let view = is_settled.then(|| self.view(now)).flatten();
        view.is_some_and(|view| self.partitions.has_its_share(view))
    }

    fn view(&self, now: Moment) -> Option<View<'_>> {
        let (is_leaving, is_ending) = (self.lease.is_leaving(), self.lease.is_ending());
        let me = self.lease.holder()?;
        let may_give = !is_leaving || is_ending || now >= self.alone_at.after(ALONE_GIVE_MS);
        Some(View { me, is_leaving, is_ending, may_give, watch: &self.watch, now })
    }

    fn take(&mut self, input: Input, now: Moment, effects: &mut Vec<Effect>) {
        match input {
            Input::Leases(rows) => {
                self.read_at[0] = now.after(self.settings.read_every_ms);
                self.watch.read(&rows, now);
                rows.into_iter().for_each(|row| self.lease.see(row, now));
            }
            Input::Owners(rows) => {
                self.read_at[1] = now.after(self.settings.owners_every_ms);
                self.owners_are_read = true;
                rows.into_iter().for_each(|row| self.partitions.learn(row, effects));
            }
            Input::Unread(Table::Leases) => {
                self.read_at[0] = now.after(self.settings.read_every_ms)
            }
            Input::Unread(Table::Owners) => {
                self.read_at[1] = now.after(self.settings.read_every_ms)
            }
            Input::LeaseAnswer(change, outcome) => self.take_lease(&change, outcome, now),
            Input::OwnerAnswer(change, outcome) => {
                self.partitions.answered(&change, outcome, now, effects);
            }
            Input::Told(row) => self.partitions.learn(row, effects),
            Input::Stopped(partition, epoch) => self.partitions.stopped(partition, epoch),
            // A life begins with nobody there: it is alone until a gateway comes.
            Input::Reached(false) if self.lease.holder().is_none() => self.alone_at = now,
            Input::Reached(false) => self.alone_at = now.after(ALONE_MS),
            Input::Reached(true) => self.alone_at = Moment::NEVER,
            Input::Leave => self.lease.leave(now),
        }
    }

    fn take_lease(&mut self, change: &LeaseChange, outcome: Outcome<LeaseRow>, now: Moment) {
        match outcome {
            Outcome::Applied => self.watch.see(change.next, now),
            Outcome::Refused(Some(row)) => self.watch.see(row, now),
            Outcome::Refused(None) | Outcome::Unknown => {}
        }
        if self.lease.is_own(change) {
            self.lease.answered(change, outcome, now);
        } else {
            self.watch.answered(change.next.node, now);
        }
    }

    /// A node ends leases of others only while its own is valid, so that one that was away looks around first.
    fn keep_leases(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.lease.is_ending() && self.owners_are_read && self.partitions.is_empty() {
            self.lease.close(now);
        }
        effects.extend(self.lease.ask(&self.watch, now).map(Effect::ChangeLease));
        if self.lease.is_valid(now) {
            let ends = self.watch.ends(self.node, now);
            effects.extend(ends.into_iter().map(Effect::ChangeLease));
        }
    }

    fn keep_partitions(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if now < self.settle_at {
            return;
        }
        self.settle_at = Moment::NEVER;
        let may_act = self.owners_are_read && self.lease.is_valid(now);
        let (is_leaving, is_ending) = (self.lease.is_leaving(), self.lease.is_ending());
        let Some(me) = self.lease.holder().filter(|_| may_act) else { return };
        let may_give = !is_leaving || is_ending || now >= self.alone_at.after(ALONE_GIVE_MS);
        let view = View { me, is_leaving, is_ending, may_give, watch: &self.watch, now };
        self.settle_at = self.partitions.settle(view, effects);
    }

    fn end(&mut self, effects: &mut Vec<Effect>) {
        if !self.over_is_said {
            self.over_is_said = true;
            self.partitions.drop_all(effects);
            effects.push(Effect::Over);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shard::owner::Epoch;
    use std::ops::Range;

    /// What tests ask.
    impl Ownership {
        /// The epoch under which this node serves `partition` now: takes messages, answers reads.
        fn is_serving(&self, partition: Partition, now: Moment) -> Option<Epoch> {
            self.partitions.served(partition).filter(|_| self.lease.is_valid(now))
        }

        /// Whether a write of `epoch` counts as committed, asked with a `now` that was read after the write came back. If it
        /// does not, it may after the next renewal; after [`Effect::Drop`] it never will.
        fn may_commit(&self, partition: Partition, epoch: Epoch, now: Moment) -> bool {
            self.partitions.may_finish(partition, epoch) && self.lease.is_valid(now)
        }
    }

    /// Tables that answer at once, and the effects that are not for them.
    #[derive(Default)]
    struct Tables {
        leases: Vec<LeaseRow>,
        owners: Vec<OwnerRow>,
    }

    fn settings() -> Settings {
        Settings { partitions: 4, ..Settings::default() }
    }

    impl Tables {
        fn answer(&mut self, effect: Effect) -> Option<Input> {
            Some(match effect {
                Effect::Read(Table::Leases) => Input::Leases(self.leases.clone()),
                Effect::Read(Table::Owners) => Input::Owners(self.owners.clone()),
                Effect::ChangeLease(change) => {
                    self.leases.retain(|row| row.node != change.next.node);
                    self.leases.push(change.next);
                    Input::LeaseAnswer(change, Outcome::Applied)
                }
                Effect::ChangeOwner(change) => {
                    self.owners.retain(|row| row.partition != change.next.partition);
                    self.owners.push(change.next);
                    Input::OwnerAnswer(change, Outcome::Applied)
                }
                Effect::Stop(partition, epoch) => Input::Stopped(partition, epoch),
                Effect::Tell(_) | Effect::Begin(..) | Effect::Drop(..) | Effect::Over => {
                    return None;
                }
            })
        }

        /// Steps until nothing is asked any more; what was done beside asking.
        fn settle(
            &mut self,
            node: &mut Ownership,
            now: Moment,
            first: Option<Input>,
        ) -> Vec<Effect> {
            let (mut inputs, mut done) = (Vec::from_iter(first), Vec::new());
            loop {
                let effects = node.step(now, inputs);
                done.extend(effects.iter().filter(|effect| self.is_done(effect)));
                inputs = effects.into_iter().filter_map(|effect| self.answer(effect)).collect();
                if inputs.is_empty() {
                    return done;
                }
            }
        }

        fn is_done(&self, effect: &Effect) -> bool {
            matches!(effect, Effect::Begin(..) | Effect::Drop(..) | Effect::Tell(_) | Effect::Over)
        }
    }

    fn first() -> Partition {
        Partition::all(1).next().unwrap()
    }

    #[test]
    fn a_lone_node_joins_and_begins_every_partition() {
        let (mut tables, mut node) = (Tables::default(), Ownership::new(settings(), NodeId(1), 7));
        let done = tables.settle(&mut node, Moment(10), None);
        let begins = Partition::all(4).map(|partition| Effect::Begin(partition, Epoch(1)));
        assert_eq!(done, begins.collect::<Vec<_>>());
        assert_eq!(node.is_serving(first(), Moment(10)), Some(Epoch(1)));
    }

    #[test]
    fn a_lapse_that_nobody_used_suspends_and_ends_with_the_next_renewal() {
        let (mut tables, mut node) = (Tables::default(), Ownership::new(settings(), NodeId(1), 7));
        tables.settle(&mut node, Moment(0), None);
        assert!(node.may_commit(first(), Epoch(1), Moment(4_999)));
        assert!(!node.may_commit(first(), Epoch(1), Moment(5_000)));
        assert_eq!(tables.settle(&mut node, Moment(60_000), None), []);
        assert!(node.may_commit(first(), Epoch(1), Moment(60_000)));
    }

    #[test]
    fn the_last_node_lets_everything_go_at_once() {
        let (mut tables, mut node) = (Tables::default(), Ownership::new(settings(), NodeId(1), 7));
        tables.settle(&mut node, Moment(0), None);
        tables.settle(&mut node, Moment(10), Some(Input::Leave));
        for _ in 0..8 {
            let due = node.wake_at(Moment(10)) <= Moment(10);
            assert!(due || node.is_over(), "nothing waits for the next read of a table");
            tables.settle(&mut node, Moment(10), None);
        }
        assert!(node.is_over());
    }

    /// Two nodes that share 16 partitions, at 4 s.
    fn neighbours() -> (Tables, [Ownership; 2]) {
        let settings = Settings { partitions: 16, ..Settings::default() };
        let mut tables = Tables::default();
        let mut nodes = [1, 2].map(|id| Ownership::new(settings, NodeId(id), 7));
        for node in &mut nodes {
            tables.settle(node, Moment(0), Some(Input::Reached(true)));
        }
        tables.live(&mut nodes, 100..4_000);
        assert!(nodes.iter().all(|node| node.has_its_share(Moment(4_000))));
        assert!(nodes.iter().all(|node| held(node, 4_000) > 0));
        (tables, nodes)
    }

    impl Tables {
        fn live(&mut self, nodes: &mut [Ownership], time: Range<u64>) {
            for at in time.step_by(100) {
                for node in &mut *nodes {
                    self.settle(node, Moment(at), None);
                }
            }
        }
    }

    fn held(node: &Ownership, at: u64) -> usize {
        Partition::all(16).filter(|it| node.is_serving(*it, Moment(at)).is_some()).count()
    }

    #[test]
    fn a_node_that_no_gateway_reaches_gives_its_partitions_to_one_that_is_reached() {
        let (mut tables, mut nodes) = neighbours();
        let before = held(&nodes[0], 4_000);
        tables.settle(&mut nodes[0], Moment(4_000), Some(Input::Reached(false)));
        let gives_at = 4_000 + ALONE_MS + ALONE_GIVE_MS;
        tables.live(&mut nodes, 4_100..gives_at);
        assert_eq!(held(&nodes[0], gives_at), before, "a gateway may come back");
        tables.live(&mut nodes, gives_at..gives_at + 2_000);
        let at = gives_at + 2_000;
        assert_eq!([held(&nodes[0], at), held(&nodes[1], at)], [0, 16]);
        assert!(!nodes[0].is_over() && nodes[0].is_alone(), "others still learn where it is");
        tables.settle(&mut nodes[0], Moment(at), Some(Input::Reached(true)));
        tables.live(&mut nodes, at..at + 4_000);
        assert_eq!(held(&nodes[0], at + 4_000), before);
    }

    #[test]
    fn nothing_moves_while_no_gateway_reaches_any_node() {
        for later in [0, 400] {
            let (mut tables, mut nodes) = neighbours();
            let before = tables.owners.clone();
            tables.settle(&mut nodes[0], Moment(4_000), Some(Input::Reached(false)));
            tables.live(&mut nodes, 4_000..4_000 + later);
            tables.settle(&mut nodes[1], Moment(4_000 + later), Some(Input::Reached(false)));
            tables.live(&mut nodes, 4_100 + later..60_000);
            assert_eq!(tables.owners, before, "all gateways are away");
        }
    }

    #[test]
    fn a_node_takes_nothing_before_a_gateway_reaches_it() {
        let (mut tables, mut node) = (Tables::default(), Ownership::new(settings(), NodeId(1), 7));
        assert_eq!(tables.settle(&mut node, Moment(10), Some(Input::Reached(false))), []);
        assert!(!tables.leases.is_empty(), "gateways learn where it is from its lease");
        let done = tables.settle(&mut node, Moment(300), Some(Input::Reached(true)));
        assert!(!node.has_its_share(Moment(300)) || done.len() == 4);
        let done = [done, tables.settle(&mut node, Moment(600), None)].concat();
        assert_eq!(done.len(), 4, "{done:?}");
        assert!(node.has_its_share(Moment(600)));
    }

    #[test]
    fn a_node_that_leaves_hands_over_and_then_ends_its_life() {
        let mut tables = Tables::default();
        let [mut one, mut two] = [1, 2].map(|id| Ownership::new(settings(), NodeId(id), 7));
        tables.settle(&mut one, Moment(0), None);
        tables.settle(&mut two, Moment(0), None);
        // One reads that there is another, and hands its share over at once.
        tables.settle(&mut one, Moment(300), None);
        let done = tables.settle(&mut one, Moment(310), Some(Input::Leave));
        assert!(done.contains(&Effect::Over), "{done:?}");
        assert!(
            tables.owners.iter().all(|row| row.holder.node == NodeId(2)),
            "{:?}",
            tables.owners
        );
        assert_eq!(one.is_serving(first(), Moment(310)), None);
        tables.settle(&mut two, Moment(1_100), None);
        assert!(
            Partition::all(4).all(|partition| two.is_serving(partition, Moment(1_100)).is_some())
        );
    }
}
