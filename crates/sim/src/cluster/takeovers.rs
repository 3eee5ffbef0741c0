//! One conversation and its two inboxes, each with an owner that may be replaced at any moment: no leases and no time, so that
//! takeovers follow each other far more closely than in a cluster. It explores what a takeover does to a log.
//!
//! Reads are answered at once. Writes are under way until they land, in any order; those of an owner that was replaced too.

use super::Report;
use super::judge::Judge;
use super::log_owner::LogOwner;
use super::log_rows::{Context, Out, Packet};
use super::plant::Plant;
use super::store::{Log, Request, Store};
use crate::random::Random;
use shard::owner::Epoch;
use std::collections::{BTreeMap, BTreeSet};
use wire::MessageId;

/// Messages of a run, at most.
const MESSAGES_MAX: usize = 40;
/// Steps after the last fault until everything must be acknowledged.
const HEALED_STEPS_MAX: u64 = 30_000;

struct Takeovers {
    random: Random,
    plant: Plant,
    window: u64,
    /// In permille: how often a write lands, and a derived row is stored, when its turn comes.
    lands: u64,
    derives: u64,
    store: Store,
    judge: Judge,
    owners: BTreeMap<Log, LogOwner>,
    epoch: Epoch,
    /// Writes under way, and by which owner.
    writes: Vec<(Log, Epoch, Request)>,
    packets: Vec<(Log, Packet)>,
    /// Multiples of the number of conversations: all belong to the first.
    sent: Vec<MessageId>,
    acked: BTreeSet<MessageId>,
}

/// Runs one seed with one rule taken away.
///
/// # Errors
/// What went wrong first.
pub fn run(seed: u64, plant: Plant) -> Result<Report, String> {
    let mut random = Random::new(seed);
    let window = random.pick(&[1, 2, 4, 8, 8]).expect("there are some");
    let mut rate = || random.pick(&[200, 1_000, 1_000]).expect("there are some");
    let (lands, derives) = (rate(), rate());
    let (faulty_steps, store) = (random.between(100, 900), Store::new(plant));
    let mut world = Takeovers {
        random,
        plant,
        window,
        lands,
        derives,
        store,
        judge: Judge::default(),
        owners: BTreeMap::new(),
        epoch: Epoch(0),
        writes: Vec::new(),
        packets: Vec::new(),
        sent: Vec::new(),
        acked: BTreeSet::new(),
    };
    Log::of_first_chat().for_each(|log| world.replace(log));
    for step in 0..faulty_steps + HEALED_STEPS_MAX {
        world.step(step < faulty_steps);
        if let Some(verdict) = world.judge.verdict() {
            return Err(format!("at step {step}: {verdict}"));
        }
        let is_quiet = world.writes.is_empty() && world.packets.is_empty();
        if step > faulty_steps && is_quiet && world.acked.len() == world.sent.len() {
            world.judge.ends(&world.store);
            let (acked, epochs) = (world.acked.len() as u64, world.judge.epochs() as u64);
            let report = Report { acked, epochs, healed_in_us: 0 };
            return world
                .judge
                .verdict()
                .map_or(Ok(report), |verdict| Err(format!("at the end: {verdict}")));
        }
    }
    Err(format!(
        "{} of {} messages are stuck",
        world.sent.len() - world.acked.len(),
        world.sent.len()
    ))
}

impl Takeovers {
    fn step(&mut self, is_faulty: bool) {
        match self.random.between(0, 100) {
            0..25 if !is_faulty || self.random.permille(self.lands) => self.land(),
            25..60 => self.deliver(is_faulty),
            60..80 => self.send(is_faulty),
            80..93 if !is_faulty || self.random.permille(self.derives) => {
                let Some(log) = self.any_log() else { return };
                let rows = if self.random.permille(300) { 2 * self.window } else { 1 };
                for _ in 0..rows {
                    let mut random = Random::new(self.random.any());
                    self.with(log, |owner, cx| owner.derive(&mut random, cx));
                }
            }
            93..100 if is_faulty => {
                if let Some(log) = self.any_log() {
                    self.replace(log);
                }
            }
            _ => {}
        }
    }

