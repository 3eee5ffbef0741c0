//! The processes of nodes in the world: what reaches one, and what becomes of what it does and asks.

use super::clock::Clock;
use super::ends::Who;
use super::event::Event;
use super::node::{Action, Arrival, Node, address_of};
use super::statements::Asked;
use super::store::{Reply, Statement};
use super::weather::{Fate, STATEMENT_TIMEOUT_US};
use super::world::{Asker, NodeBody, Pending, World};
use shard::limits::{HELD_BACK_MS, STORE_RETRY_MS};
use shard::owner::NodeId;
use shard::partition::Partition;

/// By then the last late statement has landed, in µs after the last fault.
pub const LATE_WITHIN_US: u64 = 2_000_000;
/// By then every node has seen that the store answers again, and nobody waits any more behind a message that was refused then and
/// came again elsewhere, at neither of two gateways, in µs after the last fault.
const STORE_BACK_US: u64 = 3_000_000 + 2 * (STORE_RETRY_MS as u64 + HELD_BACK_MS) * 1_000;
/// How long a core stands still in a turn, in µs, at most: two leases.
const STALL_US_MAX: u64 = 1_600_000;
/// Between a statement's time-out and the next try, in µs, at most.
const AGAIN_US_MAX: u64 = 50_000;

impl World {
    pub(super) fn start(&mut self, id: NodeId) {
        let clock = match self.clocks.get(&id) {
            Some(clock) => *clock,
            None => Clock::new(&mut self.random, self.apart_us),
        };
        self.clocks.insert(id, clock);
        let node = Node::new(id, clock, &self.shared_terms(), (self.now_us, &mut self.random));
        self.nodes.push(NodeBody {
            node,
            is_dead: false,
            paused_until_us: 0,
            stalled_until_us: 0,
            cut_until_us: 0,
            next_wake_us: u64::MAX,
        });
        let index = self.nodes.len() - 1;
        self.newest.insert(id, index);
        self.addresses.insert(address_of(id).parse().expect("it is one"), index);
        self.at(0, Event::Wake(index));
        self.at(0, Event::Timers(index));
    }

    /// Until when somebody does not take what reaches him, if he does not now.
    pub(super) fn busy_until_us(&self, who: Who) -> Option<u64> {
        let Who::Node(index) = who else { return None };
        let body = &self.nodes[index];
        let until_us = body.paused_until_us.max(body.stalled_until_us);
        (until_us > self.now_us).then_some(until_us)
    }

    pub(super) fn wake(&mut self, index: usize) {
        let now_us = self.now_us;
        let body = &mut self.nodes[index];
        if body.is_dead {
            return;
        }
        if body.paused_until_us > now_us {
            let in_us = body.paused_until_us - now_us;
            return self.at(in_us, Event::Wake(index));
        }
        if body.next_wake_us <= now_us {
            body.next_wake_us = u64::MAX;
        }
        let (mut out, token) = (Vec::new(), self.random.any());
        body.node.step_ownership(now_us, (Vec::new(), token), &mut out);
        self.carry_out(index, out);
    }

    /// Something reaches a core: it has a turn, but may stand still in the middle of it.
    pub(super) fn turn_node(&mut self, index: usize, arrival: Arrival) {
        let body = &mut self.nodes[index];
        if body.is_dead {
            return;
        }
        let until_us = body.paused_until_us.max(body.stalled_until_us);
        if until_us > self.now_us {
            // What is there is seen in the next turn.
            let waits = matches!(arrival, Arrival::Timers | Arrival::Ready);
            return assert!(waits, "what is said waits on its link");
        }
        let mut out = Vec::new();
        body.node.begin_turn(arrival, self.now_us, &mut out);
        if self.random.permille(self.weather.stalls) {
            let in_us = self.random.between(1_000, STALL_US_MAX);
            self.nodes[index].stalled_until_us = self.now_us + in_us;
            self.at(in_us, Event::GoOn(index));
            return self.carry_out(index, out);
        }
        self.end_turn(index, out);
    }

    fn end_turn(&mut self, index: usize, mut out: Vec<Action>) {
        self.nodes[index].node.end_turn(self.now_us, &mut out);
        self.carry_out(index, out);
        self.serve_sockets(Who::Node(index));
    }

