//! One logic process: the real [`Ownership`] and an owner for each log that it holds. It is told what arrives and when, and
//! says what it does; it does not know what becomes of that.

use super::clock::Clock;
use super::log_owner::LogOwner;
use super::log_rows::{Context, Out, Packet};
use super::plant::Plant;
use super::store::{Log, Reply, Request, Row};
use crate::random::Random;
use logic::cluster::{
    Effect, Input, LeaseChange, Moment, Outcome, Ownership, Position, Settings, Table,
};
use shard::owner::{Epoch, NodeId, OwnerRow};
use shard::partition::Partition;
use std::collections::BTreeMap;
use wire::{MessageId, Seq};

/// Which log's owner asked, under which epoch; nothing for the ownership itself.
pub type Asker = Option<(Log, Epoch)>;

/// What reaches a process.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// The ownership wanted to be called.
    Wake,
    /// Time to store some derived rows.
    Tick,
    /// What became of a request; no reply if that is unknown.
    Answer(Asker, Request, Option<Reply>),
    /// For the owner of a log.
    Packet(Log, Packet),
    /// Another process tells of an owner.
    Told(OwnerRow),
    /// The operator wants the node to leave.
    Leave,
}

/// What a process does.
#[derive(Debug)]
pub enum Action {
    /// Ask the store.
    Ask(Asker, Request),
    /// Send to a node.
    ToNode(NodeId, Log, Packet),
    /// Tell a node of an owner.
    Tell(OwnerRow),
    /// Acknowledge a message to its client.
    Ack(MessageId, Seq),
    /// Answer a client's read.
    ReadDone(u64, Vec<(Position, Row)>),
    /// Tell the client who owns the log, as far as is known.
    NotOwner(Log, Option<NodeId>),
    /// An epoch is begun.
    Begin(Partition, Epoch),
    /// A row counts as committed.
    Commit(Log, (Position, Row)),
    /// A log finishes what is in flight.
    Stop,
    /// This life is over.
    Over,
}

/// What all processes of a run share.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    /// Of the cluster.
    pub settings: Settings,
    /// Rows of a log in flight.
    pub window: u64,
    /// How long a log that is to be handed over may finish what is in flight, in µs.
    pub stop_timeout_us: u64,
    /// The rule taken away.
    pub plant: Plant,
}

/// One process.
#[derive(Debug)]
pub struct Process {
    /// Its node.
    pub node: NodeId,
    /// Its machine's clocks.
    pub clock: Clock,
    shared: Shared,
    ownership: Ownership,
    logs: BTreeMap<Log, LogOwner>,
    /// Logs that finish what is in flight, and until when.
    stopping: BTreeMap<Partition, u64>,
}

impl Process {
    /// A process that has just started.
    #[must_use]
    pub fn new(node: NodeId, clock: Clock, shared: Shared, token: u64) -> Self {
        let ownership = Ownership::new(shared.settings, node, token);
        Self { node, clock, shared, ownership, logs: BTreeMap::new(), stopping: BTreeMap::new() }
    }

    /// Whether it may commit in a partition at this moment.
    #[must_use]
    pub fn may_commit(&self, partition: Partition, true_us: u64) -> bool {
        let owner = self.logs.iter().find(|log| log.0.partition() == partition);
        let epoch = owner.map(|log| log.1.epoch());
        epoch.is_some_and(|epoch| self.ownership.may_commit(partition, epoch, self.now(true_us)))
    }

    /// How long until it wants to be woken, in µs.
    #[must_use]
    pub fn wake_in_us(&self, true_us: u64) -> Option<u64> {
        let now = self.now(true_us);
        let wake_at = self.ownership.wake_at(now);
        (wake_at != Moment::NEVER).then(|| wake_at.since(now) * 1_000 + 300)
    }

