//! Shards in other processes: a core dials every node, and carries commands and answers between.
//!
//! [`Desk`] decides what is sent when; here it is done. If this process dies, clients send again
//! what was not answered; if a node does, the desk does.

mod desk;
mod reach;

pub use desk::{Desk, Effects};

use reach::Reached;

use super::News;
use crate::config::Config;
use crate::limits::{REMOTE_HOLD_FIRST_MS, REMOTE_LOOK_EVERY_MS};
use link::dial::{Dialed, Dialer, Ring, open_secret};
use link::{Clocks, Host, Item, NodeAddress, PeerId, Terms};
use netring::ConnId;
use netring::names::{Names, Outcome};
use rand::rngs::StdRng;
use service::config::Settings;
use service::exit::Fatal;
use shard::command::{Command, Now, ReplyTo};
use shard::partition::Partition;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The links of one core, and what was asked over them.
pub struct Remote {
    dialer: Dialer,
    /// With the version that the dialer knows.
    names: (Names, u64),
    desk: Desk,
    effects: Effects,
    reached: Reached,
    clocks: Clocks,
    /// When they are looked at next, in ms.
    clocks_ms: u64,
    /// Where clients connect to this core's process, as nodes are told.
    clients_at: Option<SocketAddr>,
}

/// What links of this process have in common, and where to begin.
#[derive(Clone)]
pub struct Cluster {
    terms: Terms,
    /// Drawn at random when the process starts: nodes tell its lives apart by it.
    instance: u64,
    /// Of nodes to begin with; they tell of the others.
    names: Names,
}

impl Cluster {
    /// As configured; `None`: the shards are here.
    ///
    /// # Errors
    /// A secret is missing where it must not be, or no thread could be made.
    pub fn open(config: &Config) -> Result<Option<Self>, Fatal> {
        if config.logic.0.is_empty() {
            return Ok(None);
        }
        let names = Names::look_up(config.logic.0.clone(), tell)
            .map_err(|e| Fatal::Environment(format!("could not start a thread: {e}")))?;
        let secret = open_secret(config.link_secret_file.as_deref(), names.are_loopback())
            .map_err(|e| config.refuse("link_secret_file", &e.to_string()))?;
        let cluster = config.link_cluster.clone();
        let terms = Terms::new(cluster, secret);
        Ok(Some(Self::new(terms, rand::random(), names)))
    }

    /// Of a process whose number was drawn at random.
    #[must_use]
    pub fn new(terms: Terms, instance: u64, names: Names) -> Self {
        Self { terms, instance, names }
    }

    /// What the nodes to begin with are called, and where that leads.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }
}

/// Where a node reaches what listens at an address: if that is every address, at the one from which this machine speaks to
/// the node. Nothing is sent to find that out.
fn seen_from(node: SocketAddr, listen: SocketAddr) -> Option<SocketAddr> {
    if !listen.ip().is_unspecified() {
        return Some(listen);
    }
    let any: IpAddr =
        if node.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).and_then(|it| it.connect(node).map(|()| it));
    let from = socket.and_then(|socket| socket.local_addr()).ok()?;
    Some(SocketAddr::new(from.ip().to_canonical(), listen.port()))
}

fn tell(name: &str, outcome: &Outcome) {
    match outcome {
        Ok(addresses) => tracing::info!(name, ?addresses, "nodes are looked for there"),
        Err(error) => {
            tracing::warn!(name, error, "could not look a node's name up: it is tried again");
        }
    }
}

impl Remote {
    /// For one core. Nobody else may know what `random` gives.
    #[must_use]
    pub fn new(cluster: &Cluster, core: u16, random: StdRng) -> Self {
        let me = PeerId::Gateway { instance: cluster.instance, core };
        let dialer = Dialer::new(cluster.terms.clone(), me, random);
        let names = (cluster.names.clone(), 0);
        let (desk, effects, reached, clocks) = Default::default();
        let (clocks_ms, clients_at) = (0, None);
        Self { dialer, names, desk, effects, reached, clocks, clocks_ms, clients_at }
    }

    /// Clients connect here, as nodes are told.
    pub fn set_clients_at(&mut self, address: SocketAddr) {
        self.clients_at = Some(address);
    }

    /// Whether a connection is a link of this core.
    #[must_use]
    pub fn has(&self, conn: ConnId) -> bool {
        self.dialer.has(conn)
    }

    /// A node answered.
    pub fn on_connected(&mut self, conn: ConnId, now_ms: u64) {
        self.dialer.on_connected(conn, now_ms);
    }

    /// Bytes of a node.
    pub fn on_data(
        &mut self,
        conn: ConnId,
        bytes: &[u8],
        now: Now,
        (ring, news): (&mut impl Ring, &mut News),
    ) {
        for dialed in self.dialer.on_data(conn, bytes, now, ring) {
            self.on_dialed(dialed, now.mono_ms, (ring, news));
        }
    }

    /// The link to a node is gone, or never came to be.
    pub fn on_closed(&mut self, conn: ConnId, now_ms: u64, out: (&impl Ring, &mut News)) {
        if let Some(dialed) = self.dialer.on_closed(conn, now_ms) {
            self.on_dialed(dialed, now_ms, out);
        }
    }

