//! The links that one core dials: an entry dials every node, a node's core every other node. There
//! is one link a node, dialed again whenever it is lost. It knows no partition and no name.
//!
//! A place is dialed while a name leads there or any node tells of it, and forgotten when none
//! does and its connection is gone. Nodes see each other at different times: one that is behind
//! takes nothing away that others tell of.

use crate::{
    Admission, Backoff, Event, HANDSHAKE_MS_MAX, Item, LINK_CLOSE_BYTES, Line, Link, LinkDrop,
    Peer, PeerId, Reading, Secret, SecretError, Terms,
};
use netring::{ConnId, NetRing};
use rand::RngExt;
use rand::rngs::StdRng;
use shard::command::Now;
use shard::owner::NodeId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// The first wait before a lost link is dialed again, at most, in ms.
const REDIAL_FIRST_MS: u64 = 200;
/// The longest, at a place where nobody answers.
const REDIAL_LONGEST_MS: u64 = 1_000;
/// The waits between dials of a place.
const BACKOFF: Backoff = Backoff::new(REDIAL_FIRST_MS, REDIAL_LONGEST_MS);

/// Reads the secret from a file. Without a file it is a secret that everybody knows, which is
/// allowed on loopback only.
///
/// # Errors
/// It cannot be read, is too short, or is missing where it must not be.
pub fn open_secret(file: Option<&Path>, is_loopback: bool) -> Result<Secret, SecretError> {
    let Some(file) = file else {
        return is_loopback.then(Secret::for_loopback).ok_or(SecretError::Missing);
    };
    let content = fs::read(file)
        .map_err(|error| SecretError::Unreadable(file.to_owned(), error.to_string()))?;
    Secret::parse(&content)
}

/// What links need of the sockets of a core. Beside the net ring the simulator has some: the links that it drives are those
/// that run.
pub trait Ring {
    /// Begins to dial; nothing if no connection is free. The caller hears what becomes of it.
    fn connect(&mut self, address: SocketAddr) -> Option<ConnId>;
    /// Where to append what the peer is to be sent, while the connection is open.
    fn outbox(&mut self, conn: ConnId) -> Option<&mut Vec<u8>>;
    /// Bytes appended and not yet sent.
    fn outbox_len(&self, conn: ConnId) -> usize;
    /// Closes when everything appended is sent. The caller hears of it.
    fn close(&mut self, conn: ConnId);
    /// Closes and drops what is not sent. The caller hears of it.
    fn close_now(&mut self, conn: ConnId);
}

impl Ring for NetRing {
    fn connect(&mut self, address: SocketAddr) -> Option<ConnId> {
        self.connect(address, None).ok()
    }

    fn outbox(&mut self, conn: ConnId) -> Option<&mut Vec<u8>> {
        self.outbox(conn)
    }

    fn outbox_len(&self, conn: ConnId) -> usize {
        self.outbox_len(conn)
    }

    fn close(&mut self, conn: ConnId) {
        self.close(conn);
    }

    fn close_now(&mut self, conn: ConnId) {
        self.close_now(conn);
    }
}

/// What happened on the links that were dialed.
#[derive(Debug)]
pub enum Dialed {
    /// A node at that address let this core in.
    Up(Admission, SocketAddr),
    /// The link to a node is gone; what was on its way may be lost.
    Down(NodeId),
    /// A node said this, in order.
    Items(NodeId, Vec<Item>),
}

/// One core's links to nodes, and the places where it dials them.
pub struct Dialer {
    terms: Terms,
    me: PeerId,
    /// Where names lead.
    named: BTreeSet<SocketAddr>,
    /// Where each node says that nodes are.
    told: BTreeMap<NodeId, BTreeMap<SocketAddr, NodeId>>,
    places: BTreeMap<SocketAddr, Place>,
    /// Connections under way or up, and where they lead.
    conns: HashMap<ConnId, SocketAddr>,
    nodes: BTreeMap<NodeId, ConnId>,
    /// Counts every dial to whatever place: a node lets in only who dialed later than before, and
    /// may be at several places.
    dials: u64,
    /// Nonces are of it, so nobody may guess it.
    random: StdRng,
}

/// A place to dial.
struct Place {
    conn: Option<ConnId>,
    line: Option<Line>,
    /// Who answered there last.
    node: Option<NodeId>,
    /// The number of its last dial, and when that began.
    dial: u64,
    dialed_ms: u64,
    redial_ms: u64,
    backoff: Backoff,
}

impl Default for Place {
    fn default() -> Self {
        let (conn, line, node) = (None, None, None);
        let (dial, dialed_ms, redial_ms) = (0, 0, 0);
        Self { conn, line, node, dial, dialed_ms, redial_ms, backoff: BACKOFF }
    }
}

