//! What one node knows of each partition's owner, which ones it holds, and what it does to hold the right ones.
//! It does not know how the node's own lease is kept.

use super::effects::Effect;
use super::ids::Moment;
use super::limits::{ALONE_HANDOVERS_MAX, CLAIMS_MAX, HANDOVERS_MAX};
use super::rendezvous::winner;
use super::settings::Settings;
use super::tables::{Outcome, OwnerChange};
use super::watch::Watch;
use shard::owner::OwnerRow;
use shard::owner::{Epoch, Holder};
use shard::partition::Partition;

/// All partitions, seen from one node.
#[derive(Debug)]
pub struct Partitions {
    settings: Settings,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    partition: Partition,
    /// The newest row that was seen.
    row: Option<OwnerRow>,
    hold: Hold,
    /// No epoch up to this one is ever begun here again.
    ended: Epoch,
    /// A change is under way.
    asked: bool,
    /// When to try again, at the earliest.
    retry_at: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    No,
    /// Served under this epoch.
    Held(Epoch),
    /// The shard finishes what is in flight and takes nothing new.
    Stopping(Epoch),
    /// Nothing will be committed under this epoch any more; the row still says so.
    Stopped(Epoch),
}

impl Hold {
    fn epoch(self) -> Option<Epoch> {
        match self {
            Self::No => None,
            Self::Held(epoch) | Self::Stopping(epoch) | Self::Stopped(epoch) => Some(epoch),
        }
    }
}

/// What decisions rest on beside the owners.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// This life of this node.
    pub me: Holder,
    /// It gives everything away.
    pub is_leaving: bool,
    /// To end; otherwise it keeps what nobody else takes.
    pub is_ending: bool,
    /// It has waited long enough to give something away.
    pub may_give: bool,
    /// All leases.
    pub watch: &'a Watch,
    /// On its clock.
    pub now: Moment,
}

impl View<'_> {
    /// The node that should have a partition.
    fn heir(&self, partition: Partition) -> Option<Holder> {
        let others = self.watch.active().filter(|node| *node != self.me.node);
        let own = (!self.is_leaving).then_some(self.me.node);
        let node = winner(partition, others.chain(own))?;
        if node == self.me.node { Some(self.me) } else { self.watch.heir(node, self.now) }
    }

    /// Whether somebody else is there to take partitions.
    fn has_others(&self) -> bool {
        self.watch.active().any(|node| node != self.me.node)
    }
}

impl Partitions {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (row, hold, ended) = (None, Hold::No, Epoch(0));
        let slot =
            |partition| Slot { partition, row, hold, ended, asked: false, retry_at: Moment(0) };
        Self { settings, slots: Partition::all(settings.partitions).map(slot).collect() }
    }

    /// The epoch under which `partition` is served here.
    #[must_use]
    pub fn served(&self, partition: Partition) -> Option<Epoch> {
        match self.slot(partition).hold {
            Hold::Held(epoch) => Some(epoch),
            Hold::No | Hold::Stopping(_) | Hold::Stopped(_) => None,
        }
    }

    /// Whether what came back may be counted under `epoch`: it is served, or is finishing.
    #[cfg(test)]
    #[must_use]
    pub fn may_finish(&self, partition: Partition, epoch: Epoch) -> bool {
        matches!(self.slot(partition).hold, Hold::Held(e) | Hold::Stopping(e) if e == epoch)
    }

    /// The newest owner that was seen.
    #[must_use]
    pub fn owner(&self, partition: Partition) -> Option<OwnerRow> {
        self.slot(partition).row
    }

    /// Whether it holds nothing and asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.hold == Hold::No && !slot.asked)
    }

    /// Takes an owner row, from wherever. Epochs only grow, so an older one is a late answer.
    pub fn learn(&mut self, row: OwnerRow, effects: &mut Vec<Effect>) {
        let slot = self.slot_mut(row.partition);
        if slot.row.is_some_and(|known| known.epoch >= row.epoch) {
            return;
        }
        slot.row = Some(row);
        let Some(epoch) = slot.hold.epoch().filter(|epoch| *epoch < row.epoch) else { return };
        if matches!(slot.hold, Hold::Stopped(_)) {
            effects.push(Effect::Tell(row));
        } else {
            effects.push(Effect::Drop(row.partition, epoch));
        }
        (slot.hold, slot.ended) = (Hold::No, epoch);
    }

    /// The shard has finished: nothing is committed under `epoch` from now on.
    pub fn stopped(&mut self, partition: Partition, epoch: Epoch) {
        let slot = self.slot_mut(partition);
        if slot.hold == Hold::Stopping(epoch) {
            (slot.hold, slot.ended) = (Hold::Stopped(epoch), epoch);
        }
    }

    /// Takes what became of a change that was asked for.
    pub fn answered(
        &mut self,
        change: &OwnerChange,
        outcome: Outcome<OwnerRow>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let retry_at = now.after(self.settings.read_every_ms);
        let slot = self.slot_mut(change.next.partition);
        slot.asked = false;
        let row = match outcome {
            Outcome::Applied => Some(change.next),
            Outcome::Refused(row) => row,
            Outcome::Unknown => None,
        };
        if row.is_none_or(|row| Some(row) == change.expected) {
            slot.retry_at = retry_at;
        }
        if let Some(row) = row {
            self.learn(row, effects);
        }
    }

    /// Whether everything that should be here is.
    #[must_use]
    pub fn has_its_share(&self, view: View<'_>) -> bool {
        let is_here = |slot: &Slot| matches!(slot.hold, Hold::Held(_));
        self.slots.iter().all(|it| is_here(it) || view.heir(it.partition) != Some(view.me))
    }

    /// This life is over: everything that is held is dropped.
    pub fn drop_all(&mut self, effects: &mut Vec<Effect>) {
        for slot in &mut self.slots {
            if let Some(epoch) = slot.hold.epoch() {
                effects.push(Effect::Drop(slot.partition, epoch));
                (slot.hold, slot.ended) = (Hold::No, epoch);
            }
        }
    }

    /// Begins, claims and hands over what is due; returns when to look again, at the latest.
    pub fn settle(&mut self, view: View<'_>, effects: &mut Vec<Effect>) -> Moment {
        let mut claims = self.slots.iter().filter(|s| s.asked && s.hold == Hold::No).count();
        // Nobody is at a node that no gateway reaches: no message in flight has to be spared.
        let is_alone = view.is_leaving && !view.is_ending;
        let handovers_max = if is_alone { ALONE_HANDOVERS_MAX } else { HANDOVERS_MAX };
        let moves = |slot: &&Slot| matches!(slot.hold, Hold::Stopping(_) | Hold::Stopped(_));
        let mut handovers = self.slots.iter().filter(moves).count();
        let mut again_at = Moment::NEVER;
        let write_timeout_ms = self.settings.write_timeout_ms;
        for slot in &mut self.slots {
            let next_at = match slot.hold {
                Hold::No if slot.is_given(view.me) => {
                    slot.begin(effects);
                    view.now
                }
                Hold::No if claims < CLAIMS_MAX => {
                    let due = slot.claim(view, write_timeout_ms, effects);
                    claims += usize::from(slot.asked);
                    due
                }
                Hold::Held(epoch) if handovers < handovers_max && view.may_give => {
                    handovers += usize::from(slot.stop(epoch, view, effects));
                    Moment::NEVER
                }
                Hold::Stopped(epoch) => slot.hand_over(epoch, view, effects),
                Hold::No | Hold::Held(_) | Hold::Stopping(_) => Moment::NEVER,
            };
            again_at = again_at.min(next_at);
        }
        again_at
    }

    fn slot(&self, partition: Partition) -> &Slot {
        &self.slots[usize::from(partition.number())]
    }

    fn slot_mut(&mut self, partition: Partition) -> &mut Slot {
        &mut self.slots[usize::from(partition.number())]
    }
}

