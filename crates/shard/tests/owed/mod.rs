//! A world of one group: shards that are replaced, a store whose rows land late or never, mail that is lost, doubled and
//! reordered, and users who speak, add, remove and leave until they are answered.

mod check;
mod roles;
mod store;
mod wishes;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, SeedableRng};
use shard::command::{Answer, Command, Effects, Input, Inputs, Mail, Now, ReplyTo, Send, Session};
use shard::partition::{Partition, ShardId, Share};
use shard::rows::{Completion, Found, Read, Row, Ticket};
use shard::{Shard, ShardConfig};
use std::collections::{BTreeMap, VecDeque};
use store::{Key, Stamp, Tables};
use wire::{ClientMsgId, ConversationId, RefusalCode, RowKind, Seq, Uid};

const SHARDS: u16 = 3;
pub const USERS: u64 = 6;
/// A time that no world sees.
pub const NEVER_MS: u64 = wire::NUMBER_MAX - 1;
/// Commands beside the first, at most.
const COMMANDS_MAX: usize = 40;
/// Steps until everything must be answered, or told.
const STEPS_MAX: u32 = 60_000;

/// What a user wants, and what became of it.
pub struct Wish {
    pub send: Send,
    /// What was acknowledged before it was first said.
    pub since: Seq,
    /// The epoch of the owner that it was said to and that has not answered.
    asked: Option<u32>,
    pub answer: Option<Result<Seq, RefusalCode>>,
}

enum Request {
    Commit(Ticket, Vec<Row>),
    Read(Ticket, Read),
}

/// A shard under an epoch.
struct Node {
    epoch: u32,
    shard: Shard,
    inputs: Inputs,
    requests: VecDeque<Request>,
    /// The commit that is landing: what is left of it, by phase, and rows of the phase that have not landed.
    landing: Option<(Ticket, Vec<Vec<Row>>, usize)>,
    commits: u32,
}

/// A row on its way.
struct Write {
    node: usize,
    epoch: u32,
    stamp: Stamp,
    row: Row,
}

pub struct World {
    rng: Xoshiro256PlusPlus,
    now: Now,
    pub tables: Tables,
    nodes: Vec<Node>,
    writes: Vec<Write>,
    mail: Vec<(usize, Mail)>,
    pub wishes: Vec<Wish>,
    pub group: ConversationId,
    /// 1:1 messages, which come into the same inboxes.
    pub direct: Vec<Wish>,
    answers: BTreeMap<u64, Answer>,
    asked: u64,
    epochs: u32,
    effects: Effects,
    /// In how many ms what was refused last is to come again.
    pub wait_ms: u32,
    /// How often each thing happens.
    weights: [u64; 8],
}