impl Place {
    /// Is not dialed for a while, longer each time.
    fn pause(&mut self, now_ms: u64, random: &mut StdRng) {
        self.redial_ms = now_ms + self.backoff.next_ms(random);
    }
}

impl Dialer {
    /// Dials nobody yet. `me` is who this core says it is; nobody else may know what `random` gives.
    #[must_use]
    pub fn new(terms: Terms, me: PeerId, random: StdRng) -> Self {
        let (places, conns, nodes) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        let (named, told) = (BTreeSet::new(), BTreeMap::new());
        Self { terms, me, named, told, places, conns, nodes, dials: 0, random }
    }

    /// Names lead to these places now, and to no others.
    pub fn set_named(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        self.named = addresses.into_iter().collect();
        self.keep_wanted();
    }

    /// A node says that nodes are at these places now, and at no others. Whoever says so again has heard of them: they are
    /// dialed soon. What others said counts as long as there is a link to them.
    pub fn set_told(&mut self, by: NodeId, nodes: impl IntoIterator<Item = (SocketAddr, NodeId)>) {
        let before = self.told.insert(by, nodes.into_iter().collect()).unwrap_or_default();
        self.told.retain(|other, _| *other == by || self.nodes.contains_key(other));
        self.keep_wanted();
        for (address, node) in &self.told[&by] {
            let place = self.places.get_mut(address).expect("it is wanted");
            if place.conn.is_none() {
                (place.redial_ms, place.backoff) = (0, BACKOFF);
                // Whoever answered there before may have gone elsewhere.
                place.node = place.node.filter(|_| before.get(address) == Some(node));
            }
        }
    }

    fn keep_wanted(&mut self) {
        let Self { named, told, places, .. } = self;
        for address in named.iter().chain(told.values().flat_map(BTreeMap::keys)) {
            places.entry(*address).or_default();
        }
        let is_told = |at: &SocketAddr| told.values().any(|nodes| nodes.contains_key(at));
        places.retain(|at, place| place.conn.is_some() || named.contains(at) || is_told(at));
    }

    /// Whether a connection is one of these.
    #[must_use]
    pub fn has(&self, conn: ConnId) -> bool {
        self.conns.contains_key(&conn)
    }

    /// Links that may be used.
    #[must_use]
    pub fn open(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes that links lead to.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.keys().copied()
    }

    /// The clocks of the nodes, where they are known.
    pub fn clocks(&self) -> impl Iterator<Item = (NodeId, Reading)> {
        self.nodes.iter().filter_map(|(node, conn)| {
            let place = self.conns.get(conn).and_then(|at| self.places.get(at))?;
            Some((*node, place.line.as_ref()?.clock()?))
        })
    }

    /// A place accepted the connection: begins the handshake.
    pub fn on_connected(&mut self, conn: ConnId, now_ms: u64) {
        let Some(place) = self.conns.get(&conn).and_then(|at| self.places.get_mut(at)) else {
            return;
        };
        let peer = Peer { id: self.me, generation: place.dial };
        let link = Link::dial(self.terms.clone(), self.random.random(), peer);
        place.line = Some(Line::new(link, now_ms));
    }

    /// Bytes of a node.
    pub fn on_data(
        &mut self,
        conn: ConnId,
        bytes: &[u8],
        now: Now,
        ring: &mut impl Ring,
    ) -> Vec<Dialed> {
        let (mut dialed, mut events) = (Vec::new(), Vec::new());
        let Some(at) = self.conns.get(&conn).copied() else { return dialed };
        let place = self.places.get_mut(&at).expect("its connection is known");
        let Some(line) = &mut place.line else { return dialed };
        let Some(out) = ring.outbox(conn) else { return dialed };
        line.read(bytes, now, out, &mut events);
        for event in events {
            match event {
                Event::Welcomed(admission) => {
                    let node = admission.holder.node;
                    (place.node, place.backoff) = (Some(node), BACKOFF);
                    if *self.nodes.entry(node).or_insert(conn) == conn {
                        let version = line.link().agreed().map(|agreed| agreed.version);
                        tracing::info!(%at, node = node.0, version, "a link is up");
                        dialed.push(Dialed::Up(admission, at));
                    } else {
                        // It answers at another place too: one link is enough.
                        ring.close(conn);
                    }
                }
                Event::Items(items) => {
                    if let Some(node) =
                        place.node.filter(|node| self.nodes.get(node) == Some(&conn))
                    {
                        dialed.push(Dialed::Items(node, items));
                    }
                }
                Event::Ended(error) => {
                    tracing::warn!(%at, %error, "could not keep a link");
                    ring.close(conn);
                }
                Event::Asked(_) => unreachable!("who dials is not asked"),
            }
        }
        dialed
    }

