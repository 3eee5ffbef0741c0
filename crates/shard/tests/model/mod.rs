//! A world of shards, stores, queues and clients that a seed drives. Queues keep their order and nothing else.

mod check;
mod client;
mod judge;
mod node;
mod part;
mod shape;

use client::Clients;
use node::{Durable, Node};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng};
use shape::Shape;
use shard::command::{Answer, Command, Delivery, Effects, Input, Mail, Now, ReplyTo, Session};
use shard::partition::Partition;
use std::collections::VecDeque;
use wire::{CLIENT_MSG_ID_AGE_MS_MAX, CLOCK_SKEW_MS_MAX, ConversationId, Uid};

/// Entries that clients connect to, and one more that asks in the end.
const ENTRIES: u64 = 2;
/// Of all inboxes.
const INBOX_EPOCH: u64 = 7;
const READER: Session = Session { entry: 2, key: 0 };
/// Rounds of half a second until everything must be acknowledged and delivered.
const ROUNDS_MAX: u32 = 1_000;

/// How often the wall clock is set at most: the rounds of the end must make good what it is behind.
const CLOCK_STEPS_MAX: u32 = 3;
/// Rounds until everything that was under way has ended.
const ROUNDS_CLEARING: u32 = 20;

/// What a seed repeats on every machine.
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Everything there is.
pub struct World {
    pub rng: Rng,
    pub now: Now,
    pub durable: Durable,
    pub clients: Clients,
    shape: Shape,
    /// No fault any more.
    pub is_ending: bool,
    /// How often the wall clock was set back.
    pub clock_steps: u32,
    nodes: Vec<Node>,
    /// From shard to shard.
    mail: Vec<VecDeque<Mail>>,
    /// From entry to shard.
    up: Vec<VecDeque<Input>>,
    /// From shard to entry, by entry, then by shard.
    down: Vec<VecDeque<Delivery>>,
    effects: Effects,
    answers: Vec<(u64, Answer)>,
}

