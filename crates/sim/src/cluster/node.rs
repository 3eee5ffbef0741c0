//! One logic process: the real ownership, slots, shards and stores, each store with its real other end. It is told what
//! arrives and when, and says what it does; it does not know what becomes of that. It does what the core of a node and
//! the task that keeps its lease do, and decides nothing.

use super::clock::Clock;
use super::plant::Plant;
use super::statements::Queue;
use super::store::{Reply, Statement};
use link::Item;
use logic::cluster::{Effect, Input, LeaseChange, Moment, Outcome, Ownership};
use logic::cluster::{Settings, Table};
use logic::cql::{CqlStore, Parts, Places};
use logic::fence::Fence;
use logic::node::owners::Owners;
use logic::node::post::Control;
use logic::node::rounds::Rounds;
use logic::node::slots::{Bounds, Output, Slots};
use shard::command::{Command, Mail, ReplyTo};
use shard::owner::{Epoch, NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

/// How long a read of a store may take.
const READ_DEADLINE: Duration = Duration::from_millis(400);
/// Of all inboxes.
pub const INBOX_EPOCH: u64 = 7;
const BOUNDS: Bounds = Bounds { cached_max: 4_096, devices_max: 4, inbox_epoch: INBOX_EPOCH };

/// What reaches a core of a process.
#[derive(Debug)]
pub enum Arrival {
    /// Its time to look at timers.
    Timers,
    /// A store has something.
    Ready,
    /// From an entry, by its link's number.
    Entry(u16, Item),
    /// From another node.
    Node(Item),
    /// An entry's link is there.
    EntryCame(u16),
    /// An entry's link is gone.
    EntryGone(u16),
}

/// What a process does.
#[derive(Debug)]
pub enum Action {
    /// Ask for a table of ownership, or change it; in which life.
    Ask(u64, Statement),
    /// Say to an entry.
    ToEntry(u16, Item),
    /// Say to every entry.
    ToEntries(Item),
    /// Say to a node.
    ToNode(NodeId, Item),
    /// An epoch is begun.
    Begin(Partition, Epoch),
    /// A partition's shard finishes what is in flight.
    Stop,
    /// Its core steps, and what came back counts in these.
    Step(Vec<(Partition, Epoch)>),
    /// It has left.
    Left,
}

/// What all processes of a run share.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// Of the cluster.
    pub settings: Settings,
    /// The rule taken away.
    pub plant: Plant,
}

/// The other end of a store, to be run when it is woken.
struct OtherEnd {
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_woken: Arc<Flag>,
    /// It has something for its front.
    is_ready: Arc<AtomicBool>,
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// One process.
pub struct Node {
    /// Its node.
    pub id: NodeId,
    /// Its machine's clocks.
    pub clock: Clock,
    /// What its stores ask.
    pub queue: Arc<Queue>,
    shared: Shared,
    ownership: Ownership,
    lives: u64,
    is_leaving: bool,
    /// As the cores were told.
    told: BTreeMap<Partition, OwnerRow>,
    /// Of the process.
    fence: Arc<Fence>,
    /// Of its life of now.
    life_fence: Arc<Fence>,
    valid_until: Moment,
    controls: VecDeque<Control>,
    slots: Slots,
    rounds: Rounds,
    owners: Owners,
    output: Output,
    takeovers: Arc<Places>,
    ends: BTreeMap<(Partition, Epoch), OtherEnd>,
    /// What its core holds, and the fence of the life that began it.
    held: BTreeMap<Partition, (Epoch, Arc<Fence>)>,
    untold: Vec<Input>,
}

impl Node {
    /// A process that has just started.
    #[must_use]
    pub fn new(id: NodeId, clock: Clock, shared: Shared, token: u64) -> Self {
        Self {
            id,
            clock,
            queue: Arc::new(Queue::new(shared.plant)),
            shared,
            ownership: Ownership::new(shared.settings, id, token),
            lives: 1,
            is_leaving: false,
            told: BTreeMap::new(),
            fence: Arc::default(),
            life_fence: Arc::default(),
            valid_until: Moment(0),
            controls: VecDeque::new(),
            slots: Slots::new(BOUNDS),
            rounds: Rounds::default(),
            owners: Owners::default(),
            output: Output::default(),
            takeovers: Arc::default(),
            ends: BTreeMap::new(),
            held: BTreeMap::new(),
            untold: Vec::new(),
        }
    }