    /// A connection is gone, or never came to be.
    pub fn on_closed(&mut self, conn: ConnId, now_ms: u64) -> Option<Dialed> {
        let at = self.conns.remove(&conn)?;
        let place = self.places.get_mut(&at).expect("its connection is known");
        (place.conn, place.line) = (None, None);
        place.pause(now_ms, &mut self.random);
        let node = place.node.filter(|node| self.nodes.get(node) == Some(&conn));
        self.keep_wanted();
        let node = node?;
        self.nodes.remove(&node);
        Some(Dialed::Down(node))
    }

    /// Says something to a node at the end of the turn.
    ///
    /// # Errors
    /// There is no link to it, or more waits for it than the item's lane takes.
    pub fn say(&mut self, node: NodeId, item: &Item, ring: &impl Ring) -> Result<(), LinkDrop> {
        let conn = *self.nodes.get(&node).ok_or(LinkDrop::NoLink)?;
        let place = self.conns.get(&conn).and_then(|at| self.places.get_mut(at));
        let line = place.and_then(|place| place.line.as_mut()).ok_or(LinkDrop::NoLink)?;
        line.say(item, ring.outbox_len(conn))
    }

    /// Ends the link to a node that says what it may not say.
    pub fn expel(&mut self, node: NodeId, ring: &mut impl Ring) {
        let Some(conn) = self.nodes.get(&node) else { return };
        tracing::warn!(node = node.0, "a node answered what was not asked; its link ends");
        ring.close_now(*conn);
    }

    /// How many items came since the last call that were of a later release, and came to nothing.
    pub fn take_skipped(&mut self) -> u64 {
        let lines = self.places.values_mut().filter_map(|place| place.line.as_mut());
        lines.map(|line| line.link().take_skipped()).sum()
    }

    /// Writes what was said this turn.
    pub fn flush(&mut self, ring: &mut impl Ring) {
        for place in self.places.values_mut() {
            let (Some(conn), Some(line)) = (place.conn, &mut place.line) else { continue };
            write(conn, line, ring);
        }
    }

    /// Dials what is wanted, asks the silent, and ends links that are dead.
    pub fn look_after(&mut self, now_ms: u64, ring: &mut impl Ring) {
        for (address, place) in &mut self.places {
            let Some(conn) = place.conn else {
                let is_linked = place.node.is_some_and(|node| self.nodes.contains_key(&node));
                if now_ms >= place.redial_ms && !is_linked {
                    self.dials += 1;
                    (place.dial, place.dialed_ms) = (self.dials, now_ms);
                    place.conn = ring.connect(*address);
                    match place.conn {
                        Some(conn) => drop(self.conns.insert(conn, *address)),
                        None => place.pause(now_ms, &mut self.random),
                    }
                }
                continue;
            };
            let lives = match &mut place.line {
                Some(line) => line.look_after(now_ms),
                None => now_ms < place.dialed_ms + HANDSHAKE_MS_MAX,
            };
            if !lives {
                ring.close_now(conn);
            }
        }
    }
}

