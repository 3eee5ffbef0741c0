//! The links that were dialed to one core: entries of gateways, and other nodes that bring mail. It knows no shard.
//!
//! An entry gets a number when it is let in, and keeps it as long as the link lasts. The number
//! says which core has the link. It is used again only after all other numbers of the core, so that
//! a late push finds nobody instead of the wrong entry.

use super::generations::Generations;
use super::limits::ENTRIES_PER_CORE_MAX;
use link::dial::{Ring, write};
use link::{Admission, Event, Host, Item, Line, Link, LinkDrop, LinkError};
use link::{Peer, PeerId, Reading, Terms};
use netring::ConnId;
use rand::RngExt;
use rand::rngs::StdRng;
use shard::command::Now;
use shard::owner::Holder;
use std::collections::BTreeMap;

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// An entry, by its number.
    Entry(u16),
    /// A node.
    Node,
}

/// What happened on a link.
#[derive(Debug)]
pub enum Heard {
    /// An entry was let in: it wants to know who owns what.
    EntryCame(u16),
    /// An entry's link is gone.
    EntryGone(u16),
    /// Items, in order.
    Items(From, Vec<Item>),
    /// A peer was not let in, or said what may not be said.
    Refused,
}

/// The links of one core that others dialed, and the numbers of its entries.
pub struct Links {
    terms: Terms,
    /// This process as others see it.
    me: Holder,
    core: u16,
    links: BTreeMap<ConnId, (Line, Option<(From, Host)>)>,
    entries: Vec<Option<ConnId>>,
    next_entry: u16,
    /// With the link over which each peer was let in last.
    generations: Generations<ConnId>,
    /// Nonces are of it, so nobody may guess it.
    random: StdRng,
}

impl Links {
    /// None yet. Nobody else may know what `random` gives.
    #[must_use]
    pub fn new(terms: Terms, me: Holder, core: u16, random: StdRng) -> Self {
        Self {
            terms,
            me,
            core,
            links: BTreeMap::new(),
            entries: vec![None; ENTRIES_PER_CORE_MAX.into()],
            next_entry: 0,
            generations: Generations::default(),
            random,
        }
    }

    /// The core that has an entry's link.
    #[must_use]
    pub fn core_of(entry: u16) -> u16 {
        entry / ENTRIES_PER_CORE_MAX
    }

    /// Links that may be used.
    #[must_use]
    pub fn open(&self) -> usize {
        self.links.values().filter(|(line, _)| line.is_open()).count()
    }

    /// The clocks of those who have links, where they are known.
    pub fn clocks(&self) -> impl Iterator<Item = (Host, Reading)> {
        self.links.values().filter_map(|(line, from)| Some((from.as_ref()?.1, line.clock()?)))
    }

    /// Somebody connected.
    pub fn on_accepted(&mut self, conn: ConnId, now_ms: u64, ring: &mut impl Ring) {
        let Some(out) = ring.outbox(conn) else { return };
        let link = Link::accept(self.terms.clone(), self.random.random(), out);
        self.links.insert(conn, (Line::new(link, now_ms), None));
    }

    /// A connection is gone.
    pub fn on_closed(&mut self, conn: ConnId) -> Option<Heard> {
        let (_, from) = self.links.remove(&conn)?;
        let Some((From::Entry(entry), _)) = from else { return None };
        self.entries[place(entry)] = None;
        Some(Heard::EntryGone(entry))
    }

    /// Bytes of a peer.
    pub fn on_data(
        &mut self,
        conn: ConnId,
        bytes: &[u8],
        now: Now,
        ring: &mut impl Ring,
    ) -> Vec<Heard> {
        let (mut heard, mut events) = (Vec::new(), Vec::new());
        let Some((line, _)) = self.links.get_mut(&conn) else { return heard };
        let Some(out) = ring.outbox(conn) else { return heard };
        line.read(bytes, now, out, &mut events);
        for event in events {
            match event {
                Event::Asked(peer) => heard.extend(self.on_asked(conn, peer, ring)),
                Event::Items(items) => {
                    let from = self.links.get(&conn).and_then(|(_, from)| *from);
                    let (from, _) = from.expect("only who was let in says items");
                    heard.push(Heard::Items(from, items));
                }
                Event::Ended(error) => heard.extend(self.end(conn, &error, ring)),
                Event::Welcomed(_) => unreachable!("who was dialed is not welcomed"),
            }
        }
        heard
    }

