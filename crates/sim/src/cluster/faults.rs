//! What goes wrong with processes and machines, and how it is healed. It does not know what a process does.

use super::process::Arrival;
use super::store::PARTITIONS;
use super::weather::Weather;
use super::world::{Event, World};
use shard::owner::NodeId;
use shard::partition::Partition;

/// Node numbers in use.
const NODES_MAX: u16 = 4;
/// How long something may be paused or cut off, in µs: more than three leases.
const AWAY_US_MAX: u64 = 300_000;

impl World {
    /// One fault when some rows were committed since the last one, so that most find a cluster at work.
    pub(super) fn fault(&mut self) {
        if self.now_us >= self.heal_us {
            return;
        }
        let in_us = self.random.between(100, 2_000);
        self.at(in_us, Event::Fault);
        let (commits, until_us) = self.next_fault;
        if self.judge.commits_made() < commits && self.now_us < until_us {
            return;
        }
        let commits =
            self.judge.commits_made() + self.random.between(0, 6 * self.shared.window + 3);
        self.next_fault = (commits, self.now_us + self.weather.fault_every_us);
        let alive: Vec<usize> =
            (0..self.bodies.len()).filter(|index| !self.bodies[*index].is_dead).collect();
        let partition = self.random.pick(&Partition::all(PARTITIONS).collect::<Vec<_>>());
        let owners = partition.map(|partition| self.owners_of(partition)).unwrap_or_default();
        let at = if self.random.permille(700) && !owners.is_empty() { &owners } else { &alive };
        let Some(index) = self.random.pick(at) else { return };
        let node = self.bodies[index].process.node;
        let away_us = self.random.between(1_000, AWAY_US_MAX);
        let start_in_us = self.random.between(0, AWAY_US_MAX);
        self.hold_back(index);
        if self.random.permille(self.weather.leaves) {
            return self.at(0, Event::Arrival(index, Arrival::Leave));
        }
        match self.random.between(0, 10) {
            0..3 => {
                self.bodies[index].is_dead = true;
                self.restart(index, start_in_us);
            }
            3..6 => self.pause(index),
            6 => {
                let are_all_cut = self.random.permille(300);
                let until_us = self.now_us + away_us;
                for (other, body) in self.bodies.iter_mut().enumerate() {
                    if are_all_cut || other == index {
                        body.cut_until_us = until_us;
                    }
                }
            }
            7 => self.at(0, Event::Start(node)),
            8 => {
                let clock = self.clocks.get_mut(&node).expect("a node has a clock");
                clock.jump(&mut self.random);
                let clock = *clock;
                let of_node = self.bodies.iter_mut().filter(|body| body.process.node == node);
                of_node.for_each(|body| body.process.clock = clock);
            }
            _ => {
                let new = NodeId(u16::try_from(self.clocks.len()).expect("few nodes") + 1);
                if new.0 <= NODES_MAX {
                    self.at(0, Event::Start(new));
                }
            }
        }
    }

    /// What reaches a process waits for a while.
    pub(super) fn pause(&mut self, index: usize) {
        self.bodies[index].paused_until_us = self.now_us + self.random.between(1_000, AWAY_US_MAX);
    }

    /// Everything works from now on; who is away comes back, but for the older of two processes under one number.
    pub(super) fn heal(&mut self) {
        self.weather = Weather::FINE;
        let nodes: Vec<NodeId> = self.bodies.iter().map(|body| body.process.node).collect();
        for (index, body) in self.bodies.iter_mut().enumerate() {
            body.is_dead |= nodes[index + 1..].contains(&nodes[index]);
            body.paused_until_us = body.paused_until_us.min(self.now_us);
            body.cut_until_us = 0;
        }
    }
}