/// Writes what a line has to say; ends one whose peer does not read.
pub fn write(conn: ConnId, line: &mut Line, ring: &mut impl Ring) {
    if line.unwritten_bytes() == 0 {
        return;
    }
    if ring.outbox_len(conn) + line.unwritten_bytes() > LINK_CLOSE_BYTES {
        tracing::warn!("a peer does not read; its link ends");
        ring.close_now(conn);
    } else if let Some(out) = ring.outbox(conn) {
        line.flush(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netring::Config;
    use std::net::TcpListener;
    use std::time::Duration;

    /// A core that dials, and a clock that goes on only by hand.
    struct Scene {
        ring: NetRing,
        dialer: Dialer,
    }

    impl Scene {
        fn new() -> Self {
            let terms = Terms::new("blue".into(), Secret::for_loopback());
            let me = PeerId::Gateway { instance: 1, core: 0 };
            let ring = NetRing::new(Config { connections_max: 8, ..Config::default() });
            Self { ring: ring.unwrap(), dialer: Dialer::new(terms, me, rand::make_rng()) }
        }

        /// What becomes of the dial that is under way: whether somebody accepted.
        fn dialed(&mut self, now_ms: u64) -> bool {
            loop {
                self.ring.wait_blocking(Some(Duration::from_secs(10))).unwrap();
                while let Some(event) = self.ring.next_event() {
                    if let netring::Event::Connected { conn } = event {
                        self.dialer.on_connected(conn, now_ms);
                        return true;
                    } else if let netring::Event::ConnectFailed { conn, .. }
                    | netring::Event::Closed { conn, .. } = event
                    {
                        self.dialer.on_closed(conn, now_ms);
                        return false;
                    }
                }
            }
        }

        fn dials(&mut self, now_ms: u64) -> u64 {
            let before = self.dialer.dials;
            self.dialer.look_after(now_ms, &mut self.ring);
            self.dialer.dials - before
        }

        fn places(&self) -> Vec<SocketAddr> {
            self.dialer.places.keys().copied().collect()
        }
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn a_place_where_nobody_answers_is_dialed_less_and_less() {
        let mut scene = Scene::new();
        let (gone, address) = listener();
        drop(gone);
        scene.dialer.set_named([address]);
        let mut now_ms = 0;
        for most_ms in [200, 400, 800, 1_000, 1_000] {
            assert_eq!(scene.dials(now_ms), 1, "at {now_ms} ms");
            assert!(!scene.dialed(now_ms));
            assert_eq!(scene.dials(now_ms + most_ms / 2 - 1), 0);
            now_ms += most_ms;
        }
        assert_eq!(scene.dials(now_ms), 1);
        assert!(!scene.dialed(now_ms));
        scene.dialer.set_told(NodeId(2), [(address, NodeId(1))]);
        assert_eq!(scene.dials(now_ms), 1, "told of: at once");
    }

    #[test]
    fn a_name_that_moves_is_followed_and_its_old_place_is_forgotten() {
        let mut scene = Scene::new();
        let ((old, old_at), (new, new_at)) = (listener(), listener());
        scene.dialer.set_named([old_at]);
        assert_eq!(scene.dials(0), 1);
        assert!(scene.dialed(0));
        scene.dialer.set_named([new_at]);
        assert_eq!(scene.dials(10), 1);
        assert!(scene.dialed(10));
        new.accept().unwrap();
        drop(old.accept().unwrap());
        drop(old);
        assert!(!scene.dialed(20), "the old one is gone");
        assert_eq!(scene.places(), [new_at]);
    }

    #[test]
    fn a_place_is_dialed_while_a_name_or_a_node_gives_it() {
        let mut scene = Scene::new();
        let [a, b, c] = [1_u16, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        scene.dialer.set_named([a, b]);
        scene.dialer.set_told(NodeId(1), [(b, NodeId(1)), (c, NodeId(2))]);
        assert_eq!(scene.places(), [a, b, c]);
        scene.dialer.set_named([]);
        assert_eq!(scene.places(), [b, c]);
        scene.dialer.set_told(NodeId(1), []);
        assert!(scene.places().is_empty());
    }

    /// A node that was held up tells what it saw before, without itself; then its link goes.
    #[test]
    fn a_node_that_is_behind_takes_no_place_away() {
        let mut scene = Scene::new();
        let [a, b] = [1_u16, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let (all, few) = ([(a, NodeId(1)), (b, NodeId(2))], [(a, NodeId(1))]);
        for node in [1, 2] {
            scene.dialer.nodes.insert(NodeId(node), scene.ring.connect(a, None).unwrap());
            scene.dialer.set_told(NodeId(node), all);
        }
        scene.dialer.set_told(NodeId(2), few);
        scene.dialer.nodes.remove(&NodeId(2));
        scene.dialer.keep_wanted();
        assert_eq!(scene.places(), [a, b], "the other tells of it still");
        scene.dialer.set_told(NodeId(1), few);
        assert_eq!(scene.places(), [a]);
        scene.dialer.nodes.clear();
        scene.dialer.set_told(NodeId(2), all);
        assert_eq!(scene.places(), [a, b]);
        scene.dialer.set_told(NodeId(3), few);
        assert_eq!(scene.places(), [a], "whoever told of it is gone");
    }

    #[test]
    fn a_dial_that_nothing_becomes_of_is_ended() {
        let mut scene = Scene::new();
        let (_silent, address) = listener();
        scene.dialer.set_named([address]);
        assert_eq!(scene.dials(0), 1);
        let place = scene.dialer.places.get(&address).unwrap();
        assert!(place.conn.is_some() && place.line.is_none());
        scene.dialer.look_after(HANDSHAKE_MS_MAX, &mut scene.ring);
        assert!(!scene.dialed(HANDSHAKE_MS_MAX), "ended, not accepted");
    }

    /// A node lets in only who dialed later; it may answer at another place than before.
    #[test]
    fn every_dial_is_later_than_those_before_whatever_the_place() {
        let mut scene = Scene::new();
        let ((_one, one_at), (_two, two_at)) = (listener(), listener());
        scene.dialer.set_named([one_at]);
        scene.dials(0);
        scene.dialer.set_named([one_at, two_at]);
        scene.dials(0);
        let dial = |at| scene.dialer.places[&at].dial;
        assert!(dial(one_at) < dial(two_at));
    }
}
