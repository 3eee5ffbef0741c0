//! Everything that is not a process: true time, what is under way, the store, the network, the clients, and the judge.
//! It carries actions out and brings about what follows.

use super::client::{Answer, Client};
use super::clock::Clock;
use super::judge::Judge;
use super::log_rows::Packet;
use super::plant::Plant;
use super::process::{Action, Arrival, Asker, Process, Shared};
use super::store::{Log, PARTITIONS, Reply, Request, Store};
use super::weather::{Fate, REQUEST_TIMEOUT_US, Weather};
use crate::random::Random;
use logic::cluster::Settings;
use shard::owner::{NodeId, OwnerRow};
use shard::partition::Partition;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// By then the last late write has landed, in µs after the last fault.
pub const LATE_WITHIN_US: u64 = 200_000;

/// Something that happens.
#[derive(Debug)]
pub enum Event {
    /// Something reaches a process.
    Arrival(usize, Arrival),
    /// A request reaches the store; how long its answer takes from there.
    Land(u64, Option<u64>),
    /// A request's answer reaches its process; none when it is given up.
    Answered(u64, Option<Reply>),
    /// A process looks after its logs.
    Timer(usize),
    /// The clients do something.
    Client,
    /// Something reaches the clients.
    ToClient(NodeId, Answer),
    /// Something goes wrong.
    Fault,
    /// A node is started.
    Start(NodeId),
}

/// A process and what was done to it.
#[derive(Debug)]
pub struct Body {
    /// What decides.
    pub process: Process,
    /// It is gone, with everything that reaches it.
    pub is_dead: bool,
    /// What reaches it waits until then, in µs.
    pub paused_until_us: u64,
    /// It reaches neither the store nor anybody else until then, in µs.
    pub cut_until_us: u64,
    next_wake_us: u64,
}

#[derive(Debug)]
struct Asked {
    process: usize,
    asker: Asker,
    request: Request,
    /// Neither answered nor given up.
    is_open: bool,
}

/// One run.
#[derive(Debug)]
pub struct World {
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) now_us: u64,
    /// When faults end.
    pub(super) heal_us: u64,
    pub(super) bodies: Vec<Body>,
    pub(super) clocks: BTreeMap<NodeId, Clock>,
    pub(super) judge: Judge,
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) shared: Shared,
    /// The next fault comes when so many rows were committed, or at this time in µs, whichever is first.
    pub(super) next_fault: (u64, u64),
    /// The body that a node's packets reach: its newest.
    addresses: BTreeMap<NodeId, usize>,
    asked: BTreeMap<u64, Asked>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    events: BTreeMap<u64, Event>,
    events_made: u64,
}

impl World {
    /// Three nodes that are about to start, and bad weather.
    pub fn new(seed: u64, plant: Plant) -> Self {
        let mut random = Random::new(seed);
        let settings = settings(plant);
        let window = random.pick(&[1, 2, 3, 4, 4, 8]).expect("there are some");
        let heal_us = random.between(300_000, 1_500_000);
        let weather = Weather::draw(&mut random);
        let mut world = Self {
            weather,
            now_us: 0,
            heal_us,
            bodies: Vec::new(),
            clocks: BTreeMap::new(),
            judge: Judge::default(),
            client: Client::default(),
            store: Store::new(plant),
            shared: Shared { settings, window, stop_timeout_us: weather.stop_timeout_us, plant },
            next_fault: (0, 0),
            addresses: BTreeMap::new(),
            asked: BTreeMap::new(),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            events_made: 0,
            random,
        };
        world.at(0, Event::Start(NodeId(1)));
        world.at(0, Event::Start(NodeId(2)));
        world.at(0, Event::Start(NodeId(3)));
        world.at(1_000, Event::Client);
        world.at(60_000, Event::Fault);
        world
    }

    /// Makes something happen so many µs from now.
    pub fn at(&mut self, in_us: u64, event: Event) {
        self.events_made += 1;
        self.queue.push(Reverse((self.now_us + in_us, self.events_made)));
        self.events.insert(self.events_made, event);
    }

    /// The next thing happens; false if nothing ever will.
    pub fn turn(&mut self) -> bool {
        let Some(Reverse((at_us, number))) = self.queue.pop() else { return false };
        assert!(at_us >= self.now_us, "time goes forward");
        self.now_us = at_us;
        // What was held back is here no more.
        let Some(event) = self.events.remove(&number) else { return true };
        match event {
            Event::Arrival(body, arrival) => self.arrive(body, arrival),
            Event::Land(asked, answer_in_us) => self.land(asked, answer_in_us),
            Event::Answered(asked, reply) => self.answer(asked, reply),
            Event::Timer(body) => self.timer(body),
            Event::Client => self.client_turn(),
            Event::ToClient(from, answer) => {
                if let Some((log, acked, rows)) = self.client.on(from, answer) {
                    self.judge.reads(log, &rows, &acked);
                }
            }
            Event::Fault => self.fault(),
            Event::Start(node) => self.start(node),
        }
        true
    }