    fn now(&self, true_us: u64) -> Moment {
        if self.shared.plant == Plant::WallClock {
            return Moment(self.clock.wall_us(true_us) / 1_000);
        }
        self.clock.monotonic(true_us)
    }

    /// How long until its ownership wants to be woken, in µs.
    #[must_use]
    pub fn wake_in_us(&self, true_us: u64) -> Option<u64> {
        let now = self.now(true_us);
        let wake_at = self.ownership.wake_at(now);
        (wake_at != Moment::NEVER).then(|| wake_at.since(now) * 1_000 + 300)
    }

    /// Whether its store holds a lease that it may commit under.
    #[must_use]
    pub fn is_open(&self, true_us: u64) -> bool {
        self.shared.plant == Plant::IgnoreLease || self.now(true_us) < self.valid_until
    }

    /// What it holds, as its core knows.
    #[must_use]
    pub fn holds(&self, partition: Partition) -> bool {
        self.held.contains_key(&partition)
    }

    /// Whether messages of its are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.in_flight()
    }

    /// The operator wants it to leave.
    pub fn leave(&mut self, true_us: u64, token: u64, out: &mut Vec<Action>) {
        self.is_leaving = true;
        self.step_ownership(true_us, (vec![Input::Leave], token), out);
    }

    /// A table of ownership was asked for in some life; no reply: nobody knows.
    pub fn on_reply(
        &mut self,
        (life, statement, reply): (u64, &Statement, Option<Reply>),
        (true_us, token): (u64, u64),
        out: &mut Vec<Action>,
    ) {
        if life == self.lives {
            let input = self.input_of(statement, reply, true_us);
            self.step_ownership(true_us, (vec![input], token), out);
        }
    }

    fn input_of(&self, statement: &Statement, reply: Option<Reply>, true_us: u64) -> Input {
        match (statement, reply) {
            (Statement::Leases, Some(Reply::Leases(rows))) => Input::Leases(rows),
            (Statement::Owners, Some(Reply::Owners(rows))) => Input::Owners(rows),
            (Statement::Leases, _) => Input::Unread(Table::Leases),
            (Statement::Owners, _) => Input::Unread(Table::Owners),
            (Statement::ChangeLease(change), Some(Reply::Lease(outcome))) => {
                let from_answer = self.shared.plant == Plant::LeaseFromAnswer;
                let asked_at = if from_answer { self.now(true_us) } else { change.asked_at };
                Input::LeaseAnswer(LeaseChange { asked_at, ..*change }, outcome)
            }
            (Statement::ChangeLease(change), _) => Input::LeaseAnswer(*change, Outcome::Unknown),
            (Statement::ChangeOwner(change), Some(Reply::Owner(outcome))) => {
                Input::OwnerAnswer(*change, outcome)
            }
            (Statement::ChangeOwner(change), _) => Input::OwnerAnswer(*change, Outcome::Unknown),
            (statement, _) => unreachable!("{statement:?} is not the ownership's"),
        }
    }

