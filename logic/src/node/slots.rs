//! The partitions that a core holds: each a shard with its store, under an epoch. It knows no links.
//!
//! A partition begins when its store has been opened. It is stopped by taking nothing new until
//! nothing is under way. It can also be dropped, with all that is under way. With the embedded
//! store one slot has every partition of the core.

use super::limits::{CORE_IN_FLIGHT_MAX, PARTITION_IDS_MAX, PARTITION_IN_FLIGHT_MAX};
use shard::command::{Command, Effects, Input, Login, Mail, Now};
use shard::host::{Committed, Host};
use shard::limits::{BUSY_RETRY_MS, PARTITIONS, STORE_RETRY_MS};
use shard::owner::Epoch;
use shard::partition::{Partition, Share};
use shard::rows::StoreError;
use shard::store::Store;
use shard::{Shard, ShardConfig};
use std::collections::{BTreeSet, HashMap};
use wire::RefusalCode;

/// The partitions of one core, and which of them have something to do.
pub struct Slots {
    slots: HashMap<Partition, Slot>,
    /// One slot has everything.
    is_whole: bool,
    bounds: Bounds,
    /// Slots with something to do this turn.
    touched: BTreeSet<Partition>,
    stopped: Vec<(Partition, Epoch)>,
    in_flight: usize,
}

/// The key of the slot that has everything.
const WHOLE: Partition = Partition::FIRST;

/// What the shards of a core are told.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Users, chats and conversations of the core kept while nothing needs them.
    pub cached_max: usize,
    /// Devices of one user at a time.
    pub devices_max: usize,
    /// Tells the inboxes of this store from those of any other.
    pub inbox_epoch: u64,
}

struct Slot {
    epoch: Epoch,
    state: State,
    in_flight: usize,
}

enum State {
    Opening(Store),
    Served(Box<Host>),
    /// Nothing new is taken.
    Stopping(Box<Host>, Flushed),
}

/// Whether what was only in memory has been given to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushed {
    No,
    Yes,
}

/// What came out of a turn. The driver empties it.
#[derive(Default)]
pub struct Output {
    /// Answers for entries, and mail for shards of other partitions.
    pub effects: Effects,
    /// Partitions that were stopped.
    pub stopped: Vec<(Partition, Epoch)>,
    /// Commits that ended.
    pub commits: Vec<Committed>,
}

