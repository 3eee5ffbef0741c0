//! One core: its net ring, its connections, its shard, its store, and the loop that drives them.
//!
//! It does and does not decide: [`crate::session`] says what a frame means, [`logic::shard`] what follows.

use crate::away::Away;
use crate::canary::{Ask, Canary, Traffic};
use crate::conn::Wheel;
use crate::connections::Connections;
use crate::limits::MAILBOX_RETRY_MS;
use crate::metrics::CoreMetrics;
use crate::post::Post;
use crate::rate::Rate;
use crate::serve::{Setup, connections_max};
use flume::Receiver;
use logic::command::{Answer, Command, Effects, Input, Login, Now, ReplyTo, Session as SessionId};
use logic::host::Host;
use logic::rows::StoreError;
use netring::{ConnId, FileWrite, NetRing};
use service::clock::unix_ms;
use service::exit::Fatal;
use service::lifecycle::State;
use service::mailbox::{Directory, Outgoing};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::{Scratch, Uid};

/// How long a core sleeps at most: its tick.
const TICK: Duration = Duration::from_millis(250);

/// What a core is built of.
pub struct Parts {
    /// Its number, also its shard's.
    pub id: u16,
    /// What all cores share.
    pub setup: Setup,
    /// Its shard, or the way to where shards are.
    pub logic: Logic,
    /// The inbox's epoch.
    pub inbox_epoch: u64,
    /// Every core's mailbox.
    pub directory: Directory<Post>,
    /// Its own.
    pub mailbox: Receiver<Vec<Post>>,
}

/// Where shards are.
#[allow(clippy::large_enum_variant, reason = "there is one a core")]
pub enum Logic {
    /// One of them is of this core, the others of the other cores.
    Here(Host),
    /// In other processes.
    Away(Box<Away>),
}

impl Logic {
    pub(crate) fn here(&mut self) -> Option<&mut Host> {
        if let Self::Here(host) = self { Some(host) } else { None }
    }

    pub(crate) fn away(&mut self) -> Option<&mut Away> {
        if let Self::Away(away) = self { Some(away) } else { None }
    }
}

/// See the module.
pub struct Core {
    pub(crate) id: u16,
    pub(crate) shards: u16,
    pub(crate) setup: Setup,
    pub(crate) metrics: Arc<CoreMetrics>,
    pub(crate) ring: NetRing,
    pub(crate) conns: Connections,
    pub(crate) wheel: Wheel,
    pub(crate) scratch: Scratch,
    pub(crate) outgoing: Outgoing<Post>,
    pub(crate) inbox_epoch: u64,
    /// Where clients connect, as others are told.
    pub(crate) clients_at: SocketAddr,
    pub(crate) now: Now,
    pub(crate) now_us: u64,
    pub(crate) connection_rate: Rate,
    pub(crate) user_rate: Rate,
    pub(crate) user_due_us: HashMap<Uid, u64>,
    pub(crate) users_online: u64,
    pub(crate) connections_max: usize,
    pub(crate) drain: Option<Drain>,
    pub(crate) logic: Logic,
    canary: Canary,
    effects: Effects,
    mailbox: Receiver<Vec<Post>>,
    started: Instant,
}

/// A drain under way.
pub(crate) struct Drain {
    /// When it gives up waiting, in ms of the core's clock.
    pub deadline_ms: u64,
    /// Who is still to be told.
    pub untold: VecDeque<ConnId>,
    /// Who was told, and when to close it if it is still there.
    pub leaving: VecDeque<(u64, ConnId)>,
    /// Told so far, and when the drain began.
    pub told: u64,
    pub started_ms: u64,
    /// This core is counted among the quiet ones.
    pub is_quiet: bool,
}

impl Core {
    /// On the core's own thread.
    #[must_use]
    pub fn new(parts: Parts, (ring, bound): (NetRing, SocketAddr)) -> Self {
        let config = parts.setup.config.clone();
        let metrics = parts.setup.metrics.core(parts.id.into());
        let now = Now { unix_ms: unix_ms(), mono_ms: 0 };
        Self {
            id: parts.id,
            shards: parts.setup.shards(),
            metrics,
            ring,
            conns: Connections::default(),
            wheel: Wheel::new(0),
            scratch: Scratch::default(),
            outgoing: Outgoing::new(parts.directory),
            inbox_epoch: parts.inbox_epoch,
            clients_at: config.advertise.unwrap_or(bound),
            now,
            now_us: 0,
            connection_rate: Rate::new(config.connection_rate),
            user_rate: Rate::new(config.user_rate),
            user_due_us: HashMap::new(),
            users_online: 0,
            connections_max: connections_max(&parts.setup),
            drain: None,
            logic: parts.logic,
            canary: Canary::new(config.canary_ms, rand::random()),
            effects: Effects::default(),
            mailbox: parts.mailbox,
            started: Instant::now(),
            setup: parts.setup,
        }
    }

