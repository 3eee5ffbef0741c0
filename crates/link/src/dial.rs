//! The links that one core dials: an entry dials every node, a node's core every other node. There
//! is one link a node, dialed again whenever it is lost. It knows no partition.

use crate::{
    Admission, Backoff, Event, Item, LINK_CLOSE_BYTES, Line, Link, LinkDrop, Peer, PeerId, Secret,
    SecretError, Terms,
};
use netring::{ConnId, NetRing};
use rand::random;
use shard::owner::NodeId;
use std::collections::{BTreeMap, HashMap};
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

/// What happened on the links that were dialed.
#[derive(Debug)]
pub enum Dialed {
    /// A node let this core in.
    Up(Admission),
    /// The link to a node is gone; what was on its way may be lost.
    Down(NodeId),
    /// A node said this, in order.
    Items(NodeId, Vec<Item>),
}

/// One core's links to nodes, and the places where it dials them.
pub struct Dialer {
    terms: Terms,
    me: PeerId,
    places: BTreeMap<SocketAddr, Place>,
    /// Connections under way or up, and where they lead.
    conns: HashMap<ConnId, SocketAddr>,
    nodes: BTreeMap<NodeId, ConnId>,
}

/// A place to dial.
struct Place {
    conn: Option<ConnId>,
    line: Option<Line>,
    /// Who answered there last.
    node: Option<NodeId>,
    dials: u64,
    redial_ms: u64,
    backoff: Backoff,
}

impl Default for Place {
    fn default() -> Self {
        let (conn, line, node) = (None, None, None);
        Self { conn, line, node, dials: 0, redial_ms: 0, backoff: BACKOFF }
    }
}

impl Dialer {
    /// Dials nobody yet. `me` is who this core says it is.
    #[must_use]
    pub fn new(terms: Terms, me: PeerId) -> Self {
        let (places, conns, nodes) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        Self { terms, me, places, conns, nodes }
    }

    /// Keeps a link to this place from now on. Whoever says so again has heard of it: it is dialed soon.
    pub fn want(&mut self, address: SocketAddr) {
        let place = self.places.entry(address).or_default();
        if place.conn.is_none() {
            (place.redial_ms, place.backoff) = (0, BACKOFF);
        }
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

    /// A place accepted the connection: begins the handshake.
    pub fn on_connected(&mut self, conn: ConnId, now_ms: u64) {
        let Some(place) = self.conns.get(&conn).and_then(|at| self.places.get_mut(at)) else {
            return;
        };
        let peer = Peer { id: self.me, generation: place.dials };
        let link = Link::dial(self.terms.clone(), random(), peer);
        place.line = Some(Line::new(link, now_ms));
    }

    /// Bytes of a node.
    pub fn on_data(
        &mut self,
        conn: ConnId,
        bytes: &[u8],
        now_ms: u64,
        ring: &mut NetRing,
    ) -> Vec<Dialed> {
        let (mut dialed, mut events) = (Vec::new(), Vec::new());
        let Some(at) = self.conns.get(&conn).copied() else { return dialed };
        let place = self.places.get_mut(&at).expect("its connection is known");
        let Some(line) = &mut place.line else { return dialed };
        let Some(out) = ring.outbox(conn) else { return dialed };
        line.read(bytes, now_ms, out, &mut events);
        for event in events {
            match event {
                Event::Welcomed(admission) => {
                    let node = admission.holder.node;
                    (place.node, place.backoff) = (Some(node), BACKOFF);
                    if *self.nodes.entry(node).or_insert(conn) == conn {
                        let version = line.link().agreed().map(|agreed| agreed.version);
                        tracing::info!(%at, node = node.0, version, "a link is up");
                        dialed.push(Dialed::Up(admission));
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
        place.redial_ms = now_ms + place.backoff.next_ms(&mut rand::rng());
        let node = place.node.filter(|node| self.nodes.get(node) == Some(&conn))?;
        self.nodes.remove(&node);
        Some(Dialed::Down(node))
    }

    /// Says something to a node at the end of the turn.
    ///
    /// # Errors
    /// There is no link to it, or more waits for it than the item's lane takes.
    pub fn say(&mut self, node: NodeId, item: &Item, ring: &NetRing) -> Result<(), LinkDrop> {
        let conn = *self.nodes.get(&node).ok_or(LinkDrop::NoLink)?;
        let place = self.conns.get(&conn).and_then(|at| self.places.get_mut(at));
        let line = place.and_then(|place| place.line.as_mut()).ok_or(LinkDrop::NoLink)?;
        line.say(item, ring.outbox_len(conn))
    }

    /// Ends the link to a node that says what it may not say.
    pub fn expel(&mut self, node: NodeId, ring: &mut NetRing) {
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
    pub fn flush(&mut self, ring: &mut NetRing) {
        for place in self.places.values_mut() {
            let (Some(conn), Some(line)) = (place.conn, &mut place.line) else { continue };
            write(conn, line, ring);
        }
    }

    /// Dials what is wanted, asks the silent, and ends links that are dead.
    pub fn look_after(&mut self, now_ms: u64, ring: &mut NetRing) {
        for (address, place) in &mut self.places {
            let Some(conn) = place.conn else {
                let is_linked = place.node.is_some_and(|node| self.nodes.contains_key(&node));
                if now_ms >= place.redial_ms && !is_linked {
                    place.redial_ms = now_ms + REDIAL_FIRST_MS;
                    place.dials += 1;
                    place.conn = ring.connect(*address, None).ok();
                    self.conns.extend(place.conn.map(|conn| (conn, *address)));
                }
                continue;
            };
            if place.line.as_mut().is_some_and(|line| !line.look_after(now_ms)) {
                ring.close_now(conn);
            }
        }
    }
}

/// Writes what a line has to say; ends one whose peer does not read.
pub fn write(conn: ConnId, line: &mut Line, ring: &mut NetRing) {
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