fn queues<T>(count: usize) -> Vec<VecDeque<T>> {
    (0..count).map(|_| VecDeque::new()).collect()
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(Xoshiro256PlusPlus::seed_from_u64(seed));
        let shards = u16::try_from(1 + seed % 3).unwrap();
        let now = Now { unix_ms: 1_700_000_000_000, mono_ms: 0 };
        let shape = Shape::new(seed, &mut rng);
        let nodes = (0..shards).map(|id| Node::new(id, shards, &shape, now)).collect();
        let shards = usize::from(shards);
        let entries = usize::try_from(ENTRIES).unwrap() + 1;
        let clients = Clients::new(&shape, &mut rng);
        Self {
            shape,
            is_ending: false,
            clock_steps: 0,
            rng,
            now,
            durable: Durable::default(),
            clients,
            nodes,
            mail: queues(shards * shards),
            up: queues(entries * shards),
            down: queues(entries * shards),
            effects: Effects::default(),
            answers: Vec::new(),
        }
    }

    pub fn is_calm(&self) -> bool {
        self.shape.faults == 0
    }

    fn owner(&self, partition: Partition) -> usize {
        usize::from(partition.owner(u16::try_from(self.nodes.len()).unwrap()).0)
    }

    pub fn owner_of(&self, uid: Uid) -> usize {
        self.owner(Partition::of_user(uid))
    }

    pub fn home_of(&self, conversation: ConversationId) -> usize {
        self.owner(Partition::of_conversation(conversation))
    }

    pub fn command(&mut self, shard: usize, command: Command, reply: ReplyTo) {
        let at = usize::from(reply.session.entry) * self.nodes.len() + shard;
        self.up[at].push_back(Input::Command(command, reply));
    }

    /// Everything that happens until the faults stop.
    pub fn live(&mut self) {
        for _ in 0..self.shape.ticks {
            if self.rng.below(1_000) < self.shape.faults {
                self.fault();
            } else {
                self.tick();
            }
        }
    }

    /// One thing happens somewhere.
    fn tick(&mut self) {
        match self.rng.below(100) {
            0..25 => self.act(),
            25..42 => {
                let at = self.rng.index(self.up.len());
                self.arrive(at);
            }
            42..58 => {
                let at = self.rng.index(self.mail.len());
                self.post(at);
            }
            58..72 => {
                let at = self.rng.index(self.down.len());
                self.deliver(at);
            }
            72..83 => {
                let (at, count) = (self.rng.index(self.nodes.len()), 1 + self.rng.index(4));
                if self.nodes[at].is_ready(&mut self.rng) {
                    self.nodes[at].poll(count, &mut self.durable);
                }
            }
            83..96 => {
                let at = self.rng.index(self.nodes.len());
                self.step(at);
            }
            _ => {
                let most = self.shape.clock_ms[self.rng.index(4)];
                let ms = self.rng.below(most);
                self.advance(ms);
            }
        }
    }

    fn advance(&mut self, ms: u64) {
        self.now.unix_ms += ms;
        self.now.mono_ms += ms;
    }

    /// Sometimes a process that comes back finds a clock that was set: back, further than ids may be ahead of it, or so far
    /// on that every id in memory is forgotten.
    fn step_clock(&mut self) {
        if self.clock_steps == CLOCK_STEPS_MAX || self.is_ending || !self.rng.chance(10) {
            return;
        }
        self.clock_steps += 1;
        if self.rng.chance(30) {
            self.now.unix_ms +=
                self.rng.below(CLIENT_MSG_ID_AGE_MS_MAX / u64::from(CLOCK_STEPS_MAX));
        } else {
            self.now.unix_ms -= self.rng.below(3 * CLOCK_SKEW_MS_MAX);
        }
    }

    /// How much of a queue moves at once.
    fn some(&mut self) -> usize {
        if self.is_ending {
            return usize::MAX;
        }
        self.rng.index(4 + usize::try_from(self.shape.burst).unwrap())
    }

    fn arrive(&mut self, at: usize) {
        let to = at % self.nodes.len();
        let count = self.some().min(self.up[at].len());
        let node = &mut self.nodes[to];
        node.inputs.inputs.extend(self.up[at].drain(..count));
    }

    fn post(&mut self, at: usize) {
        let to = at % self.nodes.len();
        let count = self.some().min(self.mail[at].len());
        self.nodes[to].inputs.inputs.extend(self.mail[at].drain(..count).map(Input::Mail));
    }

    fn deliver(&mut self, at: usize) {
        for _ in 0..self.some().min(self.down[at].len()) {
            let delivery = self.down[at].pop_front().unwrap();
            if delivery.to.session == READER {
                self.answers.push((delivery.to.ticket, delivery.answer));
            } else {
                self.on_delivery(delivery);
            }
        }
    }

    fn step(&mut self, at: usize) {
        let mut effects = std::mem::take(&mut self.effects);
        self.nodes[at].step(self.now, &mut effects);
        let shards = self.nodes.len();
        let count = u16::try_from(shards).expect("few");
        for (to, mail) in effects.mail.drain(..) {
            self.mail[at * shards + usize::from(to.owner(count).0)].push_back(mail);
        }
        for delivery in effects.deliveries.drain(..) {
            self.judge(&delivery);
            self.down[usize::from(delivery.to.session.entry) * shards + at].push_back(delivery);
        }
        self.effects = effects;
    }

    fn fault(&mut self) {
        let at = self.rng.index(self.nodes.len());
        match self.rng.below(20) {
            0..8 if self.shape.is_one_process => self.crash_all(),
            _ if self.nodes[at].is_failing => self.crash(at),
            0..8 => self.crash(at),
            8..10 => self.nodes[at].fail(&mut self.rng, &mut self.durable),
            10..16 => {
                let is_full = self.rng.chance(50);
                self.nodes[at].is_full(is_full);
            }
            _ => {
                let link = self.rng.index(self.mail.len());
                self.mail[link].clear();
            }
        }
    }

    /// A shard's process dies and comes back. What was on its way to it is lost; some of what it said arrives.
    pub fn crash(&mut self, at: usize) {
        let shards = self.nodes.len();
        self.step_clock();
        self.nodes[at].restart(self.now, &mut self.rng, &mut self.durable);
        for other in 0..shards {
            self.mail[other * shards + at].clear();
            let said = &mut self.mail[at * shards + other];
            said.truncate(self.rng.index(said.len() + 1));
        }
        for entry in 0..self.up.len() / shards {
            self.up[entry * shards + at].clear();
            let said = &mut self.down[entry * shards + at];
            said.truncate(self.rng.index(said.len() + 1));
        }
        self.drop_sessions(at);
    }

    pub fn crash_all(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.crash(at));
    }

    /// Everything moves on once.
    fn round(&mut self) {
        for at in 0..self.up.len() {
            self.arrive(at);
        }
        for at in 0..self.mail.len() {
            self.post(at);
        }
        for at in 0..self.nodes.len() {
            self.step(at);
            self.nodes[at].poll(usize::MAX, &mut self.durable);
            self.step(at);
        }
        for at in 0..self.down.len() {
            self.deliver(at);
        }
    }

    /// No faults from now on: runs until every send is acknowledged and every device has every row.
    pub fn end(&mut self) {
        self.is_ending = true;
        for at in 0..self.nodes.len() {
            if self.nodes[at].is_failing {
                self.crash(at);
            }
            self.nodes[at].is_full(false);
        }
        (0..ROUNDS_CLEARING).for_each(|_| self.round());
        let conversations: Vec<_> = self.durable.messages.keys().copied().collect();
        for conversation in conversations {
            self.send_last(conversation);
        }
        for _ in 0..ROUNDS_MAX {
            self.round();
            self.persist();
            self.advance(500);
            if self.is_settled() {
                return;
            }
        }
        let nodes: Vec<_> = self.nodes.iter().map(Node::state).collect();
        panic!("stuck: {}; {}", nodes.join("; "), self.unsettled());
    }

    /// Asks as an entry without devices, and waits for the answer.
    pub fn ask(&mut self, uid: Uid, command: Command) -> Answer {
        let shard = self.owner_of(uid);
        let ticket = self.clients.next_request();
        self.command(shard, command, ReplyTo { session: READER, ticket });
        for _ in 0..ROUNDS_MAX {
            self.round();
            if let Some(at) = self.answers.iter().position(|answer| answer.0 == ticket) {
                return self.answers.swap_remove(at).1;
            }
        }
        panic!("stuck: no answer");
    }
}
