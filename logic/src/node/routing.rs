//! What one core tells Redis: where the sessions of its entries are, and which users of its
//! partitions are still there. It does not know what a shard does.
//!
//! The core that has an entry's link tells where a session is. The core that has a user's partition
//! tells that the user is still there, and tells everything again after a loss.

use crate::routes::limits::ROUTE_REFRESH_S;
use crate::routes::{Route, Routes};
use shard::command::Login;
use shard::owner::NodeId;
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