    fn on_asked(&mut self, conn: ConnId, peer: Peer, ring: &mut impl Ring) -> Vec<Heard> {
        let (is_entry, host) = match peer.id {
            PeerId::Gateway { instance, .. } => (true, Host::Gateway(instance)),
            PeerId::Logic { node, .. } => (false, Host::Node(node)),
        };
        let free = if is_entry { self.free_entry() } else { Some(0) };
        let Some((line, from)) = self.links.get_mut(&conn) else { return Vec::new() };
        let Some(out) = ring.outbox(conn) else { return Vec::new() };
        let Some(free) = free else {
            line.link().refuse("this core has links to as many entries as it takes", out);
            ring.close(conn);
            return vec![Heard::Refused];
        };
        let entry = self.core * ENTRIES_PER_CORE_MAX + free;
        let last = self.generations.last(peer.id);
        if let Err(error) = line.link().admit(last, Admission { entry, holder: self.me }, out) {
            return self.end(conn, &error, ring);
        }
        *from = Some((if is_entry { From::Entry(entry) } else { From::Node }, host));
        let older = self.generations.let_in(peer.id, peer.generation, conn);
        if !is_entry {
            return Vec::new();
        }
        self.entries[place(entry)] = Some(conn);
        // What is left to read of its link of before would undo what it says over this one.
        let gone = older.and_then(|older| {
            ring.close_now(older);
            self.on_closed(older)
        });
        gone.into_iter().chain([Heard::EntryCame(entry)]).collect()
    }

    fn free_entry(&mut self) -> Option<u16> {
        let mut places =
            (0..ENTRIES_PER_CORE_MAX).map(|step| (self.next_entry + step) % ENTRIES_PER_CORE_MAX);
        let free = places.find(|at| self.entries[usize::from(*at)].is_none())?;
        self.next_entry = (free + 1) % ENTRIES_PER_CORE_MAX;
        Some(free)
    }

    fn end(&mut self, conn: ConnId, error: &LinkError, ring: &mut impl Ring) -> Vec<Heard> {
        tracing::warn!(%error, "a link ended");
        ring.close(conn);
        self.on_closed(conn).into_iter().chain([Heard::Refused]).collect()
    }

    /// Ends the link of an entry that says what only nodes say.
    pub fn expel(&mut self, entry: u16, ring: &mut impl Ring) -> Vec<Heard> {
        let Some(conn) = self.entries[place(entry)] else { return Vec::new() };
        tracing::warn!(entry, "an entry said what only nodes say; its link ends");
        ring.close(conn);
        self.on_closed(conn).into_iter().chain([Heard::Refused]).collect()
    }

    /// Says something to an entry of this core at the end of the turn.
    ///
    /// # Errors
    /// Its link is gone, or more waits for it than the item's lane takes.
    pub fn say(&mut self, entry: u16, item: &Item, ring: &impl Ring) -> Result<(), LinkDrop> {
        let conn = self.entries[place(entry)].ok_or(LinkDrop::NoLink)?;
        let (line, _) = self.links.get_mut(&conn).ok_or(LinkDrop::NoLink)?;
        line.say(item, ring.outbox_len(conn))
    }

    /// Says something to every entry of this core, however much waits for it.
    pub fn say_to_entries(&mut self, item: &Item, ring: &impl Ring) {
        for entry in 0..ENTRIES_PER_CORE_MAX {
            if self.entries[place(entry)].is_none() {
                continue;
            }
            // An entry whose link is going is told when it has the next.
            let _ = self.say(entry, item, ring);
        }
    }

    /// How many items came since the last call that were of a later release, and came to nothing.
    pub fn take_skipped(&mut self) -> u64 {
        self.links.values_mut().map(|(line, _)| line.link().take_skipped()).sum()
    }

    /// Writes what was said this turn.
    pub fn flush(&mut self, ring: &mut impl Ring) {
        for (conn, (line, _)) in &mut self.links {
            write(*conn, line, ring);
        }
    }

    /// Asks silent peers, and ends links that are dead.
    pub fn look_after(&mut self, now_ms: u64, ring: &mut impl Ring) {
        for (conn, (line, _)) in &mut self.links {
            if !line.look_after(now_ms) {
                ring.close_now(*conn);
            }
        }
    }
}

fn place(entry: u16) -> usize {
    usize::from(entry % ENTRIES_PER_CORE_MAX)
}