fn node(id: usize, epoch: u32, now: Now) -> Node {
    let share = Share::Of { id: ShardId(u16::try_from(id).unwrap()), shards: SHARDS };
    let newest_id_ms = if epoch > 1 { now.unix_ms + 10_000 } else { 0 };
    let usual = ShardConfig::new(share, epoch, 7);
    let config = ShardConfig { is_atomic: false, newest_id_ms, ..usual };
    let shard = Shard::new(config, now);
    let (inputs, requests) = (Inputs::default(), VecDeque::new());
    Node { epoch, shard, inputs, requests, landing: None, commits: 0 }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let now = Now { unix_ms: 1_700_000_000_000, mono_ms: 10_000 };
        let rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let id = ClientMsgId::new(now.unix_ms, 0);
        let mut world = Self {
            rng,
            now,
            tables: Tables::default(),
            nodes: (0..SHARDS.into()).map(|id| node(id, 1, now)).collect(),
            writes: Vec::new(),
            mail: Vec::new(),
            wishes: Vec::new(),
            group: ConversationId::made_by(Uid(1), id),
            direct: Vec::new(),
            answers: BTreeMap::new(),
            asked: 0,
            epochs: 1,
            effects: Effects::default(),
            wait_ms: 0,
            weights: [0; 8],
        };
        world.weights =
            [30, 30, 20, 30, 12, 6, 6, 3].map(|weight| weight * [1, 5, 25][world.index(3)]);
        world.wish(1, RowKind::GROUP_CREATED, &[2, 3]);
        world
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.rng.next_u64() % end
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn owner(&self, partition: Partition) -> usize {
        partition.owner(SHARDS).0.into()
    }

    pub fn group_owner(&self) -> usize {
        self.owner(Partition::of_conversation(self.group))
    }

    /// Says a wish, for the first time or again, if it does not wait at its owner. Its number is that of the request.
    pub fn say(&mut self, number: usize) {
        let epoch = Some(self.nodes[self.group_owner()].epoch);
        let wish = &mut self.wishes[number];
        if std::mem::replace(&mut wish.asked, epoch) == epoch {
            return;
        }
        let send = wish.send.clone();
        self.command(Command::Send(send), number as u64 + 1);
    }

    fn say_direct(&mut self, number: usize) {
        let send = self.direct[number].send.clone();
        self.command(Command::Send(send), number as u64 + 1_000_001);
    }

    fn command(&mut self, command: Command, ticket: u64) {
        let at = self.owner(command.partition());
        let session = Session { entry: 0, key: 1 };
        let input = Input::Command(command, ReplyTo { session, ticket });
        self.nodes[at].inputs.inputs.push(input);
    }

    /// An owner is replaced: what it had under way lands late, or never.
    pub fn replace(&mut self, at: usize) {
        self.epochs += 1;
        self.nodes[at] = node(at, self.epochs, self.now);
    }

    /// The epoch before the last one.
    pub fn epoch_before(&self) -> u32 {
        self.epochs - 1
    }

    /// What the clocks show.
    pub fn unix_ms(&self) -> u64 {
        self.now.unix_ms
    }

    /// Time passes.
    pub fn pass(&mut self, ms: u64) {
        self.now.mono_ms += ms;
        self.now.unix_ms += ms;
    }

    /// Time passes for one shard, whose mail does not arrive.
    pub fn rest(&mut self, at: usize) {
        self.pass(700);
        self.step(at);
        self.land_all(|_, _| true);
    }

    /// Nothing is on its way, nor waits for a step.
    pub fn is_silent(&self) -> bool {
        let is_idle =
            |node: &Node| node.inputs.inputs.is_empty() && node.inputs.completions.is_empty();
        self.mail.is_empty() && self.writes.is_empty() && self.nodes.iter().all(is_idle)
    }

    /// Nothing that shards said arrives.
    pub fn lose_mail(&mut self) {
        self.mail.clear();
    }

    pub fn step(&mut self, at: usize) {
        let mut effects = std::mem::take(&mut self.effects);
        let node = &mut self.nodes[at];
        node.shard.step(&mut node.inputs, self.now, &mut effects);
        if let Some((ticket, rows)) = effects.commit.take() {
            node.requests.push_back(Request::Commit(ticket, rows));
        }
        let reads = effects.reads.drain(..).map(|(ticket, read)| Request::Read(ticket, read));
        node.requests.extend(reads);
        self.mail.extend(
            effects.mail.drain(..).map(|(to, mail)| (usize::from(to.owner(SHARDS).0), mail)),
        );
        for delivery in effects.deliveries.drain(..) {
            self.on_answer(delivery.to.ticket, delivery.answer);
        }
        self.effects = effects;
        self.begin(at);
    }

    fn on_answer(&mut self, ticket: u64, answer: Answer) {
        if ticket > 2_000_000 {
            return drop(self.answers.insert(ticket, answer));
        }
        let index = usize::try_from((ticket - 1) % 1_000_000).unwrap();
        let is_direct = ticket > 1_000_000;
        let wish = if is_direct { &mut self.direct[index] } else { &mut self.wishes[index] };
        wish.asked = None;
        let answer = if let Answer::Acked { seq, .. } = answer {
            Ok(seq)
        } else if let Answer::Refused { code, retry_after_ms } = answer {
            if code.is_retryable() {
                return;
            }
            self.wait_ms = retry_after_ms;
            Err(code)
        } else {
            panic!("{answer:?}")
        };
        assert!(
            wish.answer.is_none_or(|first| first == answer),
            "answered {answer:?} after {:?}",
            wish.answer
        );
        wish.answer = Some(answer);
    }

    /// The node's store begins what is next.
    fn begin(&mut self, at: usize) {
        let Self { nodes, tables, writes, .. } = self;
        let node = &mut nodes[at];
        while node.landing.is_none() {
            match node.requests.pop_front() {
                Some(Request::Read(ticket, read)) => {
                    let mut found = tables.read(node.epoch, read);
                    if let Found::Marks(groups) = &mut found {
                        groups.retain(|it| {
                            usize::from(Partition::of_conversation(*it).owner(SHARDS).0) == at
                        });
                    }
                    node.inputs.completions.push(Completion::Read(ticket, Ok(found)));
                }
                Some(Request::Commit(ticket, rows)) => {
                    node.commits += 1;
                    let mut phases = vec![Vec::new(); 3];
                    let mut last = BTreeMap::new();
                    rows.into_iter().for_each(|row| drop(last.insert(Key::of(&row), row)));
                    last.into_values().for_each(|row| phases[Key::of(&row).phase()].push(row));
                    phases.reverse();
                    node.landing = Some((ticket, phases, 0));
                    next_phase((at, node), writes);
                }
                None => return,
            }
        }
    }

    fn land(&mut self, write: usize) {
        let Write { node: at, epoch, stamp, row } = self.writes.swap_remove(write);
        self.tables.put(stamp, row);
        let node = &mut self.nodes[at];
        if node.epoch != epoch {
            return;
        }
        node.landing.as_mut().expect("its row landed").2 -= 1;
        next_phase((at, node), &mut self.writes);
        self.begin(at);
    }

    /// Every row of a node's that is on its way lands.
    pub fn land_all(&mut self, is_it: impl Fn(&Row, Stamp) -> bool) {
        while let Some(at) = self.writes.iter().position(|it| is_it(&it.row, it.stamp)) {
            self.land(at);
        }
    }

    fn deliver(&mut self, is_faulty: bool) {
        if self.mail.is_empty() {
            return;
        }
        let at = self.index(self.mail.len());
        let (to, mail) = self.mail[at].clone();
        let fate = if is_faulty { self.below(100) } else { 99 };
        if fate >= 10 {
            self.mail.swap_remove(at);
        }
        if !(10..20).contains(&fate) {
            self.nodes[to].inputs.inputs.push(Input::Mail(mail));
        }
    }

    pub fn unanswered(&self) -> Vec<usize> {
        let open = |it: &usize| self.wishes[*it].answer.is_none();
        (0..self.wishes.len()).filter(open).collect()
    }

    fn speak(&mut self, is_faulty: bool) {
        let mut waiting = self.unanswered();
        let is_made = self.wishes[0].answer.is_some();
        if is_faulty
            && is_made
            && self.wishes.len() <= COMMANDS_MAX
            && (waiting.is_empty() || self.chance(50))
        {
            let (by, whom) = (1 + self.below(USERS), 1 + self.below(USERS));
            waiting = vec![match self.below(14) {
                0..5 => self.wish_message(by),
                5..7 => self.wish(by, RowKind::MEMBERS_ADDED, &[whom]),
                7..9 => self.wish(by, RowKind::MEMBERS_REMOVED, &[whom]),
                9..11 => self.wish_role(by, whom),
                11..13 => self.wish_setting(by, whom),
                _ => self.wish(by, RowKind::MEMBER_LEFT, &[]),
            }];
        }
        if !waiting.is_empty() {
            let number = waiting[self.index(waiting.len())];
            self.say(number);
        }
        let open: Vec<_> =
            (0..self.direct.len()).filter(|it| self.direct[*it].answer.is_none()).collect();
        if !open.is_empty() {
            let number = open[self.index(open.len())];
            self.say_direct(number);
        } else if is_faulty && self.chance(20) {
            self.wish_direct();
        }
    }

    /// One thing happens.
    pub fn happen(&mut self, is_faulty: bool, speak: bool) {
        let weights = if is_faulty { self.weights } else { [30, 30, 20, 30, 12, 6, 0, 0] };
        let mut draw = self.below(weights.iter().sum());
        let what = weights.iter().position(|weight| {
            let is_it = draw < *weight;
            draw = draw.saturating_sub(*weight);
            is_it
        });
        let at = self.index(SHARDS.into());
        match what.expect("one of them") {
            0 | 1 if !self.writes.is_empty() => {
                let write = self.index(self.writes.len());
                self.land(write);
            }
            2 => self.deliver(is_faulty),
            0 | 1 | 3 => self.step(at),
            4 if speak => self.speak(is_faulty),
            5 => {
                let ms = [1, 20, 300, 2_500][self.index(4)];
                self.pass(ms);
            }
            6 if self.chance(30) => self.replace(at),
            7 if self.chance(30) => {
                let owner = self.group_owner();
                self.replace(owner);
            }
            _ => {}
        }
    }

    /// Without faults, until it is so.
    pub fn go_on(&mut self, speak: bool, is_over: impl Fn(&Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if is_over(self) {
                return;
            }
            self.happen(false, speak);
        }
        panic!("stuck: {:?} not answered; {}", self.unanswered(), self.untold());
    }

    pub fn is_answered(&self) -> bool {
        self.wishes.iter().chain(&self.direct).all(|wish| wish.answer.is_some())
    }

    /// Asks the group's owner, and has the answer before anything else happens.
    pub fn ask_at_once(&mut self, command: Command) -> Answer {
        self.asked += 1;
        let (ticket, owner) = (2_000_000 + self.asked, self.group_owner());
        self.command(command, ticket);
        self.step(owner);
        self.answers.remove(&ticket).expect("it is in memory")
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, command: Command) -> Answer {
        self.asked += 1;
        let ticket = 2_000_000 + self.asked;
        self.command(command, ticket);
        self.go_on(false, |world| world.answers.contains_key(&ticket));
        self.answers.remove(&ticket).unwrap()
    }
}

/// What is next of a commit goes out once everything before it has landed.
fn next_phase((at, node): (usize, &mut Node), writes: &mut Vec<Write>) {
    while let Some((ticket, phases, left)) = &mut node.landing
        && *left == 0
    {
        let Some(rows) = phases.pop() else {
            node.inputs.completions.push(Completion::Committed(*ticket, Ok(())));
            node.landing = None;
            return;
        };
        *left = rows.len();
        for row in rows {
            let revision = if Key::of(&row).phase() == 0 { 0 } else { node.commits };
            let stamp = (node.epoch, revision);
            writes.push(Write { node: at, epoch: node.epoch, stamp, row });
        }
    }
}
