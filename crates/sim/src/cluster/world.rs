//! Everything that is not a process: true time, what is under way, the store, and the judge. It carries actions out and
//! brings about what follows.

use super::client::{Client, PARTITIONS, conversations, users};
use super::clock::Clock;
use super::ends::{Link, Payload, Who};
use super::event::Event;
use super::gateway::Gateway;
use super::groups;
use super::judge::Judge;
use super::node::{Arrival, Node, Shared, address_of};
use super::people::People;
use super::plant::Plant;
use super::sockets::Address;
use super::statements::Open;
use super::store::{Statement, Store};
use super::weather::{STATEMENT_TIMEOUT_US, Weather};
use crate::random::Random;
use gateway::auth::Auth;
use gateway::backend::remote::Cluster;
use link::{Secret, Terms, Versions};
use logic::cluster::Settings;
use netring::ConnId;
use netring::names::Names;
use shard::owner::NodeId;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use wire::{ConversationId, DeviceId, Uid};

/// How often a core of a node looks at its timers, in µs.
const TIMERS_EVERY_US: u64 = 50_000;
/// How far the wall clocks of hosts are off either way, in µs, at most: as NTP leaves them at its worst, or by an hour.
const APART_US_MAX: [u64; 2] = [3_000_000, 3_600_000_000];
/// How long a gateway sleeps, in µs, at most.
const TICK_US_MAX: u64 = 100_000;
/// Of what users send in a run with groups: what changes who is in one.
const CHANGES_PERMILLE: u64 = 80;
/// Gateways of a run.
const GATEWAYS: usize = 2;

/// A node's process and what was done to it.
pub struct NodeBody {
    /// What decides.
    pub node: Node,
    /// It is gone, with everything that reaches it.
    pub is_dead: bool,
    /// What reaches it waits until then, in µs.
    pub paused_until_us: u64,
    /// What reaches its core waits until then: the core stands still in a turn.
    pub stalled_until_us: u64,
    /// It reaches neither the store nor anybody else until then, in µs.
    pub cut_until_us: u64,
    pub(super) next_wake_us: u64,
}

/// A gateway's process.
pub struct GatewayBody {
    /// What decides.
    pub gateway: Gateway,
    /// It runs.
    pub is_up: bool,
    /// Its drain has to end by itself.
    pub is_judged: bool,
}

/// Who waits for a statement.
pub(super) enum Asker {
    /// The task that keeps the lease, in a life of its node.
    Ownership(u64, Statement),
    /// A store.
    Store(Arc<Open>),
}

pub(super) struct Pending {
    pub(super) process: usize,
    pub(super) asker: Asker,
    /// Neither answered nor given up.
    pub(super) is_open: bool,
}

/// One run.
pub struct World {
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) now_us: u64,
    /// When faults end.
    pub(super) heal_us: u64,
    /// The store answers nobody until then, in µs.
    pub(super) store_away_until_us: u64,
    pub(super) nodes: Vec<NodeBody>,
    pub(super) gateways: Vec<GatewayBody>,
    pub(super) clients: Vec<Client>,
    /// The connection of each device, and whether it dials.
    pub(super) connections: Vec<Option<usize>>,
    pub(super) links: Vec<Link>,
    /// The connection, and the end of it, that a process has under a name.
    pub(super) conns: BTreeMap<(Who, ConnId), (usize, usize)>,
    /// How far the wall clock of a host may be off either way.
    pub(super) apart_us: u64,
    pub(super) clocks: BTreeMap<NodeId, Clock>,
    pub(super) users: Vec<Uid>,
    /// The groups of this run; half of all runs have none.
    pub(super) groups: Vec<ConversationId>,
    pub(super) auth: Arc<Auth>,
    pub(super) judge: Judge,
    pub(super) store: Store,
    pub(super) shared: Shared,
    /// The next fault comes when so many acks were given, or at this time in µs, whichever is first.
    pub(super) next_fault: (u64, u64),
    /// The newest process of each node.
    pub(super) newest: BTreeMap<NodeId, usize>,
    /// The process that answers at an address.
    pub(super) addresses: BTreeMap<Address, usize>,
    /// Where gateways look for nodes.
    names: Names,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) statements_made: u64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    pub(super) events: BTreeMap<u64, Event>,
    events_made: u64,
    /// When each device is to be called next.
    client_timers: Vec<u64>,
}