    pub(super) fn go_on(&mut self, index: usize) {
        let body = &mut self.nodes[index];
        if body.is_dead {
            return;
        }
        if body.paused_until_us > self.now_us {
            body.stalled_until_us = body.paused_until_us;
            let in_us = body.paused_until_us - self.now_us;
            return self.at(in_us, Event::GoOn(index));
        }
        self.end_turn(index, Vec::new());
    }

    /// Does what a process wants done, lets its stores run, and sees what follows.
    pub(super) fn carry_out(&mut self, index: usize, actions: Vec<Action>) {
        for action in actions {
            self.carry_out_one(index, action);
        }
        if self.nodes[index].is_dead {
            return;
        }
        let untold = self.nodes[index].node.take_untold();
        if !untold.is_empty() {
            let (mut out, token) = (Vec::new(), self.random.any());
            self.nodes[index].node.step_ownership(self.now_us, (untold, token), &mut out);
            return self.carry_out(index, out);
        }
        let wants_turn = self.nodes[index].node.run_stores(self.now_us);
        for open in self.nodes[index].node.queue.take() {
            let asked = open.asked.clone();
            let number = self.pend(index, Asker::Store(open));
            match asked {
                Asked::Statement(_) => self.send_statement(number),
                Asked::Time(time) => {
                    let in_us = u64::try_from(time.as_micros()).expect("short");
                    self.at(in_us, Event::Answered(number, Some(Reply::Written)));
                }
            }
        }
        let body = &mut self.nodes[index];
        if let Some(in_us) = body
            .node
            .wake_in_us(self.now_us)
            .filter(|in_us| self.now_us + in_us < body.next_wake_us)
        {
            body.next_wake_us = self.now_us + in_us;
            self.at(in_us, Event::Wake(index));
        }
        if wants_turn {
            let in_us = self.random.between(1, 200);
            self.at(in_us, Event::Ready(index));
        }
    }

    fn carry_out_one(&mut self, index: usize, action: Action) {
        match action {
            Action::Ask(life, statement) => {
                let is_of_lease = matches!(statement, Statement::ChangeLease(..));
                if is_of_lease && self.random.permille(self.weather.pauses_renewing) {
                    self.pause(index);
                }
                let number = self.pend(index, Asker::Ownership(life, statement));
                self.send_statement(number);
            }
            Action::Begin(partition, epoch) => self.judge.begins(partition, epoch),
            Action::Step(held) => held.into_iter().for_each(|held| self.judge.steps(index, held)),
            Action::Stop => self.hold_back(index),
            Action::Left => {
                self.kill(index);
                let in_us = self.random.between(0, 100_000);
                self.restart(index, in_us);
            }
            Action::Asked(by, id) => self.judge.asks(index, by, id),
            Action::Says(delivery) => {
                let is_back = self.now_us > self.heal_us + STORE_BACK_US;
                self.judge.refuses(&delivery, is_back);
                self.judge.says(index, &delivery, (&self.store, &self.users));
            }
        }
    }

    /// A process is gone, and everything that it had.
    pub(super) fn kill(&mut self, index: usize) {
        let (id, clock) = (self.nodes[index].node.id, self.nodes[index].node.clock);
        self.nodes[index].is_dead = true;
        self.nodes[index].node =
            Node::new(id, clock, &self.shared, (self.now_us, &mut self.random));
        self.break_links_of(Who::Node(index));
    }

    /// Starts a node again, unless something newer runs under its number.
    pub(super) fn restart(&mut self, index: usize, in_us: u64) {
        let id = self.nodes[index].node.id;
        if self.newest.get(&id) == Some(&index) {
            self.at(in_us, Event::Start(id));
        }
    }

    fn pend(&mut self, process: usize, asker: Asker) -> u64 {
        self.statements_made += 1;
        self.pending.insert(self.statements_made, Pending { process, asker, is_open: true });
        self.statements_made
    }

    /// The statement that a number stands for, as long as anybody waits for it.
    fn statement(&self, number: u64) -> Option<&Statement> {
        match &self.pending.get(&number)?.asker {
            Asker::Ownership(_, statement) => Some(statement),
            Asker::Store(open) => match &open.asked {
                Asked::Statement(statement) => Some(statement),
                Asked::Time(_) => None,
            },
        }
    }

