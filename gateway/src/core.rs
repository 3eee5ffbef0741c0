//! One core: its net ring, and the loop that carries between transport, entry, backend and store.
//!
//! It does and does not decide: [`crate::entry`] says what a frame means, [`shard`] what
//! follows.

use crate::backend::{Backend, News, Post};
use crate::canary::{Ask, Canary, Traffic};
use crate::entry::{Do, Effects, Entry, Lost, SessionKey, Settings, Turn};
use crate::hear::{Site, hear};
use crate::metrics::CoreMetrics;
use crate::questions::{Question, Questions};
use crate::setup::Setup;
use crate::transport::sealing::{Sealing, Sockets};
use crate::transport::tcp::Tcp;
use crate::transport::{Channel, ChannelId, Outboxes};
use flume::Receiver;
use front::Security;
use link::{Change, Clocks, Own};
use netring::{CloseReason, ConnId, Event, NetRing};
use service::clock::unix_ms;
use service::exit::Fatal;
use service::lifecycle::State;
use service::mailbox::Directory;
use shard::command::Now;
use shard::rows::StoreError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use wire::RefusalCode;

/// How long a core sleeps at most: its tick.
const TICK: Duration = Duration::from_millis(250);

/// What a core is built of.
pub struct Parts {
    /// Its number, also its shard's.
    pub id: u16,
    /// What all cores share.
    pub setup: Setup,
    /// Its shard, or the way to where shards are.
    pub backend: Backend,
    /// The inbox's epoch.
    pub inbox_epoch: u64,
    /// Every core's mailbox.
    pub directory: Directory<Post>,
    /// What operators ask.
    pub questions: Receiver<Vec<Question>>,
}

/// One core of a gateway.
pub struct Core {
    id: usize,
    setup: Setup,
    metrics: Arc<CoreMetrics>,
    sockets: Sockets,
    tcp: Tcp<SessionKey>,
    entry: Entry,
    effects: Effects,
    backend: Backend,
    news: News,
    questions: Questions,
    canary: Canary,
    /// The session of the canary's round.
    canary_session: Option<SessionKey>,
    drain: Option<Drain>,
    now: Now,
    now_us: u64,
}

/// A drain under way.
struct Drain {
    /// When it gives up waiting, in ms of the core's clock.
    deadline_ms: u64,
    /// This core is counted among the quiet ones.
    is_quiet: bool,
}

impl Core {
    /// On the core's own thread.
    #[must_use]
    pub fn new(parts: Parts, (ring, bound): (NetRing, SocketAddr)) -> Self {
        let Parts { id, setup, mut backend, inbox_epoch, questions, .. } = parts;
        let config = setup.config.clone();
        let metrics = setup.metrics.core(id.into());
        backend.set_clients_at(config.advertise.unwrap_or(bound));
        let settings = Settings {
            id,
            entries: setup.shards(),
            clients_max: setup.connections_max(),
            login_timeout_ms: config.login_timeout_ms,
            heartbeat_ms: config.heartbeat_ms,
            connection_rate: config.connection_rate,
            drain_rate: config.drain_rate,
        };
        let (auth, shared) = (setup.auth.clone(), setup.shared.clone());
        let mut entry = Entry::new(settings, auth, shared, metrics.clone());
        entry.set_inbox_epoch(inbox_epoch);
        let tcp = Tcp::new(setup.security.clone());
        let now = Now { unix_ms: unix_ms(), mono_ms: 0 };
        let questions = Questions::new(questions, entry.open_own(now));
        Self {
            id: id.into(),
            setup,
            metrics,
            sockets: Sockets { ring, sealing: Sealing::default() },
            tcp,
            entry,
            effects: Effects::default(),
            backend,
            news: News::default(),
            questions,
            canary: Canary::new(config.canary_ms, rand::random()),
            canary_session: None,
            drain: None,
            now,
            now_us: 0,
        }
    }

    /// Serves until the process drains or the store fails.
    ///
    /// # Errors
    /// The ring or the store failed.
    pub async fn run(mut self) -> Result<(), Fatal> {
        self.metrics.shard_ready.set(1);
        loop {
            let patience = Duration::from_millis(self.backend.patience_ms(self.now).max(1));
            let patience = if self.tcp.waiting() > 0 { Duration::ZERO } else { patience };
            let waited = self.sockets.ring.wait(Some(TICK.min(patience))).await;
            waited.map_err(|e| Fatal::Environment(format!("could not wait for sockets: {e}")))?;
            self.turn();
            if let Some(error) = self.backend.failed() {
                return Err(self.store_failed(error).await);
            }
            if self.setup.shutdown.state() == State::Stopping || self.is_drained() {
                let closed = self.backend.close();
                return closed.map_err(|e| Fatal::Store(format!("could not close the store: {e}")));
            }
        }
    }

