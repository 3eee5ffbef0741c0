//! One core of a node: its ring, its links, its partitions, and the loop that drives them.
//!
//! A command is done by the core that has its partition; an answer goes through the core that has
//! the entry's link. Between cores are mailboxes.

use super::limits::TIMERS_EVERY_MS;
use super::links::{From, Heard, Links};
use super::metrics::{CoreMetrics, Reason};
use super::owners::Owners;
use super::ownership::Told;
use super::post::{Control, Post};
use super::rounds::Rounds;
use super::routing::Routing;
use super::slots::{Output, Slots};
use crate::cluster;
use crate::cql::{CqlClient, CqlStore};
use crate::fence::Fence;
use arc_swap::ArcSwap;
use flume::{Receiver, Sender, TrySendError};
use link::dial::Dialer;
use link::{Clocks, Item, LinkDrop, Reach};
use netring::{Event, NetRing};
use service::clock::unix_ms;
use service::exit::Fatal;
use service::lifecycle::{Shutdown, State};
use service::mailbox::{Directory, Outgoing};
use service::metrics::Metrics;
use shard::command::{Answer, Command, Delivery, Input, Mail, Now, ReplyTo};
use shard::owner::{Epoch, NodeId};
use shard::partition::Partition;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a core sleeps at most.
const TICK: Duration = Duration::from_millis(TIMERS_EVERY_MS);

/// What a core is built of.
pub struct Parts {
    /// Its number.
    pub id: u16,
    /// How many there are.
    pub cores: u16,
    /// This node.
    pub node: NodeId,
    /// The inboxes' epoch, for the entries.
    pub inbox_epoch: u64,
    /// Every core's mailbox.
    pub directory: Directory<Post>,
    /// Its own.
    pub mailbox: Receiver<Vec<Post>>,
    /// Its links.
    pub links: Links,
    /// Its links to other nodes.
    pub dialer: Dialer,
    /// Its partitions.
    pub slots: Slots,
    /// What it knows of owners.
    pub owners: Owners,
    /// The numbers of all cores.
    pub metrics: Arc<Metrics<CoreMetrics>>,
    /// The state of the process.
    pub shutdown: Shutdown,
    /// Until when its process may serve. What a store commits under is the fence of the life that began it.
    pub fence: Arc<Fence>,
    /// Links to entries, of all cores.
    pub entries: Arc<AtomicUsize>,
    /// Where the first core shows how far clocks are apart.
    pub clocks: Arc<ArcSwap<Clocks>>,
    /// What it has only as part of a cluster.
    pub cluster: Option<Cluster>,
}

/// What a core has only if its node is part of a cluster.
pub struct Cluster {
    /// Where its partitions' stores are.
    pub client: Arc<CqlClient>,
    /// From the task that keeps the lease.
    pub controls: Receiver<Control>,
    /// To it.
    pub told: Sender<Told>,
    /// Partitions whose store has something.
    pub ready: (Sender<Partition>, Receiver<Partition>),
    /// What is told to Redis, if there is one.
    pub routing: Option<Routing>,
}

/// One core, with everything that it owns.
pub struct Core {
    pub(super) parts: Parts,
    pub(super) metrics: Arc<CoreMetrics>,
    pub(super) ring: NetRing,
    outgoing: Outgoing<Post>,
    output: Output,
    rounds: Rounds,
    /// For the task that keeps the lease, when it has room.
    untold: VecDeque<Told>,
    pub(super) now: Now,
    started: Instant,
    timers_ms: u64,
    store_in_flight: usize,
    /// Partitions whose routes are to be told again.
    pub(super) unrouted: VecDeque<Partition>,
    /// As entries were told last.
    pub(super) reach: Reach,
    /// The clocks of all, as the first core hears them, and when they are looked at next.
    pub(super) clocks: Clocks,
    pub(super) clocks_ms: u64,
}

impl Core {
    /// On the core's own thread.
    #[must_use]
    pub fn new(parts: Parts, ring: NetRing) -> Self {
        Self {
            metrics: parts.metrics.core(parts.id.into()),
            ring,
            outgoing: Outgoing::new(parts.directory.clone()),
            output: Output::default(),
            rounds: Rounds::default(),
            untold: VecDeque::new(),
            now: Now { unix_ms: unix_ms(), mono_ms: 0 },
            started: Instant::now(),
            timers_ms: 0,
            store_in_flight: 0,
            unrouted: VecDeque::new(),
            reach: Reach::default(),
            clocks: Clocks::default(),
            clocks_ms: 0,
            parts,
        }
    }

