//! What one core tells Redis: where the sessions of its entries are, and which users of its
//! partitions are still there. It does not know what a shard does.
//!
//! The core that has an entry's link tells where a session is. The core that has a user's partition
//! tells that the user is still there, and tells everything again after a loss.

use super::core::Core;
use super::links::Links;
use super::post::Post;
use crate::routes::limits::{ROUTE_JOBS_MAX, ROUTE_REFRESH_S};
use crate::routes::{Route, Routes};
use shard::command::{Command, Login};
use shard::owner::NodeId;
use shard::partition::Partition;
use std::collections::HashMap;
use std::net::SocketAddr;
use wire::Uid;

/// A core's handle to the routes, and where its entries listen for clients.
pub struct Routing {
    routes: Routes,
    node: NodeId,
    /// Where the entries of this core's links listen for clients.
    entries: HashMap<u16, SocketAddr>,
    /// Seconds that were refreshed.
    second: u64,
}

impl Routing {
    /// With a core's own handle.
    #[must_use]
    pub fn new(routes: Routes, node: NodeId) -> Self {
        Self { routes, node, entries: HashMap::new(), second: 0 }
    }

    /// An entry says where its clients connect.
    pub fn entry_is_at(&mut self, entry: u16, address: SocketAddr) {
        self.entries.insert(entry, address);
    }

    /// An entry's link is gone. Its routes end by themselves, or are set anew by where its users are then.
    pub fn forget_entry(&mut self, entry: u16) {
        self.entries.remove(&entry);
    }

    /// A session of an entry of this core holds.
    pub fn set(&self, login: Login, entry: u16, now_ms: u64) {
        let Some(entry_address) = self.entries.get(&entry) else { return };
        self.routes.set(Route {
            uid: login.uid,
            device: login.device,
            generation: login.generation,
            entry_address: *entry_address,
            login_time_ms: now_ms,
            node: self.node,
        });
    }

    /// A session is over.
    pub fn remove(&self, login: Login) {
        self.routes.remove(login.uid, login.device, login.generation);
    }

    /// Which share of the users to refresh now: the `n`th of [`ROUTE_REFRESH_S`], once each second.
    pub fn share_due(&mut self, now_ms: u64) -> Option<u16> {
        let second = now_ms / 1_000;
        let share = u16::try_from(second % u64::from(ROUTE_REFRESH_S)).expect("of few");
        (std::mem::replace(&mut self.second, second) != second).then_some(share)
    }

    /// These users are still there.
    pub fn refresh(&self, uids: Vec<Uid>) {
        self.routes.refresh(uids);
    }

    /// Users whose routes Redis has lost.
    #[must_use]
    pub fn missing(&self) -> Vec<Uid> {
        self.routes.missing().collect()
    }

    /// All routes are lost.
    pub fn wants_repair(&mut self) -> bool {
        self.routes.wants_repair()
    }

    /// How many may be told again now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.routes.room()
    }
}

impl Core {
    pub(super) fn routing(&mut self) -> Option<&mut Routing> {
        self.parts.cluster.as_mut()?.routing.as_mut()
    }

    /// What a command means for the routes. A stale session's cannot touch a newer one's.
    pub(super) fn route_command(&mut self, command: &Command, entry: u16) {
        if let Command::Register(login) = command {
            self.set_route(*login, entry);
        } else if let (Command::Logout(login), Some(routing)) = (command, self.routing()) {
            routing.remove(*login);
        }
    }

    /// A session of an entry of this core holds.
    pub(super) fn set_route(&mut self, login: Login, entry: u16) {
        let now_ms = self.now.unix_ms;
        if let Some(routing) = self.routing() {
            routing.set(login, entry, now_ms);
        }
    }

    /// Refreshes the routes whose turn it is, and tells again what Redis has lost.
    pub(super) fn look_after_routes(&mut self) {
        let mono_ms = self.now.mono_ms;
        let Some(routing) = self.routing() else { return };
        let (share, wants_repair) = (routing.share_due(mono_ms), routing.wants_repair());
        let missing = routing.missing();
        if wants_repair {
            self.unrouted = self.parts.slots.partitions().collect();
        }
        if let Some(share) = share {
            let is_due = |partition: &Partition| {
                u32::from(partition.number()) % ROUTE_REFRESH_S == u32::from(share)
            };
            let due: Vec<Partition> = self.parts.slots.partitions().filter(is_due).collect();
            let sessions = due.iter().flat_map(|partition| self.parts.slots.sessions(*partition));
            let mut uids: Vec<Uid> = sessions.map(|(login, _)| login.uid).collect();
            uids.dedup();
            self.routing().expect("just seen").refresh(uids);
        }
        for uid in missing {
            let sessions = self.parts.slots.sessions(Partition::of_user(uid));
            self.tell_routes(sessions.into_iter().filter(|(login, _)| login.uid == uid).collect());
        }
        while self.routing().expect("just seen").room() > ROUTE_JOBS_MAX / 2 {
            let Some(partition) = self.unrouted.pop_front() else { return };
            self.tell_routes(self.parts.slots.sessions(partition));
        }
    }

    fn tell_routes(&mut self, sessions: Vec<(Login, u16)>) {
        for (login, entry) in sessions {
            self.post(Links::core_of(entry), Post::Route(login, entry));
        }
    }
}
