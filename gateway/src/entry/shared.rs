//! What the entries of a process count together: clients, and the rates of users. No locks.

use super::rate::UserRates;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counted over all cores.
#[derive(Debug)]
pub struct Shared {
    clients: AtomicUsize,
    clients_max: usize,
    /// How fast each user sends.
    pub users: UserRates,
}

impl Shared {
    /// Without clients.
    #[must_use]
    pub fn new(clients_max: usize, users: UserRates) -> Self {
        Self { clients: AtomicUsize::new(0), clients_max, users }
    }

    /// A client comes, if there is room for it.
    #[must_use]
    pub fn admit(&self) -> bool {
        let (order, clients_max) = (Ordering::Relaxed, self.clients_max);
        let one_more = |clients| (clients < clients_max).then_some(clients + 1);
        self.clients.fetch_update(order, order, one_more).is_ok()
    }

    /// A client that was admitted is gone.
    pub fn leave(&self) {
        let before = self.clients.fetch_sub(1, Ordering::Relaxed);
        assert!(before > 0, "who leaves was there");
    }
}