    /// Takes what arrives at a true time and returns what it does.
    pub fn on(&mut self, arrival: Arrival, true_us: u64, random: &mut Random) -> Vec<Action> {
        let mut actions = Vec::new();
        let input = self.input_of(&arrival, true_us);
        self.step(input, true_us, &mut actions);
        match arrival {
            Arrival::Answer(Some((log, epoch)), request, reply) => {
                let is_its = |owner: &LogOwner| owner.epoch() == epoch;
                if self.logs.get(&log).is_some_and(is_its) {
                    self.with(log, true_us, &mut actions, |owner, cx| {
                        owner.on_answer(request, reply, cx)
                    });
                }
            }
            Arrival::Packet(log, packet) => self.on_packet(log, &packet, true_us, &mut actions),
            Arrival::Tick => {
                for log in self.all_logs() {
                    self.with(log, true_us, &mut actions, |owner, cx| owner.derive(random, cx));
                }
            }
            // The lease may have been renewed.
            Arrival::Wake | Arrival::Answer(None, ..) | Arrival::Told(_) | Arrival::Leave => {
                for log in self.all_logs() {
                    self.with(log, true_us, &mut actions, LogOwner::commit);
                }
            }
        }
        self.finish_stopping(true_us, &mut actions);
        actions
    }

    fn now(&self, true_us: u64) -> Moment {
        if self.shared.plant == Plant::WallClock {
            return Moment(self.clock.wall_us(true_us) / 1_000);
        }
        self.clock.monotonic(true_us)
    }

    fn all_logs(&self) -> Vec<Log> {
        self.logs.keys().copied().collect()
    }

    fn input_of(&self, arrival: &Arrival, true_us: u64) -> Option<Input> {
        Some(match arrival {
            Arrival::Told(row) => Input::Told(*row),
            Arrival::Leave => Input::Leave,
            Arrival::Answer(None, request, reply) => match (request.clone(), reply.clone()) {
                (Request::Leases, Some(Reply::Leases(rows))) => Input::Leases(rows),
                (Request::Owners, Some(Reply::Owners(rows))) => Input::Owners(rows),
                (Request::Leases, _) => Input::Unread(Table::Leases),
                (Request::Owners, _) => Input::Unread(Table::Owners),
                (Request::ChangeLease(change), reply) => {
                    let outcome = if let Some(Reply::Lease(outcome)) = reply {
                        outcome
                    } else {
                        Outcome::Unknown
                    };
                    let from_answer = self.shared.plant == Plant::LeaseFromAnswer;
                    let asked_at = if from_answer { self.now(true_us) } else { change.asked_at };
                    Input::LeaseAnswer(LeaseChange { asked_at, ..change }, outcome)
                }
                (Request::ChangeOwner(change), reply) => {
                    let outcome = if let Some(Reply::Owner(outcome)) = reply {
                        outcome
                    } else {
                        Outcome::Unknown
                    };
                    Input::OwnerAnswer(change, outcome)
                }
                (request, _) => unreachable!("{request:?} is not the ownership's"),
            },
            Arrival::Wake | Arrival::Tick | Arrival::Answer(Some(_), ..) | Arrival::Packet(..) => {
                return None;
            }
        })
    }

    fn step(&mut self, input: Option<Input>, true_us: u64, actions: &mut Vec<Action>) {
        for effect in self.ownership.step(self.now(true_us), input) {
            match effect {
                Effect::Read(Table::Leases) => actions.push(Action::Ask(None, Request::Leases)),
                Effect::Read(Table::Owners) => actions.push(Action::Ask(None, Request::Owners)),
                Effect::ChangeLease(change) => {
                    actions.push(Action::Ask(None, Request::ChangeLease(change)))
                }
                Effect::ChangeOwner(change) => {
                    actions.push(Action::Ask(None, Request::ChangeOwner(change)))
                }
                Effect::Tell(row) => actions.push(Action::Tell(row)),
                Effect::Over => actions.push(Action::Over),
                Effect::Begin(partition, epoch) => self.begin(partition, epoch, actions),
                Effect::Stop(partition, _) => {
                    self.stopping.insert(partition, true_us + self.shared.stop_timeout_us);
                    actions.push(Action::Stop);
                }
                Effect::Drop(partition, epoch) => self.drop_logs(partition, epoch),
            }
        }
    }

