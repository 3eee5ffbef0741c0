//! One gateway: the real entry, the real backend of commands under way and of links, and the real framing. It is told what
//! arrives and when; what it does is in its sockets. It carries between the parts as the core of a gateway does, and
//! decides nothing.

use super::clock::Clock;
use super::plant::Plant;
use super::sockets::Sockets;
use crate::random::Random;
use gateway::auth::Auth;
use gateway::backend::News;
use gateway::backend::remote::{Cluster, Remote};
use gateway::entry::rate::UserRates;
use gateway::entry::shared::Shared;
use gateway::entry::{Do, Effects, Entry, Lost, SessionKey, Settings, Turn};
use gateway::hear::{Site, hear};
use gateway::metrics::Metrics;
use gateway::transport::Channel;
use gateway::transport::tcp::Tcp;
use link::dial::Ring;
use netring::ConnId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::Arc;

/// How often clients are to be heard, in ms.
pub const HEARTBEAT_MS: u64 = 5_000;
/// How long a drain may take, in ms.
const DRAIN_TIMEOUT_MS: u64 = 20_000;
const SETTINGS: Settings = Settings {
    id: 0,
    entries: 1,
    clients_max: 1_000,
    login_timeout_ms: 5_000,
    heartbeat_ms: HEARTBEAT_MS,
    connection_rate: 0,
    drain_rate: 1_000,
};

/// One gateway, with one core.
pub struct Gateway {
    clock: Clock,
    entry: Entry,
    tcp: Tcp<SessionKey>,
    sockets: Sockets,
    effects: Effects,
    remote: Remote,
    news: News,
    /// Channels that take nothing before what was written is sent.
    paused: Vec<Channel>,
    /// When it ends at the latest, in ms, once it is to stop.
    ends_ms: Option<u64>,
}

impl Gateway {
    /// One that has just started.
    #[must_use]
    pub fn new(clock: Clock, auth: Arc<Auth>, cluster: &Cluster, random: &mut Random) -> Self {
        let shared = Arc::new(Shared::new(SETTINGS.clients_max, UserRates::new(0, 0)));
        Self {
            clock,
            entry: Entry::new(SETTINGS, auth, shared, Metrics::new(1).core(0)),
            tcp: Tcp::default(),
            sockets: Sockets::new(Random::new(random.any())),
            effects: Effects::default(),
            remote: Remote::new(cluster, 0, StdRng::seed_from_u64(random.any())),
            news: News::default(),
            paused: Vec::new(),
            ends_ms: None,
        }
    }

    /// Somebody sets the wall clock.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Its machine's clocks.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Its sockets.
    pub fn sockets(&mut self) -> &mut Sockets {
        &mut self.sockets
    }

    fn with_entry<T>(
        &mut self,
        true_us: u64,
        call: impl FnOnce(&mut Entry, &mut Turn<'_, Sockets>) -> T,
    ) -> T {
        let Self { entry, sockets, effects, clock, .. } = self;
        let (now, now_us) = (clock.now(true_us), clock.monotonic_us(true_us));
        call(entry, &mut Turn { now, now_us, outboxes: sockets, effects })
    }

    /// A client came.
    pub fn connect(&mut self, conn: ConnId, true_us: u64) {
        self.sockets.on_accepted(conn);
        let channel = Channel::of(conn);
        if let Some(key) = self.with_entry(true_us, |entry, turn| entry.on_accepted(channel, turn))
        {
            self.tcp.insert(conn, key);
        }
        self.settle(true_us);
    }

    /// A node accepted.
    pub fn on_connected(&mut self, conn: ConnId, true_us: u64) {
        self.remote.on_connected(conn, self.clock.now(true_us).mono_ms);
        self.settle(true_us);
    }

    /// A client or a node says something.
    pub fn hear(&mut self, conn: ConnId, bytes: &[u8], true_us: u64) {
        let Self { entry, sockets, effects, clock, tcp, remote, news, .. } = self;
        let (now, now_us) = (clock.now(true_us), clock.monotonic_us(true_us));
        if remote.has(conn) {
            remote.on_data(conn, bytes, now, (sockets, news));
        } else {
            let mut turn = Turn { now, now_us, outboxes: sockets, effects };
            hear((tcp, entry), (conn, &mut bytes.to_vec()), Site::default(), &mut turn);
        }
        self.settle(true_us);
    }

    /// A connection is gone, or never came to be.
    pub fn lose(&mut self, conn: ConnId, true_us: u64) {
        self.sockets.on_closed(conn);
        if self.remote.has(conn) {
            let now_ms = self.clock.now(true_us).mono_ms;
            self.remote.on_closed(conn, now_ms, (&self.sockets, &mut self.news));
        } else if let Some(key) = self.tcp.remove(conn) {
            self.with_entry(true_us, |entry, turn| entry.on_closed(key, Lost::Peer, turn));
        }
        self.settle(true_us);
    }

    /// Time passes.
    pub fn tick(&mut self, true_us: u64) {
        self.with_entry(true_us, |entry, turn| entry.tick(turn));
        self.settle(true_us);
    }

    /// The operator wants it to stop.
    pub fn drain(&mut self, true_us: u64, plant: Plant) {
        let now_ms = self.clock.now(true_us).mono_ms;
        self.ends_ms = Some(now_ms + DRAIN_TIMEOUT_MS);
        if plant != Plant::DrainUntold {
            self.entry.drain(now_ms);
        }
        self.settle(true_us);
    }

    /// It is to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.ends_ms.is_some()
    }

