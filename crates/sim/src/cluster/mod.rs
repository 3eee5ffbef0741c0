//! A whole cluster under one seed: the real client sessions, entries, desks, ownership, slots, shards, stores and
//! takeovers, over simulated clocks, links and a simulated store. First any fault at any time, then everything is healed
//! and must end.
//!
//! What is simulated is what a process meets outside: sockets, the tables, time. Beside that, what a thread does between
//! the parts (the core of a gateway and of a node, the task that keeps the lease) is done here again, without a decision.
//! It does not know CQL.

pub mod plant;
pub mod clock;
pub mod store;
pub mod statements;
pub mod weather;
pub mod client;
pub mod groups;
pub mod sockets;
pub mod gateway;
pub mod node;
pub mod judge;
pub mod people;
pub mod ends;
pub mod event;
pub mod world;
pub mod links;
pub mod processes;
pub mod faults;

pub use client::users;
pub use people::People;
pub use plant::{PLANTED_INSIDE, PLANTS, Plant};

use client::Client;
use groups::owed;
use processes::LATE_WITHIN_US;
use wire::{InboxSeq, Uid};
use world::World;

/// Simulated time from the last fault until everything must be acknowledged and shown, in µs: twice the longest wait of a
/// client before it sends again.
const HEALED_WITHIN_US: u64 = 200_000_000;

/// What a run saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Messages that were acknowledged.
    pub acked: u64,
    /// Those of them that went to groups.
    pub of_groups: u64,
    /// Changes of owners.
    pub epochs: u64,
    /// Refused because the store did not answer.
    pub refused: u64,
    /// From the last fault until everything was acknowledged and shown, in µs of simulated time.
    pub healed_in_us: u64,
}

/// Runs one seed with one rule taken away.
///
/// # Errors
/// What went wrong first.
pub fn run(seed: u64, plant: Plant, people: &People) -> Result<Report, String> {
    let mut world = World::new(seed, plant, people);
    let mut healed_in_us = None;
    while world.turn() {
        if let Some(verdict) = world.judge.verdict() {
            return Err(format!("at {} ms: {verdict}", world.now_us / 1_000));
        }
        if world.now_us < world.heal_us {
            continue;
        }
        // Again at each step, for processes whose start was under way.
        world.heal();
        let since_us = world.now_us - world.heal_us;
        if healed_in_us.is_none() && world.is_whole() {
            healed_in_us = Some(since_us);
        }
        if healed_in_us.is_some() && since_us > LATE_WITHIN_US {
            break;
        }
        if since_us > HEALED_WITHIN_US {
            return Err(format!("stuck: {}", world.state()));
        }
    }
    world.judge.ends(&world.store, &world.clients, &world.groups);
    match world.judge.verdict() {
        Some(verdict) => Err(format!("at the end: {verdict}")),
        None => Ok(Report {
            acked: world.judge.acked(),
            of_groups: world.judge.acked_by_groups(),
            epochs: world.judge.epochs(),
            refused: world.judge.refusals(),
            healed_in_us: healed_in_us.unwrap_or_default(),
        }),
    }
}

impl World {
    /// Every device has everything.
    fn is_whole(&self) -> bool {
        let is_drained =
            self.gateways.iter().all(|body| !body.is_up || !body.gateway.is_draining());
        is_drained
            && self.clients.iter().all(|client| client.pending() == 0)
            && self.clients.iter().all(|client| client.is_whole(self.rows_of(client.uid)))
    }

    /// The last row that a user's inbox will have.
    fn rows_of(&self, uid: Uid) -> InboxSeq {
        let sent = self.clients.iter().flat_map(Client::sent);
        let direct = sent.filter(|sent| sent.conversation.names(uid)).count();
        let of_groups = self.groups.iter().map(|group| owed(&self.store, *group, uid).len());
        InboxSeq((direct + of_groups.sum::<usize>()) as u64)
    }

    fn state(&self) -> String {
        let clients = self.clients.iter();
        let state = |client: &Client| format!("{} of {}", client.state(), self.rows_of(client.uid));
        let behind = clients.filter(|client| !client.is_whole(self.rows_of(client.uid)));
        behind.map(state).collect::<Vec<_>>().join("; ")
    }
}