    fn begin(&mut self, partition: Partition, epoch: Epoch, actions: &mut Vec<Action>) {
        actions.push(Action::Begin(partition, epoch));
        self.stopping.remove(&partition);
        for log in Log::all().filter(|log| log.partition() == partition) {
            let mut out = Vec::new();
            let owner =
                LogOwner::begin(log, epoch, self.shared.window, self.shared.plant, &mut out);
            self.logs.insert(log, owner);
            self.carry_out(log, epoch, out, actions);
        }
    }

    fn drop_logs(&mut self, partition: Partition, epoch: Epoch) {
        let before = self.logs.len();
        self.logs.retain(|log, owner| log.partition() != partition || owner.epoch() != epoch);
        if self.logs.len() < before {
            self.stopping.remove(&partition);
        }
    }

    fn on_packet(&mut self, log: Log, packet: &Packet, true_us: u64, actions: &mut Vec<Action>) {
        if self.logs.contains_key(&log) && !self.stopping.contains_key(&log.partition()) {
            return self.with(log, true_us, actions, |owner, cx| owner.on_packet(packet, cx));
        }
        if matches!(packet, Packet::Send(_) | Packet::Read(..)) {
            actions.push(Action::NotOwner(log, self.owner_of(log)));
        }
    }

    fn owner_of(&self, log: Log) -> Option<NodeId> {
        self.ownership.owner_of(log.partition()).map(|row| row.holder.node)
    }

    fn finish_stopping(&mut self, true_us: u64, actions: &mut Vec<Action>) {
        let stopping: Vec<(Partition, u64)> =
            self.stopping.iter().map(|(partition, until)| (*partition, *until)).collect();
        for (partition, until_us) in stopping {
            let mut owners = self.logs.iter().filter(|log| log.0.partition() == partition);
            let Some(epoch) = owners.clone().next().map(|log| log.1.epoch()) else { continue };
            let is_finished = true_us >= until_us || owners.all(|log| log.1.is_idle());
            if is_finished {
                self.drop_logs(partition, epoch);
            }
            if is_finished || self.shared.plant == Plant::HandOverUnstopped {
                self.step(Some(Input::Stopped(partition, epoch)), true_us, actions);
            }
        }
    }

    fn with(
        &mut self,
        log: Log,
        true_us: u64,
        actions: &mut Vec<Action>,
        call: impl FnOnce(&mut LogOwner, &mut Context<'_>),
    ) {
        let now = self.now(true_us);
        let Some(owner) = self.logs.get_mut(&log) else { return };
        let (epoch, is_stopping) = (owner.epoch(), self.stopping.contains_key(&log.partition()));
        let serves = self.ownership.is_serving(log.partition(), now) == Some(epoch);
        let may_commit = self.ownership.may_commit(log.partition(), epoch, now);
        let ignores = self.shared.plant == Plant::IgnoreLease
            || self.shared.plant == Plant::HandOverUnstopped && is_stopping;
        let mut out = Vec::new();
        let mut cx = Context {
            serves: (serves || ignores) && !is_stopping,
            may_commit: may_commit || ignores,
            wall_us: self.clock.wall_us(true_us),
            out: &mut out,
        };
        call(owner, &mut cx);
        self.carry_out(log, epoch, out, actions);
    }

    fn carry_out(&self, log: Log, epoch: Epoch, out: Vec<Out>, actions: &mut Vec<Action>) {
        for out in out {
            match out {
                Out::Ask(request) => actions.push(Action::Ask(Some((log, epoch)), request)),
                Out::ToOwner(log, packet) => {
                    actions
                        .extend(self.owner_of(log).map(|node| Action::ToNode(node, log, packet)));
                }
                Out::Ack(id, seq) => actions.push(Action::Ack(id, seq)),
                Out::ReadDone(number, rows) => actions.push(Action::ReadDone(number, rows)),
                Out::Commit(position, row) => actions.push(Action::Commit(log, (position, row))),
            }
        }
    }
}
