//! What one core tells Redis: where the sessions of its entries are, and which devices the users of its
//! partitions have. It does not know what a shard does.
//!
//! The core that has an entry's link tells where a session is. The core that has a user's partition
//! tells again and again all that is there, and so again after a loss.

use crate::routes::limits::ROUTE_REFRESH_S;
use crate::routes::{Route, Routes, UserRoutes};
use shard::command::Login;
use shard::owner::NodeId;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use wire::Uid;

/// A core's handle to the routes, and where its entries listen for clients.
pub struct Routing {
    routes: Routes,
    node: NodeId,
    /// Where entries listen for clients, whatever core has their link.
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

    /// A session of an entry holds.
    pub fn set(&self, login: Login, entry: u16, now_ms: u64) {
        if let Some(route) = self.route(login, entry, now_ms) {
            self.routes.set(route);
        }
    }

    /// Unless it is not known where the entry is.
    fn route(&self, login: Login, entry: u16, now_ms: u64) -> Option<Route> {
        Some(Route {
            uid: login.uid,
            device: login.device,
            generation: login.generation,
            entry_address: *self.entries.get(&entry)?,
            login_time_ms: now_ms,
            node: self.node,
        })
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

    /// These are all sessions of the users of a partition.
    pub fn refresh(&self, sessions: &[(Login, u16)], now_ms: u64) {
        let newest = sessions.iter().map(|(login, _)| login.generation).max();
        let Some(as_of) = newest else { return };
        let mut users = BTreeMap::<Uid, Option<Vec<Route>>>::new();
        for (login, entry) in sessions {
            let routes = users.entry(login.uid).or_insert_with(|| Some(Vec::new()));
            // Of a user of whom not all is known nothing is told now.
            *routes =
                routes.take().zip(self.route(*login, *entry, now_ms)).map(|(mut all, route)| {
                    all.push(route);
                    all
                });
        }
        let user =
            |(uid, routes): (Uid, Option<_>)| Some(UserRoutes { uid, as_of, routes: routes? });
        self.routes.refresh(users.into_iter().filter_map(user).collect());
    }

    /// All routes are lost.
    pub fn wants_repair(&mut self) -> bool {
        self.routes.wants_repair()
    }

    /// How many refreshes may be told now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.routes.room()
    }
}