impl World {
    /// Three nodes, two gateways and some devices that are about to start, and bad weather.
    #[must_use]
    pub fn new(seed: u64, plant: Plant, people: &People) -> Self {
        let mut random = Random::new(seed);
        let heal_us = random.between(3_000_000, 15_000_000);
        let weather = Weather::draw(&mut random);
        let apart_us = random.pick(&APART_US_MAX).expect("there are some");
        let users = users();
        let groups: Vec<_> = if seed % 2 == 1 { groups::groups().collect() } else { vec![] };
        let mut devices: Vec<_> = users.iter().map(|uid| (*uid, DeviceId(1))).collect();
        devices.push((users[0], DeviceId(2)));
        let client = |(uid, device): (Uid, DeviceId)| {
            let own = conversations(&users).filter(|id| id.names(uid));
            let talks = own.chain(groups.iter().copied()).collect();
            Client::new((uid, device), people.token(uid), talks, &mut random)
        };
        let clients: Vec<Client> = devices.into_iter().map(client).collect();
        let mut world = Self {
            weather,
            apart_us,
            now_us: 0,
            heal_us,
            store_away_until_us: 0,
            nodes: Vec::new(),
            gateways: Vec::new(),
            connections: vec![None; clients.len()],
            client_timers: vec![u64::MAX; clients.len()],
            clients,
            links: Vec::new(),
            conns: BTreeMap::new(),
            clocks: BTreeMap::new(),
            users,
            groups,
            auth: people.auth.clone(),
            judge: Judge::default(),
            store: Store::new(plant),
            shared: Shared { settings: settings(plant), plant, terms: terms(1) },
            next_fault: (0, 0),
            newest: BTreeMap::new(),
            addresses: BTreeMap::new(),
            names: names(),
            pending: BTreeMap::new(),
            statements_made: 0,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            events_made: 0,
            random,
        };
        if !world.groups.is_empty() {
            groups::first_entries(&world.users).for_each(|row| world.store.begin_group(row));
        }
        (1..=3).for_each(|node| world.at(0, Event::Start(NodeId(node))));
        (0..GATEWAYS).for_each(|_| world.add_gateway());
        (0..world.clients.len()).for_each(|client| world.at(10_000, Event::Connect(client)));
        world.at(20_000, Event::Users);
        world.at(600_000, Event::Fault);
        world.at(heal_us + 1, Event::Drain(0));
        world
    }

    fn add_gateway(&mut self) {
        let clock = Clock::new(&mut self.random, self.apart_us);
        let gateway = self.new_gateway(clock);
        self.gateways.push(GatewayBody { gateway, is_up: true, is_judged: false });
        self.at(0, Event::Tick(self.gateways.len() - 1));
    }

    fn new_gateway(&mut self, clock: Clock) -> Gateway {
        let Shared { terms, .. } = self.shared_terms();
        let cluster = Cluster::new(terms, self.random.any(), self.names.clone());
        Gateway::new(clock, self.auth.clone(), &cluster, &mut self.random)
    }

    /// What a process that starts now shares with the others: it may be of the next release, which speaks a version more.
    pub(super) fn shared_terms(&mut self) -> Shared {
        let versions = 1 + u8::from(self.random.permille(300));
        Shared { terms: terms(versions), ..self.shared.clone() }
    }

    /// Makes something happen so many µs from now.
    pub fn at(&mut self, in_us: u64, event: Event) {
        self.events_made += 1;
        self.queue.push(Reverse((self.now_us + in_us, self.events_made)));
        self.events.insert(self.events_made, event);
    }

    /// The next thing happens; false if nothing ever will.
    pub fn turn(&mut self) -> bool {
        let Some(Reverse((at_us, number))) = self.queue.pop() else { return false };
        assert!(at_us >= self.now_us, "time goes forward");
        self.now_us = at_us;
        // What was held back is here no more.
        let Some(event) = self.events.remove(&number) else { return true };
        match event {
            Event::Start(node) => self.start(node),
            Event::Wake(index) => self.wake(index),
            Event::Timers(index) => {
                if !self.nodes[index].is_dead {
                    self.at(TIMERS_EVERY_US, Event::Timers(index));
                    self.turn_node(index, Arrival::Timers);
                }
            }
            Event::Ready(index) => self.turn_node(index, Arrival::Ready),
            Event::GoOn(index) => self.go_on(index),
            Event::Send(number) => self.send_statement(number),
            Event::Land(number, answer_in_us) => self.land(number, answer_in_us),
            Event::Answered(number, reply) => self.answer(number, reply),
            Event::Take(link, side) => self.take(link, side),
            Event::Ended(link, side) => self.ended(link, side),
            Event::StartGateway(index) => self.start_gateway(index),
            Event::Drain(index) => self.drain(index),
            Event::Tick(index) => self.tick(index),
            Event::Connect(client) => self.connect(client),
            Event::ClientTimer(client) => self.client_timer(client),
            Event::Users => self.users_send(),
            Event::Fault => self.fault(),
        }
        true
    }

    fn start_gateway(&mut self, index: usize) {
        let clock = self.gateways[index].gateway.clock();
        self.gateways[index].gateway = self.new_gateway(clock);
        self.gateways[index].is_up = true;
    }