impl Slots {
    /// None yet.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self {
            slots: HashMap::new(),
            is_whole: false,
            bounds,
            touched: BTreeSet::new(),
            stopped: Vec::new(),
            in_flight: 0,
        }
    }

    /// One for every partition of the core.
    #[must_use]
    pub fn whole(host: Host, epoch: Epoch, bounds: Bounds) -> Self {
        let slot = Slot { epoch, state: State::Served(Box::new(host)), in_flight: 0 };
        Self { slots: HashMap::from([(WHOLE, slot)]), is_whole: true, ..Self::new(bounds) }
    }

    /// A partition is to be served once its store is open.
    pub fn begin(&mut self, partition: Partition, epoch: Epoch, store: Store) {
        let slot = Slot { epoch, state: State::Opening(store), in_flight: 0 };
        let before = self.slots.insert(partition, slot);
        assert!(before.is_none_or(|before| before.epoch < epoch), "an epoch is begun once");
        self.touch(partition);
    }

    /// Takes nothing new for a partition; [`Output::stopped`] says when nothing is under way.
    pub fn stop(&mut self, partition: Partition, epoch: Epoch) {
        let Some(slot) = self.slots.remove(&partition) else { return };
        assert_eq!(slot.epoch, epoch, "what is stopped is what is held");
        let state = match slot.state {
            State::Opening(_) => return self.stopped.push((partition, epoch)),
            State::Served(host) => State::Stopping(host, Flushed::No),
            state @ State::Stopping(..) => state,
        };
        self.slots.insert(partition, Slot { state, ..slot });
        self.touch(partition);
    }

    /// Forgets a partition, and what is under way for it.
    pub fn drop_now(&mut self, partition: Partition, epoch: Epoch) {
        if self.slots.get(&partition).is_some_and(|slot| slot.epoch == epoch) {
            let slot = self.slots.remove(&partition).expect("just seen");
            self.in_flight -= slot.in_flight;
        }
    }

    /// Something may have come from the partition's store.
    pub fn touch(&mut self, partition: Partition) {
        self.touched.insert(self.key(partition));
    }

    /// Why a command is refused that would only wait, and after how many ms it may come again. `is_broken`: the store does not
    /// answer. Then this node's lease ends too, and who owns the partition next is known only when the store is back: so the
    /// client is refused now, and not sent to look for another owner.
    #[must_use]
    pub fn refusal(&self, command: &Command, is_broken: bool) -> Option<(RefusalCode, u32)> {
        let needs_store = command.needs().store;
        if needs_store && is_broken {
            return Some((RefusalCode::StoreUnavailable, STORE_RETRY_MS));
        }
        let is_full = self.in_flight >= CORE_IN_FLIGHT_MAX;
        (needs_store && is_full).then_some((RefusalCode::Busy, BUSY_RETRY_MS))
    }

    /// Hands a command in; not if the partition is not served here.
    pub fn take(&mut self, partition: Partition, input: Input) -> bool {
        let key = self.key(partition);
        let Some(Slot { state: State::Served(host), .. }) = self.slots.get_mut(&key) else {
            return false;
        };
        host.take(input);
        self.touched.insert(key);
        true
    }

    /// Whether commands for it that mean this epoch are taken.
    #[must_use]
    pub fn serves(&self, partition: Partition, epoch: Epoch) -> bool {
        let slot = self.slots.get(&self.key(partition)).filter(|slot| slot.epoch == epoch);
        slot.is_some_and(|slot| matches!(slot.state, State::Served(_)))
    }

    /// Hands mail in. A shard that is stopping takes only mail that ends its own messages in
    /// flight. Other mail is dropped, and its sender sends it again.
    pub fn take_mail(&mut self, partition: Partition, mail: Mail) {
        let key = self.key(partition);
        let is_end = matches!(mail, Mail::Confirm { .. } | Mail::Decline { .. });
        match self.slots.get_mut(&key).map(|slot| &mut slot.state) {
            Some(State::Served(host)) => host.take(Input::Mail(mail)),
            Some(State::Stopping(host, _)) if is_end => host.take(Input::Mail(mail)),
            Some(State::Opening(_) | State::Stopping(..)) | None => return,
        }
        self.touched.insert(key);
    }

    /// The way to an entry is gone.
    pub fn forget_entry(&mut self, entry: u16) {
        for slot in self.slots.values_mut() {
            if let State::Served(host) | State::Stopping(host, _) = &mut slot.state {
                host.forget_entry(entry);
            }
        }
    }

    /// Touches the shards whose timers have come, and those that are to stop.
    pub fn look_at_timers(&mut self, now: Now) {
        for (key, slot) in &self.slots {
            let is_due = match &slot.state {
                State::Opening(_) | State::Stopping(..) => true,
                // Conversations that stall have no timer: a shard with messages in flight is stepped now and then.
                State::Served(host) => {
                    let timer = host.shard().next_timer_ms();
                    slot.in_flight > 0 || timer.is_some_and(|at| at <= now.mono_ms)
                }
            };
            if is_due {
                self.touched.insert(*key);
            }
        }
    }

    /// Steps every shard with something to do until nothing follows.
    pub fn step(&mut self, now: Now, out: &mut Output) {
        out.stopped.append(&mut self.stopped);
        while let Some(key) = self.touched.pop_first() {
            self.open_if_ready(key, now);
            let Some(slot) = self.slots.get_mut(&key) else { continue };
            let (host, flushed) = match &mut slot.state {
                State::Opening(_) => continue,
                State::Served(host) => (host, None),
                State::Stopping(host, flushed) => (host, Some(flushed)),
            };
            host.poll(|commit| out.commits.push(commit));
            host.step(now, &mut out.effects);
            let in_flight = host.shard().in_flight();
            self.in_flight = self.in_flight + in_flight - slot.in_flight;
            slot.in_flight = in_flight;
            let Some(flushed) = flushed else { continue };
            if !host.shard().is_idle() {
                continue;
            }
            if *flushed == Flushed::No {
                *flushed = Flushed::Yes;
                host.flush();
                self.touched.insert(key);
            } else {
                let epoch = slot.epoch;
                out.stopped.push((key, epoch));
                self.drop_now(key, epoch);
            }
        }
    }

    /// The partitions that are held.
    pub fn partitions(&self) -> impl Iterator<Item = Partition> {
        self.slots.keys().copied()
    }

    /// The sessions of a partition's users, and the entry of each.
    #[must_use]
    pub fn sessions(&self, partition: Partition) -> Vec<(Login, u16)> {
        match self.slots.get(&self.key(partition)).map(|slot| &slot.state) {
            Some(State::Served(host)) => host.shard().sessions().collect(),
            Some(State::Opening(_) | State::Stopping(..)) | None => Vec::new(),
        }
    }

    /// Batches and reads that the stores have and have not answered.
    #[must_use]
    pub fn store_in_flight(&self) -> usize {
        let of = |slot: &Slot| match &slot.state {
            State::Opening(_) => 1,
            State::Served(host) | State::Stopping(host, _) => host.store_in_flight(),
        };
        self.slots.values().map(of).sum()
    }

    /// Whether a shard has something to do.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        !self.touched.is_empty() || !self.stopped.is_empty()
    }

    /// Closes the store that has everything, if one has; others have nothing to close. Blocks.
    ///
    /// # Errors
    /// The store's failure.
    pub fn close(mut self) -> Result<(), StoreError> {
        let Some(Slot { state: State::Served(mut host), .. }) = self.slots.remove(&WHOLE) else {
            return Ok(());
        };
        if self.is_whole && host.shard().is_idle() {
            host.flush();
        }
        host.close()
    }

    /// The shard that has everything, if one has.
    pub fn whole_host(&mut self) -> Option<&mut Host> {
        let slot = self.slots.get_mut(&WHOLE).filter(|_| self.is_whole)?;
        let State::Served(host) = &mut slot.state else { return None };
        Some(host)
    }

    /// Messages taken and not answered, of all.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// None is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Makes the shard of a partition whose store has been opened.
    fn open_if_ready(&mut self, key: Partition, now: Now) {
        let Some(Slot { state: State::Opening(store), .. }) = self.slots.get_mut(&key) else {
            return;
        };
        let Some(newest_id_ms) = store.opened() else { return };
        let Some(Slot { epoch, state: State::Opening(store), .. }) = self.slots.remove(&key) else {
            unreachable!("just seen");
        };
        let config = ShardConfig {
            is_atomic: false,
            devices_max: self.bounds.devices_max,
            cached_max: (self.bounds.cached_max / usize::from(PARTITIONS)).max(1),
            in_flight_max: PARTITION_IN_FLIGHT_MAX,
            ids_max: PARTITION_IDS_MAX,
            newest_id_ms,
            ..ShardConfig::new(Share::One(key), epoch.0, self.bounds.inbox_epoch)
        };
        let host = Box::new(Host::new(Shard::new(config, now), store));
        self.slots.insert(key, Slot { epoch, state: State::Served(host), in_flight: 0 });
    }

    fn key(&self, partition: Partition) -> Partition {
        if self.is_whole { WHOLE } else { partition }
    }
}
