//! One logic process: the real ownership, links, slots, shards and stores, each store with its real other end. It is told
//! what arrives and when, and says what it does; it does not know what becomes of that. It does what the core of a node and
//! the task that keeps its lease do, and decides nothing.

mod lease;

use super::clock::Clock;
use super::plant::Plant;
use super::sockets::Sockets;
use super::statements::Queue;
use super::store::Statement;
use crate::random::Random;
use link::dial::Dialer;
use link::{Item, NodeAddress, PeerId, Terms};
use logic::breaker::{Breaker, Seen};
use logic::cluster::{Input, Moment, Ownership, Settings};
use logic::cql::{CqlStore, Parts, Places};
use logic::fence::Fence;
use logic::node::links::{From, Heard, Links};
use logic::node::owners::Owners;
use logic::node::post::Control;
use logic::node::rounds::Rounds;
use logic::node::slots::{Bounds, Output, Slots};
use netring::ConnId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use shard::command::{Answer, Command, Delivery, Mail, ReplyTo};
use shard::owner::{Epoch, Holder, Incarnation, NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};
use std::time::Duration;
use wire::ClientMsgId;

/// For how long a store may be missed before commands are refused, and how often it would be asked then, in ms.
const BREAKER_MS: (u64, u64) = (400, 100);
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
    /// Somebody connected.
    Accepted(ConnId),
    /// Somebody that it dialed has accepted.
    Connected(ConnId),
    /// Somebody says something.
    Bytes(ConnId, Vec<u8>),
    /// A connection is gone, or never came to be.
    Closed(ConnId),
}

/// Where the newest process of a node is.
#[must_use]
pub fn address_of(node: NodeId) -> String {
    format!("10.0.0.{}:7500", node.0)
}