    fn tick(&mut self, index: usize) {
        if self.gateways[index].is_up {
            self.gateways[index].gateway.tick(self.now_us);
            self.serve_sockets(Who::Gateway(index));
            self.end_drained(index);
        }
        let patience_us = self.gateways[index].gateway.patience_us();
        self.at(patience_us.min(TICK_US_MAX), Event::Tick(index));
    }

    fn connect(&mut self, client: usize) {
        let index = usize::from(self.random.permille(500));
        if !self.gateways[index].is_up {
            let in_us = self.clients[client].on_disconnected();
            return self.at(in_us, Event::Connect(client));
        }
        let link = self.connect_client(client, index);
        self.connections[client] = Some(link);
        let conn = self.links[link].ends[1].conn;
        self.gateways[index].gateway.connect(conn, self.now_us);
        self.serve_sockets(Who::Gateway(index));
        let bytes = self.clients[client].on_connected(self.now_us);
        self.say(link, 0, Payload::Bytes(bytes));
        self.look_after_client(client);
    }

    pub(super) fn client_lost(&mut self, client: usize) {
        self.connections[client] = None;
        let in_us = self.clients[client].on_disconnected();
        self.at(in_us, Event::Connect(client));
    }

    /// What a device says, or that it closes its connection.
    fn client_says(&mut self, client: usize, says: Option<Vec<u8>>) {
        let Some(link) = self.connections[client] else { return };
        match says {
            Some(bytes) if bytes.is_empty() => {}
            Some(bytes) => self.say(link, 0, Payload::Bytes(bytes)),
            None => {
                self.close(link, 0);
                self.client_lost(client);
            }
        }
        self.look_after_client(client);
    }

    pub(super) fn tell_client(&mut self, client: usize, link: usize, bytes: &[u8]) {
        if self.connections[client] == Some(link) {
            let says = self.clients[client].hear(bytes, self.now_us);
            self.client_says(client, says);
            if let Some(wrong) = self.clients[client].wrong() {
                let (uid, wrong) = (self.clients[client].uid, wrong.to_owned());
                self.judge.fail(|| format!("{uid}: {wrong}"));
            }
        }
    }

    fn look_after_client(&mut self, client: usize) {
        let Some(in_us) = self.clients[client].wake_in_us(self.now_us) else { return };
        if self.now_us + in_us < self.client_timers[client] {
            self.client_timers[client] = self.now_us + in_us;
            self.at(in_us, Event::ClientTimer(client));
        }
    }

    fn client_timer(&mut self, client: usize) {
        if self.client_timers[client] <= self.now_us {
            self.client_timers[client] = u64::MAX;
        }
        if self.connections[client].is_some() {
            let says = self.clients[client].on_timer(self.now_us);
            self.client_says(client, says);
        }
    }

    fn users_send(&mut self) {
        if self.now_us >= self.heal_us {
            return;
        }
        let in_us = self.random.between(20_000, 150_000);
        self.at(in_us, Event::Users);
        let client = self.random.between(0, self.clients.len() as u64);
        let client = usize::try_from(client).expect("few");
        if !self.groups.is_empty() && self.random.permille(CHANGES_PERMILLE) {
            return self.change_group(client);
        }
        let burst = if self.random.permille(100) { self.weather.burst } else { 1 };
        let count = self.random.between(1, burst + 1);
        let says = self.clients[client].send(count, self.now_us, &mut self.random);
        self.client_says(client, Some(says));
    }
}

impl World {
    /// Somebody wants another to be in a group, or not to be.
    fn change_group(&mut self, client: usize) {
        let group = self.random.pick(&self.groups).expect("there are some");
        let other = self.random.pick(&self.users).expect("there are some");
        let of = (group, other);
        let says = self.clients[client].change_group(of, self.now_us, &mut self.random);
        self.client_says(client, Some(says));
    }
}

/// Where gateways look for nodes: the fourth one is told of.
fn names() -> Names {
    let names = (1..=3).map(|node| address_of(NodeId(node))).collect();
    Names::look_up(names, |_, _| ()).expect("numbers need no thread")
}

/// Of links, for a process that speaks versions up to this one.
fn terms(newest: u8) -> Terms {
    let versions = Versions { min: 1, max: newest };
    Terms { versions, ..Terms::new("sim".into(), Secret::for_loopback()) }
}

/// As long as needed and no longer, so that a run sees many changes of owners.
fn settings(plant: Plant) -> Settings {
    let settings = Settings {
        lease_ms: 800,
        lease_over_ms: 840,
        write_timeout_ms: STATEMENT_TIMEOUT_US / 1_000,
        renew_every_ms: 250,
        read_every_ms: 80,
        owners_every_ms: 300,
        partitions: PARTITIONS,
    };
    assert_eq!(settings.check(), Ok(()), "a cluster would start with these");
    if plant == Plant::NoWaiting {
        return Settings { lease_over_ms: 160, write_timeout_ms: 0, ..settings };
    }
    settings
}
