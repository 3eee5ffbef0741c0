//! One gateway: the real entry, the real desk of commands under way, and the real framing. It is told what arrives and
//! when, and says what it does; it does not know what becomes of that. It carries between the parts as the core of a
//! gateway does, and decides nothing.

use super::clock::Clock;
use gateway::auth::Auth;
use gateway::backend::remote::{self, Desk};
use gateway::entry::rate::UserRates;
use gateway::entry::shared::Shared;
use gateway::entry::{Do, Effects, Entry, Lost, SessionKey, Settings, Turn};
use gateway::hear::hear;
use gateway::metrics::Metrics;
use gateway::transport::tcp::Tcp;
use gateway::transport::{Channel, Outbox, Outboxes};
use link::{Clocks, Host, Item, PING_MS, Reading};
use netring::ConnId;
use shard::owner::NodeId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often clients are to be heard, in ms.
pub const HEARTBEAT_MS: u64 = 5_000;
const SETTINGS: Settings = Settings {
    id: 0,
    entries: 1,
    clients_max: 1_000,
    login_timeout_ms: 5_000,
    heartbeat_ms: HEARTBEAT_MS,
    connection_rate: 0,
    drain_rate: 1_000,
};

/// What a gateway does.
#[derive(Debug)]
pub enum Does {
    /// Send to a client.
    Bytes(ConnId, Vec<u8>),
    /// Close a client's connection, after what was sent.
    Close(ConnId),
    /// Say to a node.
    Say(NodeId, Item),
    /// End the link to a node, which answered what was not asked.
    Expel(NodeId),
}

/// What was written to clients and not sent, by connection.
#[derive(Default)]
struct Written(BTreeMap<u64, Vec<u8>>);

impl Outboxes for Written {
    fn outbox(&mut self, channel: Channel) -> Option<Outbox<'_>> {
        let bytes = self.0.get_mut(&channel.conn().to_bits())?;
        Some(Outbox { bytes, waiting: 0, carrier: channel.carrier })
    }
}

/// One gateway, with one core.
pub struct Gateway {
    clock: Clock,
    entry: Entry,
    tcp: Tcp<SessionKey>,
    written: Written,
    effects: Effects,
    desk: Desk,
    desk_effects: remote::Effects,
    clocks: Clocks,
    /// The nodes that are linked, and when each is asked for its clock next, in ms.
    asked: BTreeMap<NodeId, u64>,
    /// Channels that take nothing before what was written is sent.
    paused: Vec<Channel>,
}

