//! What becomes of connections: of clients with gateways, of gateways with nodes, of nodes with each other. It carries bytes.

use super::ends::{End, Link, Payload, Who};
use super::event::Event;
use super::node::Arrival;
use super::sockets::{Address, Asked, Sockets};
use super::world::World;
use netring::ConnId;

/// How long an end may take to learn that its connection is broken, in µs.
const LEARNS_US_MAX: u64 = 1_500_000;

impl World {
    /// A client and a gateway are connected from now on.
    pub(super) fn connect_client(&mut self, client: usize, gateway: usize) -> usize {
        let link = self.links.len();
        // A client has one connection, and no name for it.
        let (from, conn) = (Who::Client(client), Self::accepted(link));
        self.add_link(Link::new((from, conn), (Who::Gateway(gateway), conn)));
        link
    }

    /// What whoever accepts it calls a connection.
    fn accepted(link: usize) -> ConnId {
        ConnId::new(0, u32::try_from(link).expect("a run is short"), 1)
    }

    fn add_link(&mut self, link: Link) {
        for (side, end) in link.ends.iter().enumerate() {
            self.conns.insert((end.who, end.conn), (self.links.len(), side));
        }
        self.links.push(link);
    }

    fn sockets(&mut self, who: Who) -> Option<&mut Sockets> {
        match who {
            Who::Client(_) => None,
            Who::Gateway(index) => Some(self.gateways[index].gateway.sockets()),
            Who::Node(index) => Some(self.nodes[index].node.sockets()),
        }
    }

    /// Does what a process wants of its sockets.
    pub(super) fn serve_sockets(&mut self, who: Who) {
        let crowded = self.weather.dropped;
        let Some(sockets) = self.sockets(who) else { return };
        sockets.set_crowded(crowded);
        for asked in sockets.take() {
            match asked {
                Asked::Dial(conn, address) => self.dial((who, conn), address),
                Asked::Send(conn, bytes) => {
                    let (link, side) = self.conns[&(who, conn)];
                    self.say(link, side, Payload::Bytes(bytes));
                }
                Asked::Close(conn) => {
                    let (link, side) = self.conns[&(who, conn)];
                    self.close(link, side);
                }
                Asked::CloseNow(conn) => {
                    let (link, side) = self.conns[&(who, conn)];
                    self.break_link(link);
                    self.close(link, side);
                }
            }
        }
    }

    /// A process dials the newest one at an address. One that is dead refuses.
    fn dial(&mut self, from: (Who, ConnId), address: Address) {
        let link = self.links.len();
        let node = self.addresses.get(&address).copied();
        let node = node.filter(|node| !self.nodes[*node].is_dead);
        // Who is not there has no process: nobody hears of this end.
        let to = Who::Node(node.unwrap_or(usize::MAX));
        self.add_link(Link::new(from, (to, Self::accepted(link))));
        if node.is_some() {
            self.say(link, 0, Payload::Opened);
        } else {
            let in_us = self.weather.packet(&mut self.random);
            let link = &mut self.links[link];
            (link.ends[1].is_open, link.is_broken) = (false, true);
            self.at(in_us, Event::Ended(self.links.len() - 1, 0));
        }
    }

    /// An end says something.
    pub(super) fn say(&mut self, link: usize, side: usize, payload: Payload) {
        let is_inner = self.links[link].is_inner();
        let mut pieces = vec![payload];
        if let [Payload::Bytes(bytes)] = &mut pieces[..] {
            if bytes.is_empty() {
                return;
            }
            if is_inner && self.random.permille(self.weather.damaged) {
                let at = self.random.between(0, bytes.len() as u64);
                let at = usize::try_from(at).expect("below a length");
                bytes[at] ^= 1 << self.random.between(0, 8);
            }
            if bytes.len() > 1 && self.random.permille(self.weather.split) {
                let at = self.random.between(1, bytes.len() as u64);
                let rest = bytes.split_off(usize::try_from(at).expect("below a length"));
                pieces.push(Payload::Bytes(rest));
            }
        }
        pieces.into_iter().for_each(|piece| self.send(link, side, piece));
    }

    /// A packet is under way.
    fn send(&mut self, link: usize, side: usize, payload: Payload) {
        let Link { ends, is_broken, is_silent } = &self.links[link];
        if *is_broken || *is_silent || !ends[side].is_open || ends[side].is_shut {
            return;
        }
        let until_us = ends.iter().map(|end| self.cut_until_us(end.who)).max().unwrap_or_default();
        let in_us = self.weather.packet(&mut self.random);
        let end = &mut self.links[link].ends[1 - side];
        let at_us = (self.now_us.max(until_us) + in_us).max(end.last_us);
        end.last_us = at_us;
        end.queue.push_back(payload);
        self.at(at_us - self.now_us, Event::Take(link, 1 - side));
    }