    fn any_log(&mut self) -> Option<Log> {
        let logs: Vec<Log> = self.owners.keys().copied().collect();
        self.random.pick(&logs)
    }

    fn replace(&mut self, log: Log) {
        self.epoch = self.epoch.next();
        self.judge.begins(0, log.partition(), self.epoch);
        let mut out = Vec::new();
        let owner = LogOwner::begin(log, self.epoch, self.window, self.plant, &mut out);
        self.owners.insert(log, owner);
        self.carry_out(log, out);
    }

    fn send(&mut self, is_faulty: bool) {
        let waiting: Vec<MessageId> =
            self.sent.iter().filter(|id| !self.acked.contains(id)).copied().collect();
        let is_new = is_faulty
            && self.sent.len() < MESSAGES_MAX
            && (waiting.is_empty() || self.random.permille(500));
        let id = if is_new {
            let id = Log::message_of_first_chat(self.sent.len() as u64 + 1);
            self.sent.push(id);
            Some(id)
        } else {
            self.random.pick(&waiting)
        };
        if let Some(id) = id {
            let log = Log::of_message(id);
            self.with(log, |owner, cx| owner.on_packet(&Packet::Send(id), cx));
        }
    }

    fn deliver(&mut self, is_faulty: bool) {
        if self.packets.is_empty() {
            return;
        }
        let index = self.random.between(0, self.packets.len() as u64);
        let (log, packet) =
            self.packets.swap_remove(usize::try_from(index).expect("below a length"));
        if is_faulty && self.random.permille(100) {
            return;
        }
        if is_faulty && self.random.permille(100) {
            self.packets.push((log, packet.clone()));
        }
        self.with(log, |owner, cx| owner.on_packet(&packet, cx));
    }

    fn land(&mut self) {
        if self.writes.is_empty() {
            return;
        }
        let index = self.random.between(0, self.writes.len() as u64);
        let (log, epoch, request) =
            self.writes.swap_remove(usize::try_from(index).expect("below a length"));
        let reply = self.store.land(&request);
        if let Request::WriteRow(log, position, ..) = request {
            self.judge.landed(&self.store, log, position);
        }
        if self.owners[&log].epoch() == epoch {
            self.with(log, |owner, cx| owner.on_answer(request, Some(reply), cx));
        }
    }

    /// Most derived rows, and most of what a takeover rewrites, or owners would be replaced before they serve.
    fn lands_at_once(&mut self, log: Log, request: &Request) -> bool {
        let is_append = matches!(request, Request::WriteRow(..)) && self.owners[&log].is_serving();
        !is_append && self.random.permille(900)
    }

    fn with(&mut self, log: Log, call: impl FnOnce(&mut LogOwner, &mut Context<'_>)) {
        let mut out = Vec::new();
        let wall_us = self.random.between(0, 1_000_000);
        let mut cx = Context { serves: true, may_commit: true, wall_us, out: &mut out };
        let owner = self.owners.get_mut(&log).expect("every log has an owner");
        call(owner, &mut cx);
        self.carry_out(log, out);
    }

    fn carry_out(&mut self, log: Log, out: Vec<Out>) {
        let epoch = self.owners[&log].epoch();
        for out in out {
            match out {
                Out::Ask(request) if request.is_write() && !self.lands_at_once(log, &request) => {
                    self.writes.push((log, epoch, request));
                }
                Out::Ask(request) => {
                    let reply = self.store.land(&request);
                    self.with(log, |owner, cx| owner.on_answer(request, Some(reply), cx));
                }
                Out::ToOwner(to, packet) => self.packets.push((to, packet)),
                Out::Ack(id, seq) => {
                    self.judge.acks(id, seq);
                    self.acked.insert(id);
                }
                Out::Commit(position, row) => self.judge.commits(log, (position, row), &[]),
                Out::ReadDone(..) => {}
            }
        }
    }
}