    fn start(&mut self, node: NodeId) {
        let clock = match self.clocks.get(&node) {
            Some(clock) => *clock,
            None => Clock::new(&mut self.random),
        };
        self.clocks.insert(node, clock);
        let process = Process::new(node, clock, self.shared, self.random.any());
        let next_wake_us = u64::MAX;
        let (is_dead, paused_until_us, cut_until_us) = (false, 0, 0);
        self.bodies.push(Body { process, is_dead, paused_until_us, cut_until_us, next_wake_us });
        let body = self.bodies.len() - 1;
        self.addresses.insert(node, body);
        self.at(0, Event::Arrival(body, Arrival::Wake));
        self.at(0, Event::Timer(body));
    }

    fn timer(&mut self, index: usize) {
        if self.bodies[index].is_dead {
            return;
        }
        let in_us = self.random.between(500, 3_000);
        self.at(in_us, Event::Timer(index));
        let derives = self.random.permille(self.weather.derives);
        if self.bodies[index].paused_until_us <= self.now_us {
            self.arrive(index, if derives { Arrival::Tick } else { Arrival::Wake });
        }
    }

    fn arrive(&mut self, index: usize, arrival: Arrival) {
        let now_us = self.now_us;
        let body = &mut self.bodies[index];
        if body.is_dead {
            return;
        }
        if body.paused_until_us > now_us {
            let in_us = body.paused_until_us - now_us;
            return self.at(in_us, Event::Arrival(index, arrival));
        }
        if body.next_wake_us <= now_us {
            body.next_wake_us = u64::MAX;
        }
        let actions = body.process.on(arrival, now_us, &mut self.random);
        if let Some(in_us) =
            body.process.wake_in_us(now_us).filter(|in_us| now_us + in_us < body.next_wake_us)
        {
            body.next_wake_us = now_us + in_us;
            self.at(in_us, Event::Arrival(index, Arrival::Wake));
        }
        actions.into_iter().for_each(|action| self.carry_out(index, action));
        self.check_owners();
    }

    fn carry_out(&mut self, index: usize, action: Action) {
        let node = self.bodies[index].process.node;
        match action {
            Action::Ask(asker, request) => self.ask(index, asker, request),
            Action::ToNode(to, log, packet) => self.send(index, to, Arrival::Packet(log, packet)),
            Action::Tell(row) => self.tell(index, row),
            Action::Ack(id, seq) => {
                self.judge.acks(id, seq);
                self.send_to_client(node, Answer::Acked(id, seq));
            }
            Action::ReadDone(number, rows) => {
                self.send_to_client(node, Answer::ReadDone(number, rows))
            }
            Action::NotOwner(log, hint) => self.send_to_client(node, Answer::NotOwner(log, hint)),
            Action::Begin(partition, epoch) => self.judge.begins(index, partition, epoch),
            Action::Commit(log, row) => {
                let others: Vec<usize> = self
                    .owners_of(log.partition())
                    .into_iter()
                    .filter(|owner| *owner != index)
                    .collect();
                self.judge.commits(log, row, &others);
            }
            Action::Stop => self.hold_back(index),
            Action::Over => {
                self.bodies[index].is_dead = true;
                let in_us = self.random.between(0, 10_000);
                self.restart(index, in_us);
            }
        }
    }

    /// Starts a node again, unless something newer runs under its number.
    pub fn restart(&mut self, index: usize, in_us: u64) {
        let node = self.bodies[index].process.node;
        if self.addresses.get(&node) == Some(&index) {
            self.at(in_us, Event::Start(node));
        }
    }

    fn ask(&mut self, index: usize, asker: Asker, request: Request) {
        let number = self.events_made + 1;
        let is_of_lease = matches!(request, Request::ChangeLease(_));
        if is_of_lease && self.random.permille(self.weather.pauses_renewing) {
            self.pause(index);
        }
        let is_write = matches!(request, Request::WriteRow(..));
        let fate = self.weather.request(is_write, &mut self.random);
        self.asked.insert(number, Asked { process: index, asker, request, is_open: true });
        self.at(REQUEST_TIMEOUT_US, Event::Answered(number, None));
        match fate {
            _ if self.bodies[index].cut_until_us > self.now_us => self.land_late(number),
            Fate::Lost => {}
            Fate::Late => self.land_late(number),
            Fate::Lands { in_us, answer_in_us } => {
                self.at(in_us, Event::Land(number, answer_in_us))
            }
        }
    }