impl Gateway {
    /// One that has just started.
    #[must_use]
    pub fn new(clock: Clock, auth: Arc<Auth>) -> Self {
        let shared = Arc::new(Shared::new(SETTINGS.clients_max, UserRates::new(0, 0)));
        Self {
            clock,
            entry: Entry::new(SETTINGS, auth, shared, Metrics::new(1).core(0)),
            tcp: Tcp::default(),
            written: Written::default(),
            effects: Effects::default(),
            desk: Desk::default(),
            desk_effects: remote::Effects::default(),
            clocks: Clocks::default(),
            asked: BTreeMap::new(),
            paused: Vec::new(),
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

    fn now_ms(&self, true_us: u64) -> u64 {
        // The clock of a core begins with it; nothing looks at the difference.
        self.clock.monotonic(true_us).0
    }

    fn with_entry<T>(
        &mut self,
        true_us: u64,
        call: impl FnOnce(&mut Entry, &mut Turn<'_, Written>) -> T,
    ) -> T {
        let Self { entry, written, effects, clock, .. } = self;
        let (now, now_us) = (clock.now(true_us), clock.monotonic_us(true_us));
        call(entry, &mut Turn { now, now_us, outboxes: written, effects })
    }

    /// A client came.
    pub fn connect(&mut self, conn: ConnId, true_us: u64) -> Vec<Does> {
        let channel = Channel::of(conn);
        self.written.0.insert(conn.to_bits(), Vec::new());
        if let Some(key) = self.with_entry(true_us, |entry, turn| entry.on_accepted(channel, turn))
        {
            self.tcp.insert(conn, key);
        }
        self.settle(true_us)
    }

    /// A client says something.
    pub fn hear(&mut self, conn: ConnId, bytes: &[u8], true_us: u64) -> Vec<Does> {
        let Self { entry, written, effects, clock, tcp, .. } = self;
        let (now, now_us) = (clock.now(true_us), clock.monotonic_us(true_us));
        let mut turn = Turn { now, now_us, outboxes: written, effects };
        hear((tcp, entry), (conn, &mut bytes.to_vec()), &[], &mut turn);
        self.settle(true_us)
    }

    /// A client's connection is gone.
    pub fn lose(&mut self, conn: ConnId, true_us: u64) -> Vec<Does> {
        self.written.0.remove(&conn.to_bits());
        if let Some(key) = self.tcp.remove(conn) {
            self.with_entry(true_us, |entry, turn| entry.on_closed(key, Lost::Peer, turn));
        }
        self.settle(true_us)
    }

    /// The way to a node is there.
    pub fn link_up(&mut self, node: NodeId, true_us: u64) -> Vec<Does> {
        let now_ms = self.now_ms(true_us);
        self.asked.insert(node, now_ms);
        self.desk.on_link_up(node, now_ms, &mut self.desk_effects);
        self.settle(true_us)
    }

    /// The way to a node is gone.
    pub fn link_down(&mut self, node: NodeId, true_us: u64) -> Vec<Does> {
        self.asked.remove(&node);
        self.desk.on_link_down(node, &mut self.desk_effects);
        self.settle(true_us)
    }

    /// A node says something.
    pub fn on_item(&mut self, node: NodeId, item: Item, true_us: u64) -> Vec<Does> {
        if let Item::InboxEpoch(epoch) = item {
            self.entry.set_inbox_epoch(epoch);
        } else if let Item::Pong { number, unix_ms } = item {
            let now = self.clock.now(true_us);
            let reading = Reading::new(number, unix_ms, now.mono_ms);
            reading.into_iter().for_each(|it| self.clocks.hear(Host::Node(node), it, now));
        } else {
            let now_ms = self.now_ms(true_us);
            self.desk.on_item(node, item, now_ms, &mut self.desk_effects);
        }
        self.settle(true_us)
    }

    /// Time passes.
    pub fn tick(&mut self, true_us: u64) -> Vec<Does> {
        let now = self.clock.now(true_us);
        self.clocks.look(now);
        self.entry.set_clock(self.clocks.told().map(|reading| reading.zero_ms));
        self.with_entry(true_us, |entry, turn| entry.tick(turn));
        let mut does = self.settle(true_us);
        for (node, at_ms) in self.asked.iter_mut().filter(|(_, at_ms)| **at_ms <= now.mono_ms) {
            *at_ms = now.mono_ms + PING_MS;
            does.push(Does::Say(*node, Item::Ping(now.mono_ms)));
        }
        does
    }

    /// Whether a partition is on hold: it wants a tick soon.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        self.desk.is_holding()
    }

    /// Carries between entry and desk until nothing follows.
    fn settle(&mut self, true_us: u64) -> Vec<Does> {
        let now_ms = self.now_ms(true_us);
        loop {
            for (command, reply) in std::mem::take(&mut self.effects.commands) {
                self.desk.submit(command, reply, now_ms, &mut self.desk_effects);
            }
            for session in std::mem::take(&mut self.effects.withdrawn) {
                self.desk.withdraw_login(session.key, &mut self.desk_effects);
            }
            self.desk.tick(now_ms, &mut self.desk_effects);
            let remote::Effects { deliveries, late, register, .. } = &mut self.desk_effects;
            if deliveries.is_empty() && late.is_empty() && register.is_empty() {
                break;
            }
            let (deliveries, late) = (std::mem::take(deliveries), std::mem::take(late));
            let register = std::mem::take(register);
            self.with_entry(true_us, |entry, turn| {
                deliveries.into_iter().for_each(|delivery| entry.on_answer(delivery, turn));
                late.iter().for_each(|delivery| entry.on_late(delivery, turn));
                if !register.is_empty() {
                    entry.register(&register, turn);
                }
            });
        }
        self.desk.invariants();
        self.send(true_us)
    }

    /// Everything that was written goes out at once, so a channel that was paused goes on.
    fn send(&mut self, true_us: u64) -> Vec<Does> {
        let mut does = Vec::new();
        for (bits, bytes) in &mut self.written.0 {
            if !bytes.is_empty() {
                does.push(Does::Bytes(ConnId::from_bits(*bits), std::mem::take(bytes)));
            }
        }
        for (channel, what) in std::mem::take(&mut self.effects.channels) {
            match what {
                Do::Close(_) | Do::CloseNow => does.push(Does::Close(channel.conn())),
                Do::Pause => self.paused.push(channel),
                Do::Resume => {}
            }
        }
        for channel in std::mem::take(&mut self.paused) {
            if let Some(key) = self.tcp.key(channel.conn()) {
                self.with_entry(true_us, |entry, turn| entry.on_sent(key, turn));
            }
        }
        does.extend(std::mem::take(&mut self.desk_effects.expel).into_iter().map(Does::Expel));
        let items = self.desk_effects.items.drain(..);
        does.extend(items.map(|(node, item)| Does::Say(node, item)));
        does
    }
}