    /// Serves until the process drains or the store fails.
    ///
    /// # Errors
    /// The ring or the store failed.
    pub async fn run(mut self) -> Result<(), Fatal> {
        self.metrics.shard_ready.set(1);
        loop {
            let waited = self.ring.wait(Some(self.patience())).await;
            waited.map_err(|e| Fatal::Environment(format!("could not wait for sockets: {e}")))?;
            self.turn();
            let failed = self.logic.here().and_then(|host| host.shard().failed().cloned());
            if let Some(error) = failed {
                return Err(self.store_failed(error).await);
            }
            if self.setup.shutdown.state() == State::Stopping || self.is_drained() {
                return self.close_store();
            }
        }
    }

    fn patience(&self) -> Duration {
        let timer = match &self.logic {
            Logic::Here(host) => host.shard().next_timer_ms(),
            Logic::Away(away) => Some(self.now.mono_ms + away.patience_ms()),
        };
        let timer = timer.map_or(u64::MAX, |at| at.saturating_sub(self.now.mono_ms));
        let retry = if self.outgoing.is_empty() { u64::MAX } else { MAILBOX_RETRY_MS };
        TICK.min(Duration::from_millis(timer.min(retry).max(1)))
    }

    fn turn(&mut self) {
        let elapsed = self.started.elapsed();
        self.now_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.now = Now { unix_ms: unix_ms(), mono_ms: self.now_us / 1_000 };
        while let Some(event) = self.ring.next_event() {
            self.on_event(event);
        }
        while let Ok(batch) = self.mailbox.try_recv() {
            batch.into_iter().for_each(|post| self.on_post(post));
        }
        self.poll_store();
        self.turn_canary();
        self.step();
        self.look_after_connections();
        self.step_drain();
        self.step();
        self.metrics.mailbox_full.add(self.outgoing.flush());
        self.show();
    }

    fn on_post(&mut self, post: Post) {
        match post {
            Post::Command(command, reply) => self.hand_in(Input::Command(command, reply)),
            Post::Mail(mail) => self.hand_in(Input::Mail(mail)),
            Post::Delivery(delivery) => self.deliver(delivery),
        }
    }

    fn hand_in(&mut self, input: Input) {
        self.logic.here().expect("only cores with shards are told").take(input);
    }

    fn poll_store(&mut self) {
        let metrics = &self.metrics;
        let Some(host) = self.logic.here() else { return };
        host.poll(|committed| {
            metrics.commit_seconds.observe_us(committed.micros);
            metrics.store_failing.set((!committed.is_durable).into());
            if committed.is_durable {
                metrics.commits.inc();
                metrics.commit_rows.add(committed.rows);
            }
        });
        self.write_log();
    }

    /// Steps the shard until what follows from its steps is done too.
    fn step(&mut self) {
        self.turn_away();
        while let Some(host) = self.logic.here() {
            let mut effects = std::mem::take(&mut self.effects);
            host.step(self.now, &mut effects);
            self.write_log();
            for (partition, mail) in effects.mail.drain(..) {
                self.outgoing.post(partition.owner(self.shards).0, Post::Mail(mail));
            }
            effects.deliveries.drain(..).for_each(|delivery| self.deliver(delivery));
            self.effects = effects;
            if !self.logic.here().is_some_and(|host| host.has_inputs()) {
                return;
            }
        }
    }

    /// Starts the write that the store wants, if it does.
    fn write_log(&mut self) {
        if let Some(write) = self.logic.here().and_then(Host::next_write) {
            self.ring.write_file(write);
        }
    }

    pub(crate) fn on_log_written(&mut self, write: FileWrite, result: io::Result<usize>) {
        self.logic.here().expect("only a shard here writes").on_written(write, result);
        self.write_log();
    }

    /// Sends a command to the shard that it belongs to.
    pub(crate) fn submit(&mut self, command: Command, reply: ReplyTo) {
        let now_ms = self.now.mono_ms;
        if let Some(away) = self.logic.away() {
            return away.submit(command, reply, now_ms);
        }
        let shard = command.partition().owner(self.shards).0;
        if shard == self.id {
            self.hand_in(Input::Command(command, reply));
        } else {
            self.outgoing.post(shard, Post::Command(command, reply));
        }
    }