    /// Serves until the process stops.
    ///
    /// # Errors
    /// The ring or the store failed.
    pub async fn run(mut self) -> Result<(), Fatal> {
        self.metrics.ready.set(1);
        loop {
            let patience = if self.outgoing.is_empty() { TICK } else { Duration::from_millis(1) };
            let waited = self.ring.wait(Some(patience)).await;
            waited.map_err(|e| Fatal::Environment(format!("could not wait for sockets: {e}")))?;
            self.turn();
            let failed = self.parts.slots.whole_host().and_then(|host| host.shard().failed());
            if let Some(error) = failed {
                let text = format!("{error}; mend the disk and start again: nothing is lost");
                self.parts.shutdown.stop();
                return Err(Fatal::Store(text));
            }
            if self.parts.shutdown.state() == State::Stopping {
                return self.parts.slots.close().map_err(|e| Fatal::Store(e.to_string()));
            }
        }
    }

    fn turn(&mut self) {
        self.now = Now { unix_ms: unix_ms(), mono_ms: self.mono_ms(Instant::now()) };
        while let Some(event) = self.ring.next_event() {
            self.on_event(event);
        }
        while let Ok(batch) = self.parts.mailbox.try_recv() {
            batch.into_iter().for_each(|post| self.on_post(post));
        }
        self.hear_cluster();
        if self.now.mono_ms >= self.timers_ms {
            self.timers_ms = self.now.mono_ms + TIMERS_EVERY_MS;
            self.parts.slots.look_at_timers(self.now);
            self.store_in_flight = self.parts.slots.store_in_flight();
            self.parts.links.look_after(self.now.mono_ms, &mut self.ring);
            self.parts.dialer.look_after(self.now.mono_ms, &mut self.ring);
            let skipped = self.parts.links.take_skipped() + self.parts.dialer.take_skipped();
            self.metrics.dropped.of(Reason(LinkDrop::Unknown)).add(skipped);
            self.look_after_routes();
            self.say_reach();
            self.look_at_clocks();
        }
        self.step();
        self.parts.links.flush(&mut self.ring);
        self.parts.dialer.flush(&mut self.ring);
        self.outgoing.flush();
        self.tell();
        self.show();
    }