    /// One step of the task that keeps the lease.
    pub fn step_ownership(
        &mut self,
        true_us: u64,
        (inputs, token): (Vec<Input>, u64),
        out: &mut Vec<Action>,
    ) {
        let effects = self.ownership.step(self.now(true_us), inputs);
        // Right after the step, before anything that it asked for is done.
        self.valid_until = self.ownership.valid_until();
        self.move_fence(true_us);
        let (plant, life) = (self.shared.plant, self.lives);
        let mut is_over = false;
        for effect in effects {
            match effect {
                Effect::Read(Table::Leases) => out.push(Action::Ask(life, Statement::Leases)),
                Effect::Read(Table::Owners) => out.push(Action::Ask(life, Statement::Owners)),
                Effect::ChangeLease(change) => {
                    out.push(Action::Ask(life, Statement::ChangeLease(change)));
                }
                Effect::ChangeOwner(change) => {
                    out.push(Action::Ask(life, Statement::ChangeOwner(change)));
                }
                Effect::Tell(row) => self.controls.push_back(Control::Tell(row)),
                Effect::Begin(partition, epoch) => {
                    out.push(Action::Begin(partition, epoch));
                    let begin = Control::Begin(partition, epoch, self.life_fence.clone());
                    self.controls.push_back(begin);
                }
                Effect::Stop(partition, epoch) => {
                    out.push(Action::Stop);
                    self.controls.push_back(Control::Stop(partition, epoch));
                }
                Effect::Drop(..) if plant == Plant::IgnoreLease => {}
                Effect::Drop(partition, epoch) => {
                    self.controls.push_back(Control::Drop(partition, epoch));
                }
                Effect::Over => is_over = true,
            }
        }
        self.show_owners();
        if is_over && self.is_leaving {
            return out.push(Action::Left);
        }
        if is_over {
            self.ownership = Ownership::new(self.shared.settings, self.id, token);
            self.life_fence = Arc::default();
            self.lives += 1;
        }
    }

    fn show_owners(&mut self) {
        let partitions = Partition::all(self.shared.settings.partitions);
        let rows = partitions.filter_map(|partition| self.ownership.owner_of(partition));
        let news: Vec<OwnerRow> =
            rows.filter(|row| self.told.get(&row.partition) != Some(row)).collect();
        if !news.is_empty() {
            self.told.extend(news.iter().map(|row| (row.partition, *row)));
            self.controls.push_back(Control::Owners(news.into()));
        }
    }

    /// The fences as its machine's clock has them now. That of a life that is over stays as it was left: closed.
    fn move_fence(&self, true_us: u64) {
        let is_open = self.is_open(true_us);
        let until = if is_open { Moment::NEVER } else { Moment(0) };
        self.life_fence.set(until);
        self.fence.set(until);
    }

    /// Something reaches its core: the first part of a turn. What the task that keeps the lease has said is heard.
    pub fn begin_turn(&mut self, arrival: Arrival, true_us: u64, out: &mut Vec<Action>) {
        self.move_fence(true_us);
        match arrival {
            Arrival::Timers => self.slots.look_at_timers(self.clock.now(true_us)),
            Arrival::Ready => {}
            Arrival::Entry(entry, Item::Command { round, epoch, command, mut reply }) => {
                reply.session.entry = entry;
                self.take((round, epoch), command, reply, out);
            }
            Arrival::Entry(entry, item) => unreachable!("{entry} says {item:?}"),
            Arrival::Node(Item::Mail(partition, mail)) => self.slots.take_mail(partition, mail),
            Arrival::Node(Item::Told(row)) => self.untold.push(Input::Told(row)),
            Arrival::Node(item) => unreachable!("a node says {item:?}"),
            Arrival::EntryCame(entry) => {
                out.push(Action::ToEntry(entry, Item::InboxEpoch(INBOX_EPOCH)));
                out.push(Action::ToEntry(entry, Item::Owners(self.owners.rows())));
            }
            Arrival::EntryGone(entry) => {
                self.rounds.forget_entry(entry);
                self.slots.forget_entry(entry);
            }
        }
        for ((partition, _), end) in &self.ends {
            if end.is_ready.swap(false, Relaxed) {
                self.slots.touch(*partition);
            }
        }
        while let Some(control) = self.controls.pop_front() {
            self.on_control(control, out);
        }
    }

    fn take(
        &mut self,
        (round, epoch): (u32, Epoch),
        command: Command,
        reply: ReplyTo,
        out: &mut Vec<Action>,
    ) {
        let (partition, entry) = (command.partition(), reply.session.entry);
        if self.shared.plant == Plant::NoRounds {
            self.rounds = Rounds::default();
        }
        let is_here = self.fence.is_open() && self.slots.serves(partition, epoch);
        let is_answered = reply.ticket != 0;
        if self.rounds.takes((entry, partition), round, is_here, is_answered) {
            self.slots.take(partition, shard::command::Input::Command(command, reply));
        } else if is_answered {
            out.push(Action::ToEntry(entry, Item::NotHere { round, partition }));
        }
    }

