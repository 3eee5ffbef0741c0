//! A shard: the users, chats and conversations of its partitions, in memory, as a pure state
//! machine.
//!
//! [`Shard::step`] takes what arrived and says what to do. It never awaits, reads no clock and
//! touches no store: it asks by ticket, and what must wait for an answer is parked until the answer
//! comes. What is known of a thing stands in a room of its own: [`log`], [`inbox`], [`devices`], [`load`],
//! [`commit`]. No room knows another's state: the shard takes what one says to the next.
//!
//! If the process dies: before the commit, nothing was promised; after it, the rows are there and a
//! retry finds them by id; between a conversation's commit and that of an inbox, the retry or the
//! next message completes the inbox. Nothing in memory is needed to recover.

mod config;
mod plant;
mod load;
mod begun;
mod reads;
mod commit;
mod step;
mod log;
mod devices;
mod inbox;
mod notify;
mod inputs;
mod completions;
mod away;

pub use config::{PushConfig, ShardConfig};

use crate::command::{Effects, Input, Inputs, Login, Now};
use crate::owner::EPOCH_BITS;
use crate::rows::StoreError;
use devices::Devices;
use inbox::Inboxes;
use load::{Key, Parking};
use log::Conversations;
use notify::Notify;
use plant::{Fault, Plant};
use step::Step;

/// What a shard has in memory, and what is under way for it.
pub struct Shard {
    step: Step,
    conversations: Conversations,
    inboxes: Inboxes,
    devices: Devices,
    notify: Notify,
    parking: Parking,
    in_flight_max: usize,
    cached_max: usize,
    /// How many users, chats and conversations there may be before the next sweep.
    sweep_above: usize,
    plant: Plant,
    failed: Option<StoreError>,
}

impl Shard {
    /// A shard that has just taken its partitions over.
    ///
    /// # Panics
    /// The epoch is 0 or does not fit 20 bits.
    #[must_use]
    pub fn new(config: ShardConfig, now: Now) -> Self {
        assert!(config.epoch > 0 && config.epoch < 1 << EPOCH_BITS, "an epoch fits its bits");
        let plant = Plant::from_env();
        let mut step = Step::new(config.share, config.in_flight_max, now, plant);
        let conversations = Conversations::new(&config, now, plant);
        conversations.ask_marks(None, &mut step);
        Self {
            step,
            conversations,
            inboxes: Inboxes::new(&config, plant),
            devices: Devices::new(&config),
            notify: Notify::new(&config, now, plant),
            parking: Parking::new(config.in_flight_max),
            in_flight_max: config.in_flight_max,
            cached_max: config.cached_max,
            sweep_above: config.cached_max,
            plant,
            failed: None,
        }
    }

    /// Takes everything in `inputs` and adds to `effects` what is to be done.
    pub fn step(&mut self, inputs: &mut Inputs, now: Now, effects: &mut Effects) {
        self.step.begin(now, effects);
        for completion in inputs.completions.drain(..) {
            self.on_completion(completion);
            self.run_local();
        }
        for input in inputs.inputs.drain(..) {
            self.handle(input);
            self.run_local();
        }
        self.on_timers();
        self.run_local();
        self.conversations.fan_out(&mut self.step);
        self.run_local();
        self.evict();
        self.open_marks();
        self.submit();
        self.step.end(effects);
        self.invariants();
    }

    /// Asks for everything that is only in memory to be stored: the last commit before a clean stop.
    pub fn drain(&mut self, effects: &mut Effects) {
        self.step.begin(self.step.now(), effects);
        self.inboxes.mark_all(&mut self.step);
        self.inboxes.flush_all(&mut self.step);
        self.conversations.flush_groups(&mut self.step);
        self.open_marks();
        let Self { notify, inboxes, step, .. } = self;
        notify.users().for_each(|uid| inboxes.store_place(uid, step));
        self.submit();
        self.step.end(effects);
    }