/// What a process does.
#[derive(Debug)]
pub enum Action {
    /// Ask for a table of ownership, or change it; in which life.
    Ask(u64, Statement),
    /// An entry has asked to take a message: the entry's and the request's number, and the message's.
    Asked((u16, u64), ClientMsgId),
    /// It says something to an entry.
    Says(Delivery),
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
#[derive(Clone, Debug)]
pub struct Shared {
    /// Of the cluster.
    pub settings: Settings,
    /// The rule taken away.
    pub plant: Plant,
    /// Of links.
    pub terms: Terms,
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
    sockets: Sockets,
    links: Links,
    dialer: Dialer,
    slots: Slots,
    rounds: Rounds,
    breaker: Breaker,
    /// What it saw of the store.
    seen: Seen,
    owners: Owners,
    /// The nodes that take part, as its leases were read last.
    nodes: Vec<NodeAddress>,
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
    pub fn new(
        id: NodeId,
        clock: Clock,
        shared: &Shared,
        (true_us, random): (u64, &mut Random),
    ) -> Self {
        let incarnation = Incarnation(u32::try_from(random.between(1, 1 << 32)).expect("32 bits"));
        let me = Holder { node: id, incarnation };
        let peer = PeerId::Logic { node: id, incarnation, core: 0 };
        let mut std = || StdRng::seed_from_u64(random.any());
        let (of_links, of_dialer) = (std(), std());
        Self {
            id,
            clock,
            queue: Arc::new(Queue::new(shared.plant)),
            shared: shared.clone(),
            sockets: Sockets::new(Random::new(random.any())),
            links: Links::new(shared.terms.clone(), me, 0, of_links),
            dialer: Dialer::new(shared.terms.clone(), peer, of_dialer),
            nodes: Vec::new(),
            breaker: Breaker::new(BREAKER_MS.0, BREAKER_MS.1, clock.monotonic(true_us)),
            seen: Seen::default(),
            ownership: Ownership::new(shared.settings, id, random.any()),
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

    /// Its sockets.
    pub fn sockets(&mut self) -> &mut Sockets {
        &mut self.sockets
    }

    /// The operator wants it to leave.
    pub fn leave(&mut self, true_us: u64, token: u64, out: &mut Vec<Action>) {
        self.is_leaving = true;
        self.step_ownership(true_us, (vec![Input::Leave], token), out);
    }

    /// A statement was answered, or given up.
    pub fn see_store(&mut self, is_answered: bool, true_us: u64) {
        self.seen.is_missed = !is_answered;
        if is_answered {
            self.seen.succeeded = self.clock.monotonic(true_us);
        }
    }

    fn look_at_store(&mut self, true_us: u64) {
        let stays_open = self.shared.plant == Plant::BreakerStaysOpen && self.breaker.is_open();
        if !stays_open {
            self.breaker.look(self.seen, self.clock.monotonic(true_us));
        }
    }

    /// Something reaches its core: the first part of a turn. What the task that keeps the lease has said is heard.
    pub fn begin_turn(&mut self, arrival: Arrival, true_us: u64, out: &mut Vec<Action>) {
        self.move_fence(true_us);
        let now = self.clock.now(true_us);
        match arrival {
            Arrival::Timers => {
                self.look_at_store(true_us);
                self.slots.look_at_timers(now);
                self.links.look_after(now.mono_ms, &mut self.sockets);
                self.dialer.look_after(now.mono_ms, &mut self.sockets);
            }
            Arrival::Ready => {}
            Arrival::Accepted(conn) => {
                self.sockets.on_accepted(conn);
                self.links.on_accepted(conn, now.mono_ms, &mut self.sockets);
            }
            Arrival::Connected(conn) => self.dialer.on_connected(conn, now.mono_ms),
            Arrival::Bytes(conn, bytes) if self.dialer.has(conn) => {
                self.dialer.on_data(conn, &bytes, now, &mut self.sockets);
            }
            Arrival::Bytes(conn, bytes) => {
                let heard = self.links.on_data(conn, &bytes, now, &mut self.sockets);
                heard.into_iter().for_each(|heard| self.on_heard(heard, out));
            }
            Arrival::Closed(conn) => {
                self.sockets.on_closed(conn);
                self.dialer.on_closed(conn, now.mono_ms);
                let heard = self.links.on_closed(conn);
                heard.into_iter().for_each(|heard| self.on_heard(heard, out));
            }
        }
        for ((partition, _), end) in &self.ends {
            if end.is_ready.swap(false, Relaxed) {
                self.slots.touch(*partition);
            }
        }
        while let Some(control) = self.controls.pop_front() {
            self.on_control(control);
        }
    }

    fn on_heard(&mut self, heard: Heard, out: &mut Vec<Action>) {
        match heard {
            Heard::Refused => {}
            Heard::EntryCame(entry) => {
                let items = [
                    Item::InboxEpoch(INBOX_EPOCH),
                    Item::Nodes(self.owners.nodes().to_vec()),
                    Item::Owners(self.owners.rows()),
                ];
                items.iter().for_each(|item| self.say_to_entry(entry, item));
            }
            Heard::EntryGone(entry) => {
                self.rounds.forget_entry(entry);
                self.slots.forget_entry(entry);
            }
            Heard::Items(from, items) => {
                items.into_iter().for_each(|item| self.on_item(from, item, out));
            }
        }
    }

    fn on_item(&mut self, from: From, item: Item, out: &mut Vec<Action>) {
        match (from, item) {
            (From::Entry(entry), Item::Command { round, epoch, command, mut reply }) => {
                reply.session.entry = entry;
                if let Command::Send(send) = &command {
                    out.push(Action::Asked((entry, reply.ticket), send.client_msg_id));
                }
                self.take((round, epoch), command, reply, out);
            }
            (From::Node, Item::Mail(partition, mail)) => self.slots.take_mail(partition, mail),
            (From::Node, Item::Told(row)) => self.untold.push(Input::Told(row)),
            (from, item) => unreachable!("{from:?} says {item:?}"),
        }
    }

    /// What is not said to one whose link is going is said over its next.
    fn say_to_entry(&mut self, entry: u16, item: &Item) {
        let _ = self.links.say(entry, item, &self.sockets);
    }

    /// What is not said to a node is said again.
    fn say_to_node(&mut self, node: NodeId, item: &Item) {
        let _ = self.dialer.say(node, item, &self.sockets);
    }

    fn take(
        &mut self,
        (round, epoch): (u32, Epoch),
        command: Command,
        reply: ReplyTo,
        out: &mut Vec<Action>,
    ) {
        if let Some((code, retry_after_ms)) = self.slots.refusal(&command, self.breaker.is_open()) {
            let answer = Answer::Refused { code, retry_after_ms };
            return self.deliver(Delivery { to: reply, answer }, out);
        }
        let (partition, entry) = (command.partition(), reply.session.entry);
        if self.shared.plant == Plant::NoRounds {
            self.rounds = Rounds::default();
        }
        let is_here = self.fence.is_open() && self.slots.serves(partition, epoch);
        let is_answered = reply.ticket != 0;
        if self.rounds.takes((entry, partition), round, is_here, is_answered) {
            self.slots.take(partition, shard::command::Input::Command(command, reply));
        } else if is_answered {
            self.say_to_entry(entry, &Item::NotHere { round, partition });
        }
    }

    fn on_control(&mut self, control: Control) {
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
                self.links.say_to_entries(&Item::Owners(rows.to_vec()), &self.sockets);
            }
            Control::Nodes(nodes) => {
                self.owners.set_nodes(&nodes);
                let others = nodes.iter().filter(|it| it.node != self.id);
                let places = others.filter_map(|it| Some((it.address.parse().ok()?, it.node)));
                self.dialer.set_told(self.id, places);
                self.links.say_to_entries(&Item::Nodes(nodes.to_vec()), &self.sockets);
            }
            Control::Tell(row) => self.say_to_node(row.holder.node, &Item::Told(row)),
            Control::StoreClock { .. } => {}
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
                self.send_mail(partition, mail);
            }
            for delivery in output.effects.deliveries.drain(..) {
                self.deliver(delivery, out);
            }
            for (partition, epoch) in output.stopped.drain(..) {
                self.let_go(partition, epoch);
                self.untold.push(Input::Stopped(partition, epoch));
            }
            self.output = output;
        }
        self.links.flush(&mut self.sockets);
        self.dialer.flush(&mut self.sockets);
    }

    fn deliver(&mut self, delivery: Delivery, out: &mut Vec<Action>) {
        let entry = delivery.to.session.entry;
        out.push(Action::Says(delivery.clone()));
        self.say_to_entry(entry, &Item::Delivery(delivery));
    }

    fn send_mail(&mut self, partition: Partition, mail: Mail) {
        match self.owners.of(partition) {
            Some(owner) if owner == self.id => self.slots.take_mail(partition, mail),
            Some(owner) => self.say_to_node(owner, &Item::Mail(partition, mail)),
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
