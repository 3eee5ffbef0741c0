//! What goes wrong with processes, links and machines, and how it is healed. It does not know what a process does.

use super::client::PARTITIONS;
use super::clock::Clock;
use super::ends::Who;
use super::event::Event;
use super::weather::Weather;
use super::world::World;
use shard::owner::NodeId;
use shard::partition::Partition;

/// Node numbers in use.
const NODES_MAX: u16 = 4;
/// How long something may be paused or cut off, in µs: more than three leases.
const AWAY_US_MAX: u64 = 3_000_000;

impl World {
    /// One fault when some messages were acknowledged since the last one, so that most find a cluster at work.
    pub(super) fn fault(&mut self) {
        if self.now_us >= self.heal_us {
            return;
        }
        let in_us = self.random.between(1_000, 20_000);
        self.at(in_us, Event::Fault);
        let (acks, until_us) = self.next_fault;
        if self.judge.acks() < acks && self.now_us < until_us {
            return;
        }
        let acks = self.judge.acks() + self.random.between(0, 20);
        self.next_fault = (acks, self.now_us + self.weather.fault_every_us);
        match self.random.between(0, 11) {
            0 => self.fault_of_gateway(),
            1..4 => self.fault_of_link(),
            4 => self.store_away_until_us = self.now_us + self.random.between(0, AWAY_US_MAX),
            _ => self.fault_of_node(),
        }
    }

    fn fault_of_gateway(&mut self) {
        let index = usize::from(self.random.permille(500));
        if !self.gateways[index].is_up {
            return;
        }
        if self.random.permille(300) {
            let mut clock = self.gateways[index].gateway.clock();
            clock.jump(&mut self.random);
            return self.gateways[index].gateway.set_clock(clock);
        }
        if self.random.permille(300) {
            return self.drain(index);
        }
        self.gateways[index].is_up = false;
        self.break_links_of(Who::Gateway(index));
        let in_us = self.random.between(0, AWAY_US_MAX);
        self.at(in_us, Event::StartGateway(index));
    }

    /// A gateway is told to stop. Of one that is told when everything works it is judged that it ends by itself.
    pub(super) fn drain(&mut self, index: usize) {
        if self.gateways[index].is_up && !self.gateways[index].gateway.is_draining() {
            self.gateways[index].gateway.drain(self.now_us, self.shared.plant);
            self.gateways[index].is_judged = self.now_us > self.heal_us;
            self.serve_sockets(Who::Gateway(index));
        }
    }

    /// A gateway whose drain is over ends, and is started again.
    pub(super) fn end_drained(&mut self, index: usize) {
        let Some(is_late) = self.gateways[index].gateway.is_drained(self.now_us) else { return };
        if is_late && self.gateways[index].is_judged {
            self.judge.fail(|| "a gateway's drain does not end".into());
        }
        self.gateways[index].is_up = false;
        self.close_links_of(Who::Gateway(index));
        let in_us = self.random.between(0, AWAY_US_MAX);
        self.at(in_us, Event::StartGateway(index));
    }

    fn fault_of_link(&mut self) {
        let open: Vec<usize> =
            (0..self.links.len()).filter(|link| self.links[*link].ends[0].is_open).collect();
        let Some(link) = self.random.pick(&open) else { return };
        if self.random.permille(self.weather.silent) {
            self.silence(link);
        } else {
            self.break_link(link);
        }
    }

    fn fault_of_node(&mut self) {
        let alive: Vec<usize> =
            (0..self.nodes.len()).filter(|index| !self.nodes[*index].is_dead).collect();
        let partition = self.random.pick(&Partition::all(PARTITIONS).collect::<Vec<_>>());
        let owners = partition.map(|partition| self.owners_of(partition)).unwrap_or_default();
        let at = if self.random.permille(700) && !owners.is_empty() { &owners } else { &alive };
        let Some(index) = self.random.pick(at) else { return };
        let id = self.nodes[index].node.id;
        let away_us = self.random.between(10_000, AWAY_US_MAX);
        let start_in_us = self.random.between(0, AWAY_US_MAX);
        self.hold_back(index);
        if self.random.permille(self.weather.leaves) {
            return self.leave(index);
        }
        match self.random.between(0, 10) {
            0..3 => {
                self.kill(index);
                self.restart(index, start_in_us);
            }
            3..6 => self.pause(index),
            6 => {
                let are_all_cut = self.random.permille(300);
                let until_us = self.now_us + away_us;
                for (other, body) in self.nodes.iter_mut().enumerate() {
                    if are_all_cut || other == index {
                        body.cut_until_us = until_us;
                    }
                }
            }
            7 => self.at(0, Event::Start(id)),
            8 => {
                let clock = self.clocks.get_mut(&id).expect("a node has a clock");
                clock.jump(&mut self.random);
                let clock = *clock;
                let of_node = self.nodes.iter_mut().filter(|body| body.node.id == id);
                of_node.for_each(|body| body.node.clock = clock);
            }
            _ => {
                let new = NodeId(u16::try_from(self.clocks.len()).expect("few nodes") + 1);
                if new.0 <= NODES_MAX {
                    self.at(0, Event::Start(new));
                }
            }
        }
    }

    fn leave(&mut self, index: usize) {
        if self.nodes[index].is_dead || self.nodes[index].paused_until_us > self.now_us {
            return;
        }
        let (mut out, token) = (Vec::new(), self.random.any());
        self.nodes[index].node.leave(self.now_us, token, &mut out);
        self.carry_out(index, out);
    }

    /// What reaches a process waits for a while.
    pub(super) fn pause(&mut self, index: usize) {
        let in_us = self.random.between(10_000, AWAY_US_MAX);
        self.nodes[index].paused_until_us = self.now_us + in_us;
    }

    /// Everything works from now on; who is away comes back, but for the older of two processes under one number.
    pub(super) fn heal(&mut self) {
        self.weather = Weather::FINE;
        self.store_away_until_us = 0;
        let ids: Vec<NodeId> = self.nodes.iter().map(|body| body.node.id).collect();
        for index in 0..self.nodes.len() {
            if ids[index + 1..].contains(&ids[index]) && !self.nodes[index].is_dead {
                self.kill(index);
            }
            let body = &mut self.nodes[index];
            body.paused_until_us = body.paused_until_us.min(self.now_us);
            body.cut_until_us = 0;
            body.node.clock.mend();
        }
        self.clocks.values_mut().for_each(Clock::mend);
        for body in &mut self.gateways {
            let mut clock = body.gateway.clock();
            clock.mend();
            body.gateway.set_clock(clock);
        }
    }
}