    /// A moment on this core's clock.
    pub(super) fn mono_ms(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn on_event(&mut self, event: Event) {
        let now_ms = self.now.mono_ms;
        let mut heard = Vec::new();
        match event {
            Event::Accepted { conn } => {
                self.parts.links.on_accepted(conn, now_ms, &mut self.ring);
            }
            Event::Connected { conn } => self.parts.dialer.on_connected(conn, now_ms),
            Event::Data { conn, chunk } if self.parts.dialer.has(conn) => {
                // A node that was dialed says nothing over that link but that it lives.
                self.parts.dialer.on_data(conn, chunk.bytes(), self.now, &mut self.ring);
            }
            Event::Data { conn, chunk } => {
                let links = &mut self.parts.links;
                heard = links.on_data(conn, chunk.bytes(), self.now, &mut self.ring);
            }
            Event::Closed { conn, .. } | Event::ConnectFailed { conn, .. } => {
                self.parts.dialer.on_closed(conn, now_ms);
                heard.extend(self.parts.links.on_closed(conn));
            }
            Event::ListenerError { error } => tracing::warn!(%error, "could not accept"),
            Event::AcceptPaused => tracing::warn!("every link is taken; new ones wait"),
            Event::Written { write, result } => {
                if let Some(host) = self.parts.slots.whole_host() {
                    host.on_written(*write, result);
                }
                self.touch_whole();
            }
            Event::Sent { .. } | Event::Ended { .. } | Event::Woken => self.touch_whole(),
        }
        self.on_heard(heard);
    }

    /// The embedded store may have something whenever the core is woken.
    fn touch_whole(&mut self) {
        if self.parts.cluster.is_none() {
            self.parts.slots.touch(Partition::FIRST);
        }
    }

    fn on_heard(&mut self, heard: Vec<Heard>) {
        for heard in heard {
            match heard {
                Heard::Refused => self.metrics.links_refused.inc(),
                Heard::EntryCame(entry) => {
                    self.parts.entries.fetch_add(1, Ordering::Relaxed);
                    let (owners, ring) = (&self.parts.owners, &self.ring);
                    let items = [
                        Item::InboxEpoch(self.parts.inbox_epoch),
                        Item::Nodes(owners.nodes().to_vec()),
                        Item::Reach(self.reach.clone()),
                        Item::Owners(owners.rows()),
                    ];
                    for item in items {
                        // An entry whose link is gone again is told by its next.
                        let _ = self.parts.links.say(entry, &item, ring);
                    }
                }
                Heard::EntryGone(entry) => {
                    self.parts.entries.fetch_sub(1, Ordering::Relaxed);
                    for core in 0..self.parts.cores {
                        self.post(core, Post::Gone(entry));
                    }
                }
                Heard::Items(from, items) => {
                    items.into_iter().for_each(|item| self.on_item(from, item));
                }
            }
        }
    }

    fn on_item(&mut self, from: From, item: Item) {
        match (from, item) {
            (From::Entry(entry), Item::Command { round, epoch, command, mut reply }) => {
                self.metrics.commands.inc();
                reply.session.entry = entry;
                self.route_command(&command, entry);
                self.post(
                    self.core_of(command.partition()),
                    Post::Command { round, epoch, command, reply },
                );
            }
            (From::Node, Item::Mail(partition, mail)) => {
                self.post(self.core_of(partition), Post::Mail(partition, mail));
            }
            (From::Node, Item::Told(row)) => {
                self.untold.push_back(Told::unasked(cluster::Input::Told(row)));
            }
            (From::Entry(entry), Item::ClientsAt(address)) => {
                let Ok(address) = address.parse() else { return };
                for core in 0..self.parts.cores {
                    self.post(core, Post::ClientsAt(entry, address));
                }
            }
            (From::Entry(entry), _) => {
                let heard = self.parts.links.expel(entry, &mut self.ring);
                self.on_heard(heard);
            }
            (From::Node, item) => tracing::warn!(?item, "a node said what is not for a node"),
        }
    }

    /// To a core, this one included.
    pub(super) fn post(&mut self, core: u16, post: Post) {
        if core == self.parts.id { self.on_post(post) } else { self.outgoing.post(core, post) }
    }

    fn on_post(&mut self, post: Post) {
        match post {
            Post::Command { round, epoch, command, reply } => {
                self.take(round, epoch, command, reply);
            }
            Post::Mail(partition, mail) => self.parts.slots.take_mail(partition, mail),
            Post::ClientsAt(entry, address) => {
                if let Some(routing) = self.routing() {
                    routing.entry_is_at(entry, address);
                }
            }
            Post::Gone(entry) => {
                if let Some(routing) = self.routing() {
                    routing.forget_entry(entry);
                }
                self.rounds.forget_entry(entry);
                self.parts.slots.forget_entry(entry);
            }
            Post::Clock(host, reading) => self.on_clock(host, reading),
            Post::NotHere { entry, round, partition } => {
                let item = Item::NotHere { round, partition };
                let said = self.parts.links.say(entry, &item, &self.ring);
                self.count_drop(said);
            }
            Post::Delivery(delivery) => {
                let entry = delivery.to.session.entry;
                if let Answer::LoggedIn { login, .. } = delivery.answer {
                    self.set_route(login, entry);
                }
                let said = self.parts.links.say(entry, &Item::Delivery(delivery), &self.ring);
                self.count_drop(said);
            }
        }
    }

    /// Hands a command to its shard, or refuses it where it would only wait.
    fn take(&mut self, round: u32, epoch: Epoch, command: Command, reply: ReplyTo) {
        let cluster = self.parts.cluster.as_ref();
        let is_broken = cluster.is_some_and(|cluster| cluster.client.breaker_is_open());
        if let Some((code, retry_after_ms)) = self.parts.slots.refusal(&command, is_broken) {
            let answer = Answer::Refused { code, retry_after_ms };
            return self.deliver(Delivery { to: reply, answer });
        }
        let partition = command.partition();
        let entry = reply.session.entry;
        let is_here = self.parts.fence.is_open() && self.parts.slots.serves(partition, epoch);
        let is_answered = reply.ticket != 0;
        if self.rounds.takes((entry, partition), round, is_here, is_answered) {
            self.parts.slots.take(partition, Input::Command(command, reply));
        } else if is_answered {
            self.metrics.not_here.inc();
            self.post(Links::core_of(entry), Post::NotHere { entry, round, partition });
        }
    }

    fn hear_cluster(&mut self) {
        let Some(cluster) = &self.parts.cluster else { return };
        let controls: Vec<Control> = cluster.controls.drain().collect();
        for partition in cluster.ready.1.drain() {
            self.parts.slots.touch(partition);
        }
        controls.into_iter().for_each(|control| self.on_control(control));
    }

    fn on_control(&mut self, control: Control) {
        match control {
            Control::Begin(partition, epoch, fence) => {
                let Cluster { client, ready, .. } =
                    self.parts.cluster.as_ref().expect("only a cluster's core is controlled");
                let (ready, directory) = (ready.0.clone(), self.parts.directory.clone());
                let core = usize::from(self.parts.id);
                let wake = move || {
                    // A partition that is not heard of now is looked at with the timers.
                    let _ = ready.try_send(partition);
                    directory.wake(core);
                };
                let store = CqlStore::open(client, partition, epoch, fence, Arc::new(wake));
                self.parts.slots.begin(partition, epoch, store);
            }
            Control::Stop(partition, epoch) => self.parts.slots.stop(partition, epoch),
            Control::Drop(partition, epoch) => self.parts.slots.drop_now(partition, epoch),
            Control::Owners(rows) => {
                self.parts.owners.learn(&rows);
                self.parts.links.say_to_entries(&Item::Owners(rows.to_vec()), &self.ring);
            }
            Control::Nodes(nodes) => {
                self.parts.owners.set_nodes(&nodes);
                let others = nodes.iter().filter(|it| it.node != self.parts.node);
                // A node looks its name up before it tells it.
                let places = others.filter_map(|it| Some((it.address.parse().ok()?, it.node)));
                self.parts.dialer.set_told(self.parts.node, places);
                self.parts.links.say_to_entries(&Item::Nodes(nodes.to_vec()), &self.ring);
            }
            Control::StoreClock { unix_ms, asked, answered } => {
                self.on_store_clock(unix_ms, asked, answered);
            }
            Control::Tell(row) => {
                let said = self.parts.dialer.say(row.holder.node, &Item::Told(row), &self.ring);
                self.count_drop(said);
            }
        }
    }

    /// Steps the shards until nothing follows, as long as this node may serve at all.
    fn step(&mut self) {
        while self.parts.fence.is_open() && self.parts.slots.is_touched() {
            let mut output = std::mem::take(&mut self.output);
            self.parts.slots.step(self.now, &mut output);
            self.write_log();
            for commit in output.commits.drain(..) {
                self.metrics.commit_seconds.observe_us(commit.micros);
                if commit.is_durable {
                    self.metrics.commits.inc();
                    self.metrics.commit_rows.add(commit.rows);
                }
            }
            for (partition, mail) in output.effects.mail.drain(..) {
                self.send_mail(partition, mail);
            }
            for delivery in output.effects.deliveries.drain(..) {
                self.deliver(delivery);
            }
            for (partition, epoch) in output.stopped.drain(..) {
                let stopped = cluster::Input::Stopped(partition, epoch);
                self.untold.push_back(Told::unasked(stopped));
            }
            self.output = output;
        }
    }

    fn write_log(&mut self) {
        let Some(host) = self.parts.slots.whole_host() else { return };
        if let Some(write) = host.next_write() {
            self.ring.write_file(write);
        }
    }

    fn send_mail(&mut self, partition: Partition, mail: Mail) {
        let owner = self.parts.owners.of(partition);
        if owner == Some(self.parts.node) {
            let core = self.core_of(partition);
            if core == self.parts.id || !mail.is_signal() || self.outgoing.has_room(core) {
                self.post(core, Post::Mail(partition, mail));
            }
        } else if let Some(owner) = owner {
            let said = self.parts.dialer.say(owner, &Item::Mail(partition, mail), &self.ring);
            self.count_drop(said);
        }
    }

    fn count_drop(&self, said: Result<(), LinkDrop>) {
        if let Err(reason) = said {
            self.metrics.dropped.of(Reason(reason)).inc();
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        if let Answer::Acked { .. } = delivery.answer {
            self.metrics.acks.inc();
        } else if let Answer::Refused { code, .. } = delivery.answer {
            self.metrics.refusals.of(code).inc();
        }
        self.post(Links::core_of(delivery.to.session.entry), Post::Delivery(delivery));
    }

    fn tell(&mut self) {
        let Some(cluster) = &self.parts.cluster else { return self.untold.clear() };
        while let Some(told) = self.untold.pop_front() {
            match cluster.told.try_send(told) {
                Ok(()) => {}
                Err(TrySendError::Full(told)) => return self.untold.push_front(told),
                // The task has ended: so does the process.
                Err(TrySendError::Disconnected(_)) => return self.untold.clear(),
            }
        }
    }

    fn core_of(&self, partition: Partition) -> u16 {
        partition.owner(self.parts.cores).0
    }

    fn show(&self) {
        let metrics = &self.metrics;
        metrics.last_tick_ms.set(self.parts.metrics.age_ms());
        metrics.partitions.set(self.parts.slots.len() as u64);
        metrics.store_in_flight.set(self.store_in_flight as u64);
        metrics.in_flight.set(self.parts.slots.in_flight() as u64);
        metrics.links.set((self.parts.links.open() + self.parts.dialer.open()) as u64);
    }
}