    fn cut_until_us(&self, who: Who) -> u64 {
        match who {
            Who::Node(index) => self.nodes[index].cut_until_us,
            Who::Client(_) | Who::Gateway(_) => 0,
        }
    }

    /// An end closes it; the other one has all that was said before.
    pub(super) fn close(&mut self, link: usize, side: usize) {
        self.say(link, side, Payload::End);
        let end = &mut self.links[link].ends[side];
        if end.is_open && !std::mem::replace(&mut end.is_shut, true) {
            self.at(0, Event::Ended(link, side));
        }
    }

    /// It breaks.
    pub(super) fn break_link(&mut self, link: usize) {
        let Link { is_broken, is_silent, .. } = self.links[link];
        if is_broken || is_silent {
            return;
        }
        self.links[link].is_broken = true;
        self.links[link].cut(&mut self.random);
        for side in 0..2 {
            let in_us = self.random.between(0, LEARNS_US_MAX);
            self.at(in_us, Event::Ended(link, side));
        }
    }

    /// Nothing goes through it any more, and nobody says so.
    pub(super) fn silence(&mut self, link: usize) {
        self.links[link].is_silent = true;
        self.links[link].cut(&mut self.random);
    }

    /// Every connection of a process that dies ends at once, there; the others learn of it.
    pub(super) fn break_links_of(&mut self, who: Who) {
        for link in 0..self.links.len() {
            for side in 0..2 {
                let end = &mut self.links[link].ends[side];
                if end.who == who && end.is_open {
                    end.is_open = false;
                    self.break_link(link);
                }
            }
        }
    }

    /// Every connection of a process that ends is closed.
    pub(super) fn close_links_of(&mut self, who: Who) {
        for link in 0..self.links.len() {
            for side in 0..2 {
                if self.links[link].ends[side].who == who && self.links[link].ends[side].is_open {
                    self.say(link, side, Payload::End);
                    self.links[link].ends[side].is_open = false;
                }
            }
        }
    }

    /// What is next on its way to an end arrives there.
    pub(super) fn take(&mut self, link: usize, side: usize) {
        let End { who, conn, is_open, is_shut, .. } = self.links[link].ends[side];
        if is_open && let Some(until_us) = self.busy_until_us(who) {
            return self.at(until_us - self.now_us, Event::Take(link, side));
        }
        let Some(payload) = self.links[link].ends[side].queue.pop_front() else { return };
        if !is_open || is_shut {
            return;
        }
        match (who, payload) {
            (_, Payload::End) => self.ended(link, side),
            (Who::Client(index), Payload::Bytes(bytes)) => self.tell_client(index, link, &bytes),
            (Who::Gateway(index), Payload::Bytes(bytes)) => {
                self.gateways[index].gateway.hear(conn, &bytes, self.now_us);
                self.serve_sockets(who);
            }
            (Who::Gateway(index), Payload::Opened) => {
                self.gateways[index].gateway.on_connected(conn, self.now_us);
                self.serve_sockets(who);
            }
            (Who::Node(index), Payload::Bytes(bytes)) => {
                self.turn_node(index, Arrival::Bytes(conn, bytes));
            }
            (Who::Node(index), Payload::Opened) if side == 1 => {
                self.say(link, side, Payload::Opened);
                self.turn_node(index, Arrival::Accepted(conn));
            }
            (Who::Node(index), Payload::Opened) => self.turn_node(index, Arrival::Connected(conn)),
            (Who::Client(_), Payload::Opened) => unreachable!("a client is connected at once"),
        }
    }

    /// An end learns that its connection is gone.
    pub(super) fn ended(&mut self, link: usize, side: usize) {
        let End { who, conn, is_open, .. } = self.links[link].ends[side];
        if !is_open {
            return;
        }
        if let Some(until_us) = self.busy_until_us(who) {
            return self.at(until_us - self.now_us, Event::Ended(link, side));
        }
        self.links[link].ends[side].is_open = false;
        match who {
            Who::Client(index) if self.connections[index] == Some(link) => self.client_lost(index),
            Who::Client(_) => {}
            Who::Gateway(index) => {
                self.gateways[index].gateway.lose(conn, self.now_us);
                self.serve_sockets(who);
            }
            Who::Node(index) => self.turn_node(index, Arrival::Closed(conn)),
        }
    }
}