    fn turn_canary(&mut self) {
        // A drain waits for what is under way, and begins nothing.
        if self.drain.is_none() {
            let (acks, pushes) = (self.metrics.acks.get(), self.metrics.pushes.get());
            let asks = self.canary.tick(self.now, Traffic { acks, pushes });
            self.submit_for_canary(asks);
        }
    }

    /// An answer or a push for the canary.
    pub(crate) fn on_canary(&mut self, conn: ConnId, request_id: u64, answer: &Answer) {
        let asks = self.canary.on_answer(conn.to_bits(), request_id, answer, self.now);
        self.submit_for_canary(asks);
    }

    fn submit_for_canary(&mut self, asks: Vec<Ask>) {
        for Ask { command, connection, request_id } in asks {
            let session = SessionId { entry: self.id, connection };
            self.submit(command, ReplyTo { session, request_id });
        }
    }

    /// How the shards name a connection of this entry.
    pub(crate) fn session_id(&self, conn: ConnId) -> SessionId {
        SessionId { entry: self.id, connection: conn.to_bits() }
    }

    /// Tells the user's shard that a session is over; nobody waits for the answer.
    pub(crate) fn log_out(&mut self, login: Login, conn: ConnId) {
        let reply = ReplyTo { session: self.session_id(conn), request_id: 0 };
        self.submit(Command::Logout(login), reply);
    }

    fn show(&mut self) {
        let stats = self.ring.stats();
        let metrics = &self.metrics;
        let age_ms = self.setup.metrics.age_ms();
        metrics.last_tick_ms.set(age_ms);
        metrics.canary_failing.set(self.canary.is_failing().into());
        let canary_age_ms = |ok_ms| age_ms.saturating_sub(self.now.mono_ms - ok_ms);
        metrics.canary_ok_ms.set(self.canary.ok_ms().map_or(0, canary_age_ms));
        metrics.connections.set(self.conns.len() as u64);
        metrics.users_online.set(self.users_online);
        match &self.logic {
            Logic::Here(host) => {
                metrics.store_in_flight.set(host.store_in_flight() as u64);
                metrics.shard_in_flight.set(host.shard().in_flight() as u64);
            }
            Logic::Away(away) => {
                metrics.shard_in_flight.set(away.pending() as u64);
                metrics.partitions_reachable.set(away.reachable() as u64);
            }
        }
        metrics.ring_enters.set(stats.enters);
        metrics.ring_recv_chunks.set(stats.recv_chunks);
        metrics.ring_sends.set(stats.sends);
        metrics.ring_out_of_buffers.set(stats.out_of_buffers);
        metrics.ring_sleeps.set(stats.sleeps);
        metrics.bytes_in.set(stats.bytes_in);
        metrics.bytes_out.set(stats.bytes_out);
    }

    /// Nothing of this core, nor of the others, waits for anything any more; or it waited long enough.
    fn is_drained(&mut self) -> bool {
        let is_idle = match &self.logic {
            Logic::Here(host) => host.shard().is_idle(),
            Logic::Away(away) => away.pending() == 0,
        };
        let is_quiet = self.conns.is_empty() && is_idle && self.outgoing.is_empty();
        let Some(drain) = &mut self.drain else { return false };
        if is_quiet != drain.is_quiet {
            drain.is_quiet = is_quiet;
            if is_quiet {
                self.setup.quiet.fetch_add(1, Ordering::AcqRel);
            } else {
                self.setup.quiet.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let all = self.setup.quiet.load(Ordering::Acquire) == usize::from(self.shards);
        all || self.now.mono_ms >= drain.deadline_ms
    }

    fn close_store(self) -> Result<(), Fatal> {
        let Logic::Here(mut host) = self.logic else { return Ok(()) };
        if host.shard().is_idle() {
            host.flush();
        }
        host.close().map_err(|e| Fatal::Store(format!("could not close the store: {e}")))
    }

    /// The last word to the clients, then the end: a restart finds what was acknowledged.
    async fn store_failed(mut self, error: StoreError) -> Fatal {
        self.metrics.store_failing.set(1);
        // One more turn of the ring writes the refusals; a peer that does not read is not waited for.
        let _ = self.ring.wait(Some(Duration::from_millis(1))).await;
        self.setup.shutdown.stop();
        Fatal::Store(format!(
            "{error}; mend the disk and start again: what was acknowledged is stored"
        ))
    }
}