    /// The sessions that hold, and the entry of each.
    pub fn sessions(&self) -> impl Iterator<Item = (Login, u16)> {
        let sessions = self.inboxes.all_devices().flat_map(|(uid, devices)| devices.sessions(uid));
        sessions.map(|(login, session)| (login, session.entry))
    }

    /// The way to an entry is gone, and with it every session of that entry.
    pub fn forget_entry(&mut self, entry: u16) {
        self.inboxes.all_devices_mut().for_each(|devices| devices.forget_entry(entry));
    }

    /// When to step even if nothing arrives, in the monotonic ms of [`Now`].
    #[must_use]
    pub fn next_timer_ms(&self) -> Option<u64> {
        let inboxes = [self.inboxes.next_flush_ms(), self.inboxes.next_rested_ms()];
        let others = [
            self.devices.next_timer_ms(),
            self.conversations.next_timer_ms(),
            self.notify.next_timer_ms(),
        ];
        inboxes.into_iter().chain(others).flatten().min()
    }

    /// Messages taken and not answered, and inputs that wait.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.conversations.in_flight() + self.parking.len()
    }

    /// Logins whose device had rows of this inbox's epoch that the inbox has not: the store was put back, or a client lies.
    #[must_use]
    pub fn forked_logins(&self) -> u64 {
        self.devices.forked_logins()
    }

    /// Users that may be owed a notification and are known here, and how many of them are under way.
    #[must_use]
    pub fn owing(&self) -> (usize, usize) {
        (self.notify.len(), self.notify.under_way())
    }

    /// Nothing waits for the store.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.step.is_idle()
    }

    /// The store's failure. Everything is refused from then on; the process is to end.
    #[must_use]
    pub fn failed(&self) -> Option<&StoreError> {
        self.failed.as_ref()
    }

    /// What the shard has said to itself.
    fn run_local(&mut self) {
        while let Some(input) = self.step.next_local() {
            self.handle(input);
        }
    }

    fn on_timers(&mut self) {
        while let Some(login) = self.devices.expired(&self.step) {
            if let Some(user) = self.inboxes.devices(login.uid) {
                self.devices.on_timer(user, login, &mut self.step);
            }
        }
        self.conversations.forward_stalled(&mut self.step);
        self.inboxes.mark_rested(self.step.now().mono_ms, &mut self.step);
        self.conversations.tend(&mut self.step);
        for group in self.conversations.take_marked(&self.step) {
            self.handle(Input::Wake(group));
        }
        self.inboxes.flush_due(&mut self.step);
        self.judge_owing();
    }

    /// Hands the gathered rows to the store, if it has none of this shard.
    fn submit(&mut self) {
        if self.step.submit() && self.plant.has(Fault::PushBeforeCommit) {
            for (row, device) in self.step.commit.inbox_rows() {
                let user = self.inboxes.show(row.uid, row.inbox_seq);
                self.devices.push(user, row, device, &mut self.step);
            }
        }
    }

    /// Forgets what nothing needs, once there is too much of it. What is left does not count: a sweep costs
    /// at most its share of what came since the last one.
    fn evict(&mut self) {
        if self.cached() <= self.sweep_above {
            return;
        }
        self.conversations.forget_quiet();
        let (parking, notify) = (&self.parking, &self.notify);
        let is_asked = |uid, conversation| parking.has(Key::Chat(uid, conversation));
        self.inboxes.forget_unneeded(&self.step, |uid| notify.has(uid), is_asked);
        self.sweep_above = self.cached() + self.cached_max;
    }

    /// Users, chats and conversations in memory.
    fn cached(&self) -> usize {
        self.conversations.len() + self.inboxes.len()
    }

    fn invariants(&self) {
        let commit = &self.step.commit;
        let is_held = self.plant.has(Fault::AckBeforeCommit);
        let is_ending = self.failed.is_some();
        assert!(commit.is_idle() || is_ending || commit.is_under_way() || is_held);
    }
}