    pub(super) fn send_statement(&mut self, number: u64) {
        let Some(Pending { process, asker, is_open }) = self.pending.get(&number) else { return };
        let is_wanted = match asker {
            Asker::Ownership(..) => true,
            Asker::Store(open) => open.is_wanted(),
        };
        if !is_open || !is_wanted || self.nodes[*process].is_dead {
            return;
        }
        let cut_until_us = self.nodes[*process].cut_until_us.max(self.store_away_until_us);
        let is_cut = cut_until_us > self.now_us;
        let is_write = matches!(self.statement(number), Some(Statement::Put(..)));
        let fate = self.weather.statement(is_write, &mut self.random);
        self.at(STATEMENT_TIMEOUT_US, Event::Answered(number, None));
        match fate {
            _ if is_cut => self.land_late(number),
            Fate::Lost => {}
            Fate::Late => self.land_late(number),
            Fate::Lands { in_us, answer_in_us } => {
                self.at(in_us, Event::Land(number, answer_in_us))
            }
        }
    }

    /// A statement lands when its process has long given it up, or hours later: when everything has healed.
    fn land_late(&mut self, number: u64) {
        let left_us = self.heal_us.saturating_sub(self.now_us);
        let in_us = match self.random.between(0, 8) {
            0..4 => self.random.between(0, 4 * STATEMENT_TIMEOUT_US),
            4..7 => self.random.between(0, 20 * STATEMENT_TIMEOUT_US),
            _ => left_us + self.random.between(0, LATE_WITHIN_US),
        };
        self.at(in_us.min(left_us + LATE_WITHIN_US), Event::Land(number, None));
    }

    /// Something on the way to the store holds back some of what a process has asked for.
    pub(super) fn hold_back(&mut self, index: usize) {
        let mut of_process = Vec::new();
        for (number, event) in &self.events {
            if let Event::Land(statement, Some(_)) = event
                && self.pending[statement].process == index
            {
                of_process.push((*number, *statement));
            }
        }
        for (number, statement) in of_process {
            if self.random.permille(self.weather.held_back) {
                self.events.remove(&number);
                self.land_late(statement);
            }
        }
    }

    pub(super) fn land(&mut self, number: u64, answer_in_us: Option<u64>) {
        let Some(statement) = self.statement(number).cloned() else { return };
        let reply = self.store.land(&statement);
        self.judge.landed(&self.store, &statement);
        if let Some(clash) = self.store.clash() {
            let clash = clash.to_owned();
            self.judge.fail(|| clash);
        }
        if let Some(in_us) = answer_in_us {
            self.at(in_us, Event::Answered(number, Some(reply)));
        }
    }

    /// The first of answer and time-out counts. What a store asks is asked again, until it is answered. A paused process
    /// finds what came first when it wakes.
    pub(super) fn answer(&mut self, number: u64, reply: Option<Reply>) {
        let Some(pending) = self.pending.get(&number) else { return };
        let (index, is_open) = (pending.process, pending.is_open);
        let body = &self.nodes[index];
        if !is_open || body.is_dead {
            return;
        }
        if body.paused_until_us > self.now_us {
            let in_us = body.paused_until_us - self.now_us;
            return self.at(in_us, Event::Answered(number, reply));
        }
        let token = self.random.any();
        let is_statement = self.statement(number).is_some();
        let pending = self.pending.get_mut(&number).expect("just seen");
        if is_statement {
            self.nodes[index].node.see_store(reply.is_some(), self.now_us);
        }
        let mut out = Vec::new();
        match (&pending.asker, reply) {
            (Asker::Ownership(life, statement), reply) => {
                pending.is_open = false;
                let node = &mut self.nodes[index].node;
                node.on_reply((*life, statement, reply), (self.now_us, token), &mut out);
            }
            (Asker::Store(open), Some(reply)) => {
                pending.is_open = false;
                if !open.is_wanted() {
                    return;
                }
                open.answer(reply);
            }
            (Asker::Store(_), None) => {
                let in_us = self.random.between(1, AGAIN_US_MAX);
                return self.at(in_us, Event::Send(number));
            }
        }
        self.carry_out(index, out);
    }

    /// Whoever may commit in a partition now, by its own clock and what its core knows.
    pub(super) fn owners_of(&self, partition: Partition) -> Vec<usize> {
        let bodies = self.nodes.iter().enumerate().filter(|body| !body.1.is_dead);
        let owners =
            bodies.filter(|body| body.1.node.is_open(self.now_us) && body.1.node.holds(partition));
        owners.map(|body| body.0).collect()
    }
}