    fn on_control(&mut self, control: Control, out: &mut Vec<Action>) {
        match control {
            Control::Begin(partition, epoch, fence) => self.begin(partition, epoch, fence),
            Control::Stop(partition, epoch) => {
                if self.shared.plant == Plant::HandOverUnstopped {
                    return self.untold.push(Input::Stopped(partition, epoch));
                }
                self.slots.stop(partition, epoch);
            }
            Control::Drop(partition, epoch) => self.let_go(partition, epoch),
            Control::Owners(rows) => {
                self.owners.learn(&rows);
                out.push(Action::ToEntries(Item::Owners(rows.to_vec())));
            }
            Control::Tell(row) => out.push(Action::ToNode(row.holder.node, Item::Told(row))),
            Control::Nodes(_) | Control::StoreClock { .. } => {}
        }
    }

    fn begin(&mut self, partition: Partition, epoch: Epoch, fence: Arc<Fence>) {
        let is_ready = Arc::new(AtomicBool::new(false));
        let wake = is_ready.clone();
        let parts = Parts {
            statements: self.queue.clone(),
            takeovers: self.takeovers.clone(),
            read_deadline: READ_DEADLINE,
            partition,
            epoch,
            fence: fence.clone(),
            wake: Arc::new(move || wake.store(true, Relaxed)),
        };
        let (store, task) = CqlStore::over(parts);
        let is_woken = Arc::new(Flag(AtomicBool::new(true)));
        self.ends.insert((partition, epoch), OtherEnd { task: Box::pin(task), is_woken, is_ready });
        self.slots.begin(partition, epoch, store);
        self.held.insert(partition, (epoch, fence));
    }

    fn let_go(&mut self, partition: Partition, epoch: Epoch) {
        self.slots.drop_now(partition, epoch);
        if self.held.get(&partition).is_some_and(|held| held.0 == epoch) {
            self.held.remove(&partition);
        }
    }

    /// The second part of a turn: steps the shards until nothing follows, as long as this node may serve at all.
    pub fn end_turn(&mut self, true_us: u64, out: &mut Vec<Action>) {
        self.move_fence(true_us);
        while self.fence.is_open() && self.slots.is_touched() {
            let counts = self.held.iter().filter(|(_, (_, fence))| fence.is_open());
            out.push(Action::Step(counts.map(|held| (*held.0, held.1.0)).collect()));
            let mut output = std::mem::take(&mut self.output);
            self.slots.step(self.clock.now(true_us), &mut output);
            output.commits.clear();
            for (partition, mail) in output.effects.mail.drain(..) {
                self.send_mail(partition, mail, out);
            }
            for delivery in output.effects.deliveries.drain(..) {
                out.push(Action::ToEntry(delivery.to.session.entry, Item::Delivery(delivery)));
            }
            for (partition, epoch) in output.stopped.drain(..) {
                self.let_go(partition, epoch);
                self.untold.push(Input::Stopped(partition, epoch));
            }
            self.output = output;
        }
    }

    fn send_mail(&mut self, partition: Partition, mail: Mail, out: &mut Vec<Action>) {
        match self.owners.of(partition) {
            Some(owner) if owner == self.id => self.slots.take_mail(partition, mail),
            Some(owner) => out.push(Action::ToNode(owner, Item::Mail(partition, mail))),
            None => {}
        }
    }

    /// What its core has for the task that keeps the lease.
    pub fn take_untold(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.untold)
    }

    /// Runs the other ends of its stores until none goes on. Returns whether its core is to have a turn.
    pub fn run_stores(&mut self, true_us: u64) -> bool {
        self.queue.set_wall(self.clock.wall_us(true_us));
        loop {
            let mut did_run = false;
            self.ends.retain(|_, end| {
                if !end.is_woken.0.swap(false, Relaxed) {
                    return true;
                }
                did_run = true;
                let waker = Waker::from(end.is_woken.clone());
                end.task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
            });
            if !did_run {
                return self.ends.values().any(|end| end.is_ready.load(Relaxed))
                    || !self.controls.is_empty();
            }
        }
    }
}