    fn turn(&mut self) {
        self.now_us = u64::try_from(self.setup.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.now = Now { unix_ms: unix_ms(), mono_ms: self.now_us / 1_000 };
        self.tcp.begin_turn();
        while let Some(conn) = self.tcp.next_waiting() {
            self.on_data(conn, &mut []);
        }
        while let Some(event) = self.sockets.ring.next_event() {
            self.on_event(event);
        }
        self.backend.poll(&mut self.news);
        self.turn_questions();
        self.turn_canary();
        self.settle();
        self.look_at_shutdown();
        self.with_entry(|entry, turn| entry.tick(turn));
        self.settle();
        self.seal_all();
        self.backend.flush(self.now, &mut self.sockets.ring);
        self.show();
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Accepted { conn } => self.on_accepted(conn),
            Event::Data { conn, chunk } if self.backend.has(conn) => {
                let out = (&mut self.sockets.ring, &mut self.news);
                self.backend.on_data(conn, chunk.bytes(), self.now, out);
            }
            Event::Data { conn, mut chunk } => self.on_data(conn, chunk.bytes_mut()),
            Event::Sent { conn } => {
                if let Some(key) = self.tcp.key(conn) {
                    self.with_entry(|entry, turn| entry.on_sent(key, turn));
                }
            }
            Event::Ended { conn } => match self.tcp.key(conn) {
                Some(key) => {
                    self.with_entry(|entry, turn| entry.on_ended(key, turn));
                }
                None => self.sockets.ring.close_now(conn),
            },
            Event::Closed { conn, .. } | Event::ConnectFailed { conn, .. }
                if self.backend.has(conn) =>
            {
                self.backend.on_closed(conn, self.now, &self.sockets.ring, &mut self.news);
            }
            Event::Closed { conn, reason } => self.on_closed(conn, reason),
            Event::Connected { conn } => self.backend.on_connected(conn, self.now),
            Event::ListenerError { error } => tracing::warn!(%error, "could not accept"),
            Event::AcceptPaused => tracing::warn!("every connection is taken; new ones wait"),
            Event::Written { write, result } => {
                self.backend.on_written(*write, result, &mut self.news);
                self.begin_writes();
            }
            Event::ConnectFailed { .. } | Event::Woken => {}
        }
    }

    fn on_accepted(&mut self, conn: ConnId) {
        let is_sealed = matches!(self.setup.security, Security::Require(_));
        let channel = Channel { is_sealed, ..Channel::of(conn) };
        if let Some(key) = self.with_entry(|entry, turn| entry.on_accepted(channel, turn)) {
            self.tcp.insert(conn, key);
        }
    }

    fn on_data(&mut self, conn: ConnId, piece: &mut [u8]) {
        let Self { tcp, entry, sockets, effects, now, now_us, setup, .. } = self;
        let mut turn = Turn { now: *now, now_us: *now_us, outboxes: sockets, effects };
        let site = Site { origins: &setup.config.origins.0, pages: setup.pages.as_deref() };
        let copied = hear((tcp, entry), (conn, piece), site, &mut turn);
        let copies = &self.metrics.body_copies_bytes;
        copies.of(crate::metrics::CopyStage::Reassembly).add(copied as u64);
        self.act();
    }

    fn on_closed(&mut self, conn: ConnId, reason: CloseReason) {
        let Some(key) = self.tcp.remove(conn) else { return };
        let lost = match reason {
            CloseReason::Eof => Lost::Peer,
            // Of what this side closed, the entry knows why.
            CloseReason::Local | CloseReason::Reset | CloseReason::Error(_) => Lost::Socket,
        };
        self.with_entry(|entry, turn| entry.on_closed(key, lost, turn));
    }

