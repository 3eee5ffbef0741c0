//! An entry whose shards are in other processes: it dials every node and carries commands and answers between.
//!
//! [`Desk`] decides what is sent when; here it is done. If this process dies, clients send again what was not answered; if a
//! node does, the desk does.

mod desk;

pub use desk::{Desk, Effects};

use crate::config::Config;
use crate::core::Core;
use crate::limits::{AWAY_HOLD_FIRST_MS, AWAY_LOOK_EVERY_MS};
use crate::session::Session;
use logic::command::{Command, Delivery, ReplyTo};
use logic::dial::{Dialed, Dialer, open_secret};
use logic::link::{Item, PeerId, Terms};
use logic::partition::Partition;
use netring::ConnId;
use service::exit::Fatal;
use std::net::{SocketAddr, ToSocketAddrs};

/// See the module.
pub struct Away {
    dialer: Dialer,
    desk: Desk,
    effects: Effects,
}

/// What links of this process have in common, and where to begin.
#[derive(Clone)]
pub struct Cluster {
    terms: Terms,
    /// Drawn at random when the process starts: nodes tell its lives apart by it.
    instance: u64,
    places: Vec<SocketAddr>,
}

impl Cluster {
    /// As configured; `None`: the shards are here.
    ///
    /// # Errors
    /// A name is not known, or a secret is missing where it must not be.
    pub fn open(config: &Config) -> Result<Option<Self>, Fatal> {
        if config.logic.0.is_empty() {
            return Ok(None);
        }
        let mut places = Vec::new();
        for name in &config.logic.0 {
            let found = name.to_socket_addrs();
            let text = |e| Fatal::Config(format!("logic: could not look {name} up: {e}"));
            places.extend(found.map_err(text)?);
        }
        let is_loopback = places.iter().all(|place| place.ip().is_loopback());
        let secret = open_secret(config.link_secret_file.as_deref(), is_loopback)
            .map_err(|e| Fatal::Config(format!("link_secret_file: {e}")))?;
        let cluster = config.link_cluster.clone();
        Ok(Some(Self { terms: Terms { cluster, secret }, instance: rand::random(), places }))
    }
}

impl Away {
    /// For one core.
    #[must_use]
    pub fn new(cluster: &Cluster, core: u16) -> Self {
        let me = PeerId::Gateway { instance: cluster.instance, core };
        let mut dialer = Dialer::new(cluster.terms.clone(), me);
        cluster.places.iter().for_each(|place| dialer.want(*place));
        Self { dialer, desk: Desk::default(), effects: Effects::default() }
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

    /// Hands a command in.
    pub fn submit(&mut self, command: Command, reply: ReplyTo, now_ms: u64) {
        self.desk.submit(command, reply, now_ms, &mut self.effects);
    }

    /// How long a core may sleep, in ms: a hold ends soon, a link is looked after now and then.
    #[must_use]
    pub fn patience_ms(&self) -> u64 {
        if self.desk.is_holding() { AWAY_HOLD_FIRST_MS / 2 } else { AWAY_LOOK_EVERY_MS }
    }

    /// Commands that are not answered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.desk.pending()
    }

    /// Partitions that can be reached.
    #[must_use]
    pub fn reachable(&self) -> usize {
        self.desk.reachable()
    }
}

impl Core {
    /// Bytes of a node.
    pub(crate) fn on_node_data(&mut self, conn: ConnId, bytes: &[u8]) {
        let now_ms = self.now.mono_ms;
        let Some(away) = self.logic.away() else { return };
        for dialed in away.dialer.on_data(conn, bytes, now_ms, &mut self.ring) {
            self.on_dialed(dialed);
        }
    }

    /// The link to a node is gone, or never came to be.
    pub(crate) fn on_node_closed(&mut self, conn: ConnId) {
        let now_ms = self.now.mono_ms;
        let Some(away) = self.logic.away() else { return };
        if let Some(dialed) = away.dialer.on_closed(conn, now_ms) {
            self.on_dialed(dialed);
        }
    }

    fn on_dialed(&mut self, dialed: Dialed) {
        let now_ms = self.now.mono_ms;
        let Some(Away { dialer, desk, effects }) = self.logic.away() else { return };
        match dialed {
            Dialed::Up(admission) => {
                let node = admission.holder.node;
                dialer.say(node, Item::ClientsAt(self.clients_at.to_string()), false, &self.ring);
                desk.on_link_up(node, now_ms, effects);
            }
            Dialed::Down(node) => desk.on_link_down(node, effects),
            Dialed::Items(node, items) => {
                for item in items {
                    if let Item::InboxEpoch(epoch) = item {
                        self.inbox_epoch = epoch;
                    } else if let Item::Nodes(nodes) = item {
                        let places = nodes.iter().filter_map(|it| it.address.parse().ok());
                        places.for_each(|place| dialer.want(place));
                    } else {
                        desk.on_item(node, item, now_ms, effects);
                    }
                }
            }
        }
    }

    /// Does what the desk wants, until nothing follows; then says to each node what is to be said.
    pub(crate) fn turn_away(&mut self) {
        let now_ms = self.now.mono_ms;
        loop {
            let Some(Away { desk, effects, .. }) = self.logic.away() else { return };
            desk.tick(now_ms, effects);
            let (deliveries, late) =
                (std::mem::take(&mut effects.deliveries), std::mem::take(&mut effects.late));
            let register = std::mem::take(&mut effects.register);
            if deliveries.is_empty() && late.is_empty() && register.is_empty() {
                break;
            }
            deliveries.into_iter().for_each(|delivery| self.deliver_here(delivery));
            late.into_iter().for_each(|delivery| self.on_late(&delivery));
            if !register.is_empty() {
                self.register(|partition| register.contains(&partition));
            }
        }
        let Some(Away { dialer, effects, .. }) = self.logic.away() else { return };
        for (node, item) in effects.items.drain(..) {
            dialer.say(node, item, false, &self.ring);
        }
        dialer.look_after(now_ms, &mut self.ring);
        dialer.flush(&mut self.ring);
    }

    /// Tells the owners of partitions that are new there which sessions are here.
    fn register(&mut self, is_meant: impl Fn(Partition) -> bool) {
        let now_ms = self.now.mono_ms;
        let conns: Vec<ConnId> = self.conns.ids().collect();
        for conn in conns {
            let Some(state) = self.conns.get_mut(conn) else { continue };
            let Session::Active(login) = state.session else { continue };
            if is_meant(Partition::of_user(login.uid)) {
                let reply = ReplyTo { session: self.session_id(conn), request_id: 0 };
                let Some(away) = self.logic.away() else { return };
                away.submit(Command::Register(login), reply, now_ms);
            }
        }
    }

    fn deliver_here(&mut self, mut delivery: Delivery) {
        // The node's number for this entry is nothing here.
        delivery.to.session.entry = self.id;
        self.deliver(delivery);
    }
}