    /// A request lands when its process has long given it up, or hours later: when everything has healed.
    fn land_late(&mut self, number: u64) {
        let in_us = match self.random.between(0, 8) {
            0..4 => self.random.between(0, 4 * REQUEST_TIMEOUT_US),
            4..7 => self.random.between(0, 20 * REQUEST_TIMEOUT_US),
            _ => self.heal_us.saturating_sub(self.now_us) + self.random.between(0, LATE_WITHIN_US),
        };
        let last_us = self.heal_us.saturating_sub(self.now_us) + LATE_WITHIN_US;
        self.at(in_us.min(last_us), Event::Land(number, None));
    }

    /// Something on the way to the store holds back some of what a process has asked for.
    pub(super) fn hold_back(&mut self, index: usize) {
        let mut of_process = Vec::new();
        for (number, event) in &self.events {
            if let Event::Land(asked, Some(_)) = event
                && self.asked[asked].process == index
            {
                of_process.push((*number, *asked));
            }
        }
        for (number, asked) in of_process {
            if self.random.permille(self.weather.held_back) {
                self.events.remove(&number);
                self.land_late(asked);
            }
        }
    }

    fn land(&mut self, number: u64, answer_in_us: Option<u64>) {
        let asked = &self.asked[&number];
        let reply = self.store.land(&asked.request);
        if let Request::WriteRow(log, position, ..) = asked.request {
            self.judge.landed(&self.store, log, position);
        }
        if let Some(in_us) = answer_in_us {
            self.at(in_us, Event::Answered(number, Some(reply)));
        }
    }

    /// The driver hands on the first of answer and time-out. A paused process finds what came first when it wakes.
    fn answer(&mut self, number: u64, reply: Option<Reply>) {
        let asked = self.asked.get_mut(&number).expect("it was asked");
        if std::mem::take(&mut asked.is_open) {
            let arrival = Arrival::Answer(asked.asker, asked.request.clone(), reply);
            let process = asked.process;
            self.arrive(process, arrival);
        }
    }

    fn tell(&mut self, index: usize, row: OwnerRow) {
        self.send(index, row.holder.node, Arrival::Told(row));
    }

    fn send(&mut self, from: usize, to: NodeId, arrival: Arrival) {
        let Some(index) = self.addresses.get(&to).copied() else { return };
        if self.bodies[from].cut_until_us > self.now_us
            || self.bodies[index].cut_until_us > self.now_us
        {
            return;
        }
        for in_us in self.weather.packet(&mut self.random) {
            self.at(in_us, Event::Arrival(index, arrival.clone()));
        }
    }

    fn send_to_client(&mut self, from: NodeId, answer: Answer) {
        for in_us in self.weather.packet(&mut self.random) {
            self.at(in_us, Event::ToClient(from, answer.clone()));
        }
    }

    fn client_turn(&mut self) {
        let in_us = self.random.between(100, 900);
        self.at(in_us, Event::Client);
        // More than fits a window, so that windows are full when something happens.
        let waiting_max = 4 * (4 * self.shared.window + 4);
        let may_begin = self.now_us < self.heal_us && self.client.waiting() < waiting_max;
        let nodes: Vec<NodeId> = self.addresses.keys().copied().collect();
        let sent = self.client.tick(may_begin, &self.judge, &nodes, &mut self.random);
        let Some((node, log, packet)) = sent else { return };
        let Some(index) = self.addresses.get(&node).copied() else { return };
        // A client's connection may hang on an older process of the node.
        let older = (0..index).rev().find(|older| self.bodies[*older].process.node == node);
        let index = older.filter(|_| self.random.permille(300)).unwrap_or(index);
        self.send_to_process(index, log, &packet);
    }

    fn send_to_process(&mut self, index: usize, log: Log, packet: &Packet) {
        for in_us in self.weather.packet(&mut self.random) {
            self.at(in_us, Event::Arrival(index, Arrival::Packet(log, packet.clone())));
        }
    }

    pub(super) fn owners_of(&self, partition: Partition) -> Vec<usize> {
        let bodies = self.bodies.iter().enumerate().filter(|body| !body.1.is_dead);
        let owners = bodies.filter(|body| body.1.process.may_commit(partition, self.now_us));
        owners.map(|body| body.0).collect()
    }

    fn check_owners(&mut self) {
        for partition in Partition::all(PARTITIONS) {
            let owners = self.owners_of(partition);
            self.judge.owners(partition, &owners);
        }
    }
}

/// As long as needed and no longer, so that a run sees many changes of owners.
fn settings(plant: Plant) -> Settings {
    let settings = Settings {
        lease_ms: 80,
        lease_over_ms: 84,
        write_timeout_ms: REQUEST_TIMEOUT_US / 1_000,
        renew_every_ms: 25,
        read_every_ms: 8,
        owners_every_ms: 30,
        partitions: PARTITIONS,
    };
    assert_eq!(settings.check(), Ok(()), "a cluster would start with these");
    if plant == Plant::NoWaiting {
        return Settings { lease_over_ms: 16, write_timeout_ms: 0, ..settings };
    }
    settings
}