    /// Calls the entry, and does what it wants done.
    fn with_entry<T>(&mut self, call: impl FnOnce(&mut Entry, &mut Turn<'_, Sockets>) -> T) -> T {
        let Self { entry, sockets, effects, now, now_us, .. } = self;
        let mut turn = Turn { now: *now, now_us: *now_us, outboxes: sockets, effects };
        let result = call(entry, &mut turn);
        self.act();
        result
    }

    /// Does what the entry wants done, until nothing follows.
    fn act(&mut self) {
        loop {
            let mut channels = std::mem::take(&mut self.effects.channels);
            channels.drain(..).for_each(|(channel, what)| self.act_on(channel, what));
            self.effects.channels = channels;
            for (command, reply) in self.effects.commands.drain(..) {
                self.backend.submit(command, reply, self.now, &mut self.news);
            }
            for session in self.effects.withdrawn.drain(..) {
                self.backend.withdraw_login(session, &mut self.news);
            }
            let answers = std::mem::take(&mut self.effects.own);
            if answers.is_empty() {
                return;
            }
            for (key, request_id, answer) in answers {
                if self.canary_session == Some(key) {
                    let asks = self.canary.on_answer(request_id, &answer, self.now);
                    self.ask_for_canary(asks);
                } else if self.questions.session() == key {
                    let context = self.entry.context(self.now);
                    self.questions.on_answer(request_id, (answer, context));
                }
            }
        }
    }

    fn act_on(&mut self, channel: Channel, what: Do) {
        let conn = channel.conn();
        match what {
            Do::Close(why) => {
                self.part(channel, why);
                self.sockets.ring.close(conn);
            }
            Do::CloseNow => self.sockets.ring.close_now(conn),
            Do::Pause => {
                // What is not sealed yet is not seen to be waiting.
                self.seal(channel.id);
                self.sockets.ring.pause(conn);
                self.sockets.ring.notify_sent(conn);
            }
            Do::Resume => self.sockets.ring.resume(conn),
        }
    }

    /// The last word of what carries frames, and of what seals it.
    fn part(&mut self, channel: Channel, why: Option<RefusalCode>) {
        let Self { sockets, tcp, .. } = self;
        if let Some(out) = sockets.outbox(channel) {
            tcp.part(channel, why, out.bytes);
        }
        if channel.is_sealed {
            self.seal(channel.id);
            if let Some(out) = self.sockets.ring.outbox(channel.conn()) {
                self.tcp.close(channel.conn(), out);
            }
        }
    }

    /// Seals what was written to a channel.
    fn seal(&mut self, id: ChannelId) {
        let Some(plain) = self.sockets.sealing.take(id) else { return };
        if let Some(out) = self.sockets.ring.outbox(id.conn()) {
            self.tcp.seal(id.conn(), &plain, out);
        }
        self.sockets.sealing.give_back(plain);
    }

    /// What this turn wrote goes out in as few records as it takes.
    fn seal_all(&mut self) {
        self.sockets.sealing.channels().into_iter().for_each(|id| self.seal(id));
    }

    /// Steps the backend, and tells the entry what it has, until nothing follows.
    fn settle(&mut self) {
        loop {
            self.backend.step(self.now, &mut self.news);
            self.begin_writes();
            while self.hear_backend() {}
            if !self.backend.has_work() {
                return;
            }
        }
    }

    fn begin_writes(&mut self) {
        self.news.writes.drain(..).for_each(|write| self.sockets.ring.write_file(write));
    }

    /// Tells the entry what the backend has; whether that was anything.
    fn hear_backend(&mut self) -> bool {
        if let Some(epoch) = self.news.inbox_epoch.take() {
            self.entry.set_inbox_epoch(epoch);
        }
        if let Some(clocks) = self.news.clocks.take() {
            self.hear_clocks(clocks);
        }
        let News { deliveries, late, register, .. } = &mut self.news;
        if deliveries.is_empty() && late.is_empty() && register.is_empty() {
            return false;
        }
        let mut deliveries = std::mem::take(deliveries);
        let (late, register) = (std::mem::take(late), std::mem::take(register));
        self.with_entry(|entry, turn| {
            deliveries.drain(..).for_each(|delivery| entry.on_answer(delivery, turn));
            late.iter().for_each(|delivery| entry.on_late(delivery, turn));
            if !register.is_empty() {
                entry.register(&register, turn);
            }
        });
        if self.news.deliveries.is_empty() {
            // To be filled again without an allocation.
            self.news.deliveries = deliveries;
        }
        true
    }

    /// Every core hears the same nodes, so one tells of them.
    fn hear_clocks(&mut self, (clocks, changes): (Clocks, Vec<Change>)) {
        self.entry.set_clock(clocks.told().map(|reading| reading.zero_ms));
        if self.id == 0 {
            changes.iter().for_each(Change::log);
            self.metrics.clock_apart_ms.set(clocks.farthest_ms());
            self.metrics.clock_wrong.set((clocks.own() != Own::Unsuspected).into());
            self.setup.clocks.store(Arc::new(clocks));
        }
    }

    fn turn_questions(&mut self) {
        let session = self.questions.session();
        for (command, number) in self.questions.arrived() {
            self.with_entry(|entry, turn| entry.ask_own(session, (command, Some(number)), turn));
        }
    }

    fn turn_canary(&mut self) {
        // A drain waits for what is under way, and begins nothing.
        if self.drain.is_none() {
            let (acks, pushes) = (self.metrics.acks.get(), self.metrics.pushes.get());
            let backend = &self.backend;
            let serves = |partition| backend.serves(partition);
            let asks = self.canary.tick(self.now, Traffic { acks, pushes }, serves);
            self.ask_for_canary(asks);
            self.act();
        }
    }

    fn ask_for_canary(&mut self, asks: Vec<Ask>) {
        let Self { entry, sockets, effects, now, now_us, canary_session, .. } = self;
        let mut turn = Turn { now: *now, now_us: *now_us, outboxes: sockets, effects };
        for ask in asks {
            match (ask, *canary_session) {
                (Ask::Begin, _) => *canary_session = Some(entry.open_own(*now)),
                (Ask::Request(command, request_id), Some(key)) => {
                    entry.ask_own(key, (command, request_id), &mut turn);
                }
                (Ask::End, Some(key)) => {
                    entry.close_own(key, &mut turn);
                    *canary_session = None;
                }
                (Ask::Request(..) | Ask::End, None) => unreachable!("a round begins first"),
            }
        }
    }

    fn show(&mut self) {
        let stats = self.sockets.ring.stats();
        let metrics = &self.metrics;
        let age_ms = self.setup.metrics.age_ms();
        metrics.last_tick_ms.set(age_ms);
        metrics.canary_failing.set(self.canary.is_failing().into());
        let canary_age_ms = |ok_ms| age_ms.saturating_sub(self.now.mono_ms - ok_ms);
        metrics.canary_ok_ms.set(self.canary.ok_ms().map_or(0, canary_age_ms));
        metrics.connections.set(self.entry.clients() as u64);
        metrics.polls_waiting.set(self.entry.polls_waiting() as u64);
        metrics.tls_waiting.set(self.tcp.waiting() as u64);
        metrics.users_online.set(self.entry.users_online());
        self.backend.show(self.now, metrics);
        if let Some(first) = self.backend.damaged().first() {
            self.setup.damage[self.id].get_or_init(|| first.clone());
        }
        metrics.ring_enters.set(stats.enters);
        metrics.ring_recv_chunks.set(stats.recv_chunks);
        metrics.ring_sends.set(stats.sends);
        metrics.ring_out_of_buffers.set(stats.out_of_buffers);
        metrics.ring_sleeps.set(stats.sleeps);
        metrics.bytes_in.set(stats.bytes_in);
        metrics.bytes_out.set(stats.bytes_out);
    }

    fn look_at_shutdown(&mut self) {
        if self.setup.shutdown.state() == State::Running || self.drain.is_some() {
            return;
        }
        let now_ms = self.now.mono_ms;
        let deadline_ms = now_ms + self.setup.config.drain_timeout_ms;
        self.drain = Some(Drain { deadline_ms, is_quiet: false });
        self.entry.drain(now_ms);
    }

    /// Nothing of this core, nor of the others, waits for anything any more; or it waited long
    /// enough.
    fn is_drained(&mut self) -> bool {
        let is_quiet = self.entry.clients() == 0 && self.backend.is_idle();
        let Some(drain) = &mut self.drain else { return false };
        if is_quiet != drain.is_quiet {
            drain.is_quiet = is_quiet;
            if is_quiet {
                self.setup.quiet.fetch_add(1, Ordering::AcqRel);
            } else {
                self.setup.quiet.fetch_sub(1, Ordering::AcqRel);
            }
        }
        let all = self.setup.quiet.load(Ordering::Acquire) == usize::from(self.setup.shards());
        all || self.now.mono_ms >= drain.deadline_ms
    }

    /// The last word to the clients, then the end: a restart finds what was acknowledged.
    async fn store_failed(mut self, error: StoreError) -> Fatal {
        self.metrics.store_failing.set(1);
        // One more turn of the ring writes the refusals; a peer that does not read is not waited
        // for.
        let _ = self.sockets.ring.wait(Some(Duration::from_millis(1))).await;
        self.setup.shutdown.stop();
        Fatal::Store(format!(
            "{error}; mend the disk and start again: what was acknowledged is stored"
        ))
    }
}