    /// Whether it ends now, as it was told to; and if so, whether though something waits still.
    #[must_use]
    pub fn is_drained(&self, true_us: u64) -> Option<bool> {
        let is_quiet = self.entry.clients() == 0 && self.remote.pending() == 0;
        let is_late = self.clock.now(true_us).mono_ms >= self.ends_ms?;
        (is_quiet || is_late).then_some(!is_quiet)
    }

    /// In how many µs it wants a turn, though nothing happened.
    #[must_use]
    pub fn patience_us(&self) -> u64 {
        self.remote.patience_ms() * 1_000
    }

    /// Carries between entry and backend until nothing follows.
    fn settle(&mut self, true_us: u64) {
        let now = self.clock.now(true_us);
        loop {
            for (command, reply) in std::mem::take(&mut self.effects.commands) {
                self.remote.submit(command, reply, now.mono_ms);
            }
            for session in std::mem::take(&mut self.effects.withdrawn) {
                self.remote.withdraw_login(session.key);
            }
            self.remote.step(now, &mut self.news);
            if !self.hear_backend(true_us) && !self.send(true_us) {
                break;
            }
        }
        self.remote.flush(now.mono_ms, &mut self.sockets);
    }

    /// Tells the entry what the backend has; whether that was anything.
    fn hear_backend(&mut self, true_us: u64) -> bool {
        let News { deliveries, late, register, inbox_epoch, clocks, writes } =
            std::mem::take(&mut self.news);
        assert!(writes.is_empty(), "a backend of links writes no files");
        if let Some(epoch) = inbox_epoch {
            self.entry.set_inbox_epoch(epoch);
        }
        if let Some((clocks, _)) = clocks {
            self.entry.set_clock(clocks.told().map(|reading| reading.zero_ms));
        }
        if deliveries.is_empty() && late.is_empty() && register.is_empty() {
            return false;
        }
        self.with_entry(true_us, |entry, turn| {
            deliveries.into_iter().for_each(|delivery| entry.on_answer(delivery, turn));
            late.iter().for_each(|delivery| entry.on_late(delivery, turn));
            if !register.is_empty() {
                entry.register(&register, turn);
            }
        });
        true
    }

    /// Does what the entry wants of channels. Everything that was written goes out at once, so a channel that was paused
    /// goes on. Returns whether one did.
    fn send(&mut self, true_us: u64) -> bool {
        for (channel, what) in std::mem::take(&mut self.effects.channels) {
            match what {
                Do::Close(_) | Do::CloseNow => self.sockets.close(channel.conn()),
                Do::Pause => self.paused.push(channel),
                Do::Resume => {}
            }
        }
        let paused = std::mem::take(&mut self.paused);
        for channel in &paused {
            if let Some(key) = self.tcp.key(channel.conn()) {
                self.with_entry(true_us, |entry, turn| entry.on_sent(key, turn));
            }
        }
        !paused.is_empty()
    }
}
