//! How far apart the clocks of the cluster are, as this node hears it: each core asks over its links, the first one
//! gathers, judges and shows. It does not know what a client makes its ids by.

use super::core::Core;
use super::limits::{CLOCKS_EVERY_MS, TABLES_TIMEOUT};
use super::post::{Control, Post};
use crate::cql::CqlClient;
use flume::Sender;
use link::{Change, Host, Own, Reading};
use service::mailbox::Directory;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// The core that gathers what all of them hear.
const GATHERS: u16 = 0;

impl Core {
    /// Hands on what the links say of clocks; the first core also judges it.
    pub(super) fn look_at_clocks(&mut self) {
        let now_ms = self.now.mono_ms;
        if now_ms < self.clocks_ms {
            return;
        }
        self.clocks_ms = now_ms + CLOCKS_EVERY_MS;
        let dialed = self.parts.dialer.clocks().map(|(node, clock)| (Host::Node(node), clock));
        let all: Vec<(Host, Reading)> = dialed.chain(self.parts.links.clocks()).collect();
        for (host, reading) in all {
            self.post(GATHERS, Post::Clock(host, reading));
        }
        if self.parts.id != GATHERS {
            return;
        }
        self.clocks.look(self.now).iter().for_each(Change::log);
        self.metrics.clock_apart_ms.set(self.clocks.farthest_ms());
        self.metrics.clock_wrong.set((self.clocks.own() != Own::Unsuspected).into());
        self.parts.clocks.store(Arc::new(self.clocks.clone()));
    }

    /// Somebody's clock was read.
    pub(super) fn on_clock(&mut self, host: Host, reading: Reading) {
        self.clocks.hear(host, reading, self.now);
    }

    /// The store's clock was read.
    pub(super) fn on_store_clock(&mut self, unix_ms: u64, asked: Instant, answered: Instant) {
        if let Some(reading) = Reading::new(self.mono_ms(asked), unix_ms, self.mono_ms(answered)) {
            self.on_clock(Host::Store, reading);
        }
    }
}

/// Asks the store for its clock now and then, for the first core.
pub async fn watch_store(
    client: Arc<CqlClient>,
    first: Sender<Control>,
    directory: Directory<Post>,
) {
    loop {
        let asked = Instant::now();
        if let Ok(Ok(unix_ms)) = timeout(TABLES_TIMEOUT, client.clock_ms()).await {
            let clock = Control::StoreClock { unix_ms, asked, answered: Instant::now() };
            // A core that does not listen now hears of the next.
            let _ = first.try_send(clock);
            directory.wake(GATHERS.into());
        }
        sleep(Duration::from_millis(CLOCKS_EVERY_MS)).await;
    }
}