    fn on_dialed(&mut self, dialed: Dialed, now_ms: u64, (ring, news): (&impl Ring, &mut News)) {
        let Self { dialer, desk, effects, reached, clients_at, .. } = self;
        match dialed {
            Dialed::Up(admission, at) => {
                let node = admission.holder.node;
                if let Some(address) = clients_at.and_then(|listen| seen_from(at, listen)) {
                    // A link that is gone again says so next.
                    let _ = dialer.say(node, &Item::ClientsAt(address.to_string()), ring);
                }
                reached.on_link_up(node, now_ms);
                desk.on_link_up(node, now_ms, effects);
            }
            Dialed::Down(node) => {
                reached.on_link_down(node, now_ms);
                desk.on_link_down(node, effects);
            }
            Dialed::Items(node, items) => {
                for item in items {
                    if let Item::InboxEpoch(epoch) = item {
                        news.inbox_epoch = Some(epoch);
                    } else if let Item::Nodes(nodes) = item {
                        let place = |it: NodeAddress| Some((it.address.parse().ok()?, it.node));
                        dialer.set_told(node, nodes.into_iter().filter_map(place));
                    } else if let Item::Reach(reach) = item {
                        reached.on_reach(node, reach, now_ms);
                    } else {
                        let is_news = matches!(item, Item::Owners(_));
                        desk.on_item(node, item, now_ms, effects);
                        if is_news {
                            reached.on_owners(desk.owned(), now_ms);
                        }
                    }
                }
            }
        }
    }

    /// Hands a command in.
    pub fn submit(&mut self, command: Command, reply: ReplyTo, now_ms: u64) {
        self.desk.submit(command, reply, now_ms, &mut self.effects);
    }

    /// A session is over before its login was answered.
    pub fn withdraw_login(&mut self, session: u64) {
        self.desk.withdraw_login(session, &mut self.effects);
    }

    /// Does what time asks, and hands over what the desk has for this core.
    pub fn step(&mut self, now: Now, news: &mut News) {
        self.desk.tick(now.mono_ms, &mut self.effects);
        self.look_at_clocks(now, news);
        news.deliveries.append(&mut self.effects.deliveries);
        news.late.append(&mut self.effects.late);
        news.register.append(&mut self.effects.register);
    }

    /// Every core hears every node, so each knows by itself which clock clients are told.
    fn look_at_clocks(&mut self, now: Now, news: &mut News) {
        if now.mono_ms < self.clocks_ms {
            return;
        }
        self.clocks_ms = now.mono_ms + REMOTE_LOOK_EVERY_MS;
        for (node, reading) in self.dialer.clocks() {
            self.clocks.hear(Host::Node(node), reading, now);
        }
        let changes = self.clocks.look(now);
        news.clocks = Some((self.clocks.clone(), changes));
    }

    /// Whether the desk has something for this core.
    #[must_use]
    pub fn has_work(&self) -> bool {
        let Effects { deliveries, late, register, .. } = &self.effects;
        !deliveries.is_empty() || !late.is_empty() || !register.is_empty()
    }

    /// Says to each node what is to be said, and looks after the links.
    pub fn flush(&mut self, now_ms: u64, ring: &mut impl Ring) {
        for (node, item) in self.effects.items.drain(..) {
            // What is not said is said again in the next round.
            let _ = self.dialer.say(node, &item, ring);
        }
        for node in std::mem::take(&mut self.effects.expel) {
            self.dialer.expel(node, ring);
        }
        let (names, known) = &mut self.names;
        if *known != names.version() {
            *known = names.version();
            self.dialer.set_named(names.found().addresses);
        }
        self.dialer.look_after(now_ms, ring);
        self.dialer.flush(ring);
    }

    /// A hold ends soon, a link is looked after now and then.
    #[must_use]
    pub fn patience_ms(&self) -> u64 {
        if self.desk.is_holding() { REMOTE_HOLD_FIRST_MS / 2 } else { REMOTE_LOOK_EVERY_MS }
    }

    /// Commands that are not answered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.desk.pending()
    }

    /// What it reaches of the cluster.
    #[must_use]
    pub fn reached(&self) -> &Reached {
        &self.reached
    }

    /// Whether a command of this partition can be done now, as far as is known.
    #[must_use]
    pub fn serves(&self, partition: Partition) -> bool {
        self.desk.owner(partition).is_some_and(|node| self.reached.serves(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_told_as_the_address_that_the_node_sees() {
        let seen = |node: &str, listen: &str| {
            seen_from(node.parse().unwrap(), listen.parse().unwrap()).map(|it| it.to_string())
        };
        assert_eq!(seen("127.0.0.1:7500", "0.0.0.0:7400").as_deref(), Some("127.0.0.1:7400"));
        assert_eq!(seen("127.0.0.1:7500", "[::]:7400").as_deref(), Some("127.0.0.1:7400"));
        assert_eq!(seen("127.0.0.1:7500", "10.1.2.3:7400").as_deref(), Some("10.1.2.3:7400"));
    }
}
