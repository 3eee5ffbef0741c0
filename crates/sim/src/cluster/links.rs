//! What becomes of links: of clients with gateways, of gateways with nodes, of nodes with each other.

use super::ends::{End, Link, Payload, Who};
use super::event::Event;
use super::node::{Action, Arrival};
use super::world::World;
use link::Item;
use netring::ConnId;
use shard::owner::NodeId;
use std::collections::VecDeque;

/// How long an end may take to learn that its link is broken, in µs.
const LEARNS_US_MAX: u64 = 1_500_000;
/// How long a gateway waits before it dials a node again, in µs, at most.
const DIAL_AGAIN_US_MAX: u64 = 300_000;

impl World {
    /// A connection is there, from now on.
    pub(super) fn link(&mut self, from: Who, to: Who) -> usize {
        let end = |who| End { who, is_open: true, queue: VecDeque::new(), last_us: 0 };
        self.links.push(Link { ends: [end(from), end(to)], is_broken: false });
        self.links.len() - 1
    }

    /// The name that a gateway has for a client's connection.
    pub(super) fn conn_of(link: usize) -> ConnId {
        ConnId::new(0, u32::try_from(link).expect("a run is short"), 1)
    }

    /// An end says something.
    pub(super) fn say(&mut self, link: usize, side: usize, payload: Payload) {
        let Link { ends, is_broken } = &self.links[link];
        if *is_broken || !ends[side].is_open {
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
        self.links[link].ends[side].is_open = false;
    }

    /// It breaks.
    pub(super) fn break_link(&mut self, link: usize) {
        if std::mem::replace(&mut self.links[link].is_broken, true) {
            return;
        }
        for side in 0..2 {
            let in_us = self.random.between(0, LEARNS_US_MAX);
            self.at(in_us, Event::Ended(link, side));
        }
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

    /// What is next on its way to an end arrives there.
    pub(super) fn take(&mut self, link: usize, side: usize) {
        let End { who, is_open, .. } = self.links[link].ends[side];
        let from = self.links[link].ends[1 - side].who;
        if is_open && let Some(until_us) = self.busy_until_us(who) {
            return self.at(until_us - self.now_us, Event::Take(link, side));
        }
        let Some(payload) = self.links[link].ends[side].queue.pop_front() else { return };
        if !is_open {
            return;
        }
        match (who, payload) {
            (_, Payload::End) => self.ended(link, side),
            (Who::Client(index), Payload::Bytes(bytes)) => self.tell_client(index, link, &bytes),
            (Who::Gateway(index), Payload::Bytes(bytes)) => {
                let conn = Self::conn_of(link);
                let does = self.gateways[index].gateway.hear(conn, &bytes, self.now_us);
                self.carry_out_all(index, does);
            }
            (Who::Gateway(index), Payload::Item(item)) => {
                let Who::Node(node) = from else { unreachable!("clients say bytes") };
                let node = self.nodes[node].node.id;
                if self.gateways[index].links.get(&node) == Some(&link) {
                    let does = self.gateways[index].gateway.on_item(node, item, self.now_us);
                    self.carry_out_all(index, does);
                }
            }
            // A link answers by itself.
            (Who::Node(index), Payload::Item(Item::Ping(number))) => {
                let unix_ms = self.nodes[index].node.clock.now(self.now_us).unix_ms;
                self.say(link, side, Payload::Item(Item::Pong { number, unix_ms }));
            }
            (Who::Node(index), Payload::Item(item)) => {
                let entry = self.nodes[index].entries.iter().find(|entry| *entry.1 == link);
                let arrival = match (from, entry.map(|entry| *entry.0)) {
                    (Who::Gateway(_), Some(entry)) => {
                        self.judge.asks(entry, &item);
                        Arrival::Entry(entry, item)
                    }
                    (Who::Gateway(_), None) => return,
                    (Who::Node(_) | Who::Client(_), _) => Arrival::Node(item),
                };
                self.turn_node(index, arrival);
            }
            (who, payload) => unreachable!("{who:?} is told {payload:?}"),
        }
    }

    /// An end learns that its link is gone.
    pub(super) fn ended(&mut self, link: usize, side: usize) {
        let End { who, is_open, .. } = self.links[link].ends[side];
        if !is_open {
            return;
        }
        if let Some(until_us) = self.busy_until_us(who) {
            return self.at(until_us - self.now_us, Event::Ended(link, side));
        }
        self.links[link].ends[side].is_open = false;
        match who {
            Who::Client(index) => self.client_lost(index),
            Who::Gateway(index) => self.gateway_lost(index, link),
            Who::Node(index) => {
                let entries = &mut self.nodes[index].entries;
                let gone = entries.extract_if(.., |_, of| *of == link).next();
                if let Some((entry, _)) = gone {
                    self.turn_node(index, Arrival::EntryGone(entry));
                }
            }
        }
    }

    fn gateway_lost(&mut self, index: usize, link: usize) {
        let links = &mut self.gateways[index].links;
        let node = links.iter().find(|known| *known.1 == link).map(|known| *known.0);
        let does = if let Some(node) = node {
            links.remove(&node);
            let in_us = self.random.between(1_000, DIAL_AGAIN_US_MAX);
            self.at(in_us, Event::Dial(index, node));
            self.gateways[index].gateway.link_down(node, self.now_us)
        } else {
            self.gateways[index].gateway.lose(Self::conn_of(link), self.now_us)
        };
        self.carry_out_all(index, does);
    }

    /// A gateway dials a node, and tries again later if that fails.
    pub(super) fn dial(&mut self, index: usize, node: NodeId) {
        if self.gateways[index].links.contains_key(&node) {
            return;
        }
        let body = self.addresses.get(&node).copied();
        let body = body.filter(|body| self.is_reached(*body));
        let Some(body) = body.filter(|_| self.gateways[index].is_up) else {
            let in_us = self.random.between(1_000, DIAL_AGAIN_US_MAX);
            return self.at(in_us, Event::Dial(index, node));
        };
        let link = self.link(Who::Gateway(index), Who::Node(body));
        self.gateways[index].links.insert(node, link);
        self.entries_made = self.entries_made.wrapping_add(1);
        let entry = self.entries_made;
        self.nodes[body].entries.insert(entry, link);
        self.turn_node(body, Arrival::EntryCame(entry));
        let does = self.gateways[index].gateway.link_up(node, self.now_us);
        self.carry_out_all(index, does);
    }

    /// A node says something to another one: over the link that it has, or a new one.
    pub(super) fn say_to_node(&mut self, from: usize, to: NodeId, item: Item) {
        let is_mail = matches!(item, Item::Mail(..));
        if is_mail && self.random.permille(self.weather.dropped) {
            return;
        }
        let link = self.nodes[from].peers.get(&to).copied();
        let link = link.filter(|link| self.links[*link].ends[0].is_open);
        let link = match (link, self.addresses.get(&to).copied()) {
            (Some(link), _) => link,
            (None, Some(body)) if self.is_reached(body) && self.is_reached(from) => {
                let link = self.link(Who::Node(from), Who::Node(body));
                self.nodes[from].peers.insert(to, link);
                link
            }
            (None, _) => return,
        };
        self.say(link, 0, Payload::Item(item));
    }

    /// A node says something to an entry.
    pub(super) fn say_to_entry(&mut self, index: usize, entry: u16, item: Item) {
        let is_push = matches!(&item, Item::Delivery(delivery) if delivery.to.ticket == 0);
        if is_push && self.random.permille(self.weather.dropped) {
            return;
        }
        if let Some(link) = self.nodes[index].entries.get(&entry).copied() {
            self.say(link, 1, Payload::Item(item));
        }
    }

    pub(super) fn carry_out_of_links(&mut self, index: usize, action: Action) {
        match action {
            Action::ToEntry(entry, item) => {
                if let Item::Delivery(delivery) = &item {
                    self.judge.says(&self.store, delivery, &self.users);
                }
                self.say_to_entry(index, entry, item);
            }
            Action::ToEntries(item) => {
                let entries: Vec<u16> = self.nodes[index].entries.keys().copied().collect();
                for entry in entries {
                    self.say_to_entry(index, entry, item.clone());
                }
            }
            Action::ToNode(to, item) => self.say_to_node(index, to, item),
            Action::Ask(..) | Action::Begin(..) | Action::Stop | Action::Step(_) | Action::Left => {
                unreachable!("it is said to nobody")
            }
        }
    }
}