impl Slot {
    /// Whether the row gives this node an epoch that it has not ended: by its own claim, however
    /// late that took effect, or by a hand-over. As long as this life is not over, nobody else can
    /// have changed the row since.
    fn is_given(&self, me: Holder) -> bool {
        self.row.is_some_and(|row| row.holder == me && row.epoch > self.ended)
    }

    fn begin(&mut self, effects: &mut Vec<Effect>) {
        let epoch = self.row.expect("a row gave it").epoch;
        assert!(epoch > self.ended, "an epoch is begun once");
        self.hold = Hold::Held(epoch);
        effects.push(Effect::Begin(self.partition, epoch));
    }

    /// Asks for a partition that should be this node's and whose holder's life is over; returns when to look again.
    fn claim(&mut self, view: View<'_>, wait_ms: u64, effects: &mut Vec<Effect>) -> Moment {
        if self.asked || view.heir(self.partition) != Some(view.me) {
            return Moment::NEVER;
        }
        let orphaned_at = match self.row {
            None => view.now,
            Some(row) => match view.watch.over_since(row.holder) {
                Some(over_since) => over_since.after(wait_ms),
                None => return Moment::NEVER,
            },
        };
        let due = orphaned_at.max(self.retry_at);
        if view.now < due {
            return due;
        }
        self.ask(view.me, effects);
        Moment::NEVER
    }

    /// Stops what should be another's, or everything when leaving.
    fn stop(&mut self, epoch: Epoch, view: View<'_>, effects: &mut Vec<Effect>) -> bool {
        let is_others = view.heir(self.partition).is_some_and(|heir| heir != view.me);
        let is_nobodys = view.is_ending && !view.has_others();
        if is_others || is_nobodys {
            self.hold = Hold::Stopping(epoch);
            effects.push(Effect::Stop(self.partition, epoch));
        }
        is_others || is_nobodys
    }

    /// Names the heir in the row; this node itself, under a new epoch, if it should have the partition after all.
    /// Without an heir a node that leaves lets go: its life ends soon.
    fn hand_over(&mut self, epoch: Epoch, view: View<'_>, effects: &mut Vec<Effect>) -> Moment {
        assert!(self.ended == epoch, "what is handed over has been stopped");
        if self.asked || view.now < self.retry_at {
            return if self.asked { Moment::NEVER } else { self.retry_at };
        }
        match view.heir(self.partition) {
            Some(heir) => self.ask(heir, effects),
            None if view.is_ending && !view.has_others() => {
                self.hold = Hold::No;
                // Look again at once: the next partition is to be stopped now, and nothing will
                // arrive that says so.
                return view.now;
            }
            None => {}
        }
        Moment::NEVER
    }

    fn ask(&mut self, holder: Holder, effects: &mut Vec<Effect>) {
        let epoch = self.row.map_or(Epoch(0), |row| row.epoch).next();
        let next = OwnerRow { partition: self.partition, epoch, holder };
        effects.push(Effect::ChangeOwner(OwnerChange { expected: self.row, next }));
        self.asked = true;
    }
}
