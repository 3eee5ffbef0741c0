//! The front of a core: sessions, what their frames ask, and what they are told. It takes what
//! happened and the time, writes frames into buffers that it is lent, and says what else is to be
//! done.
//!
//! It knows no socket and no ring, not where shards are, and not how bytes become frames.

pub mod slab;
pub mod session;
pub mod tickets;
pub mod wheel;
pub mod rate;
pub mod shared;
pub mod requests;
pub mod delivery;
mod polls;
mod beliefs;
mod ask;
mod call;
mod tell;
mod signals;
mod last_word;
mod end;
mod drain;
mod send_away;

pub use session::SessionKey;
pub use tickets::Ticket;

use crate::auth::Auth;
use crate::metrics::{CloseReason, CoreMetrics};
use crate::transport::{Carrier, Channel, Outboxes};
use beliefs::Beliefs;
use drain::Drain;
use last_word::LastWord;
use polls::Polls;
use rate::Rate;
use requests::Context;
use session::{Due, Mark, Session, Stage};
use shard::command::{Answer, Command, Now, ReplyTo, Session as SessionId};
use shard::order::Order;
use shard::partition::Partition;
use shared::Shared;
use signals::Signals;
use slab::Slab;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tickets::Tickets;
use wheel::Wheel;
use wire::{FRAME_BEFORE_LOGIN_BYTES_MAX, FRAME_BYTES_MAX, RefusalCode, Uid};

/// How a client's bytes are to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// What carries them.
    pub channel: Channel,
    /// How long a frame may be.
    pub frame_bytes_max: usize,
    /// Who is logged in; 0: nobody.
    pub user: Uid,
}

/// What an entry is made for.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Its number, as shards know it.
    pub id: u16,
    /// Entries of the process, among which a drain's rate is shared.
    pub entries: u16,
    /// Clients of this entry at most; those of the process are counted beside.
    pub clients_max: usize,
    /// How long a client may take to log in.
    pub login_timeout_ms: u64,
    /// How often clients are to be heard.
    pub heartbeat_ms: u64,
    /// Frames a second of a session; 0: no limit.
    pub connection_rate: u32,
    /// Clients of the process that are told of a drain, a second.
    pub drain_rate: u32,
}

/// What is to be done. Each list in order; whoever does it empties it.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be handed to the backend.
    pub commands: Vec<(Command, ReplyTo)>,
    /// Sessions that ended before their login was answered: it is to be withdrawn, after the
    /// commands.
    pub withdrawn: Vec<SessionId>,
    /// To be done to channels, after what was written to them.
    pub channels: Vec<(Channel, Do)>,
    /// What sessions of this process itself are told: by session, with the request's number.
    pub own: Vec<(SessionKey, u64, Answer)>,
}

/// What to do to a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Do {
    /// Close it once what was written is sent, for this reason; none: in order.
    Close(Option<RefusalCode>),
    /// Close it now.
    CloseNow,
    /// Receive nothing until everything is sent; [`Entry::on_sent`] follows.
    Pause,
    /// Receive again.
    Resume,
}

/// How a channel was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The peer closed it.
    Peer,
    /// It failed.
    Socket,
}

/// What the entry is lent for a call.
pub struct Turn<'a, O> {
    /// The clocks.
    pub now: Now,
    /// The monotonic one in us, which all entries of a process share.
    pub now_us: u64,
    /// Where frames are written.
    pub outboxes: &'a mut O,
    /// What is to be done.
    pub effects: &'a mut Effects,
}

/// The sessions of one core.
pub struct Entry {
    settings: Settings,
    auth: Arc<Auth>,
    metrics: Arc<CoreMetrics>,
    sessions: Slab<Session>,
    tickets: Tickets,
    wheel: Wheel,
    rate: Rate,
    signals: Signals,
    shared: Arc<Shared>,
    drain: Option<Drain>,
    /// Messages that were refused, and what is held back behind them.
    order: Order,
    /// What sessions that leave are told when nothing of theirs is under way any more.
    last_words: HashMap<SessionKey, LastWord>,
    polls: Polls,
    beliefs: Beliefs,
    inbox_epoch: u64,
    /// What the owners' clock showed at 0 of the monotonic one, Unix ms, if it is not this process's.
    clock_zero_ms: Option<i64>,
    users_online: u64,
    /// Sessions of the process itself.
    own: usize,
}

impl Entry {
    /// Without sessions, at 0 ms of the core's clock.
    #[must_use]
    pub fn new(
        settings: Settings,
        auth: Arc<Auth>,
        shared: Arc<Shared>,
        metrics: Arc<CoreMetrics>,
    ) -> Self {
        Self {
            settings,
            auth,
            metrics,
            sessions: Slab::default(),
            tickets: Tickets::default(),
            wheel: Wheel::new(0),
            rate: Rate::new(settings.connection_rate),
            signals: Signals::default(),
            shared,
            drain: None,
            order: Order::default(),
            last_words: HashMap::new(),
            polls: Polls::default(),
            beliefs: Beliefs::default(),
            inbox_epoch: 0,
            clock_zero_ms: None,
            users_online: 0,
            own: 0,
        }
    }

    /// Clients that are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.sessions.len() - self.own
    }

    /// Clients that are logged in.
    #[must_use]
    pub fn users_online(&self) -> u64 {
        self.users_online
    }

    /// Which inboxes clients are told of.
    pub fn set_inbox_epoch(&mut self, epoch: u64) {
        self.inbox_epoch = epoch;
    }

    /// Ids are judged by a clock that showed this at 0 of the monotonic one, Unix ms; nothing: by this process's, as far as is
    /// known.
    pub fn set_clock(&mut self, zero_ms: Option<i64>) {
        self.clock_zero_ms = zero_ms;
    }

    /// What clients are told to make ids by, Unix ms.
    fn server_time_ms(&self, now: Now) -> u64 {
        let Some(zero_ms) = self.clock_zero_ms else { return now.unix_ms };
        let shows_ms = i128::from(zero_ms) + i128::from(now.mono_ms);
        // A clock before 1970 reads as 1970.
        u64::try_from(shows_ms).unwrap_or(0)
    }

    /// What answers need beside themselves.
    #[must_use]
    pub fn context(&self, now: Now) -> Context {
        Context { inbox_epoch: self.inbox_epoch, server_time_ms: self.server_time_ms(now) }
    }

    /// A client came; none: there are too many, and it is told so.
    pub fn on_accepted<O: Outboxes>(
        &mut self,
        channel: Channel,
        turn: &mut Turn<'_, O>,
    ) -> Option<SessionKey> {
        if self.clients() >= self.settings.clients_max || !self.shared.admit() {
            self.turn_away(channel, turn);
            return None;
        }
        let now_ms = turn.now.mono_ms;
        let key = self.sessions.insert(Session::new(Some(channel), Stage::New, now_ms));
        self.wheel.place(key, now_ms + self.settings.login_timeout_ms);
        if self.drain.is_some() {
            self.end(key, RefusalCode::Draining, turn);
        }
        Some(key)
    }

    /// Bytes of a client came, a frame or a part of one. Returns how they are to be read.
    pub fn on_bytes(&mut self, key: SessionKey, now: Now) -> Option<Reading> {
        let session = self.sessions.get_mut(key)?;
        let mut frame_bytes_max = FRAME_BEFORE_LOGIN_BYTES_MAX;
        if session.stage() == Stage::Active {
            // Of a call nothing is heard before all of it is there.
            if !session.carrier.carries_calls() {
                session.hear(now.mono_ms);
            }
            frame_bytes_max = FRAME_BYTES_MAX;
        }
        let user = session.login().map_or(Uid(0), |login| login.uid);
        Some(Reading { channel: session.channel()?, frame_bytes_max, user })
    }

    /// It is known what carries a client's frames. Returns whether to read on.
    pub fn on_carrier(&mut self, key: SessionKey, carrier: Carrier) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return false };
        session.carrier = carrier;
        if matches!(carrier, Carrier::WebSocket | Carrier::Json) {
            self.metrics.upgrades.inc();
        }
        session.is_heard()
    }

    /// A client speaks TLS. Returns whether to read on.
    pub fn on_sealed(&mut self, key: SessionKey) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return false };
        session.mark(Mark::Sealed);
        session.is_heard()
    }

    /// The TLS handshake of a client is done. Returns whether to read on.
    pub fn on_agreed(&mut self, key: SessionKey) -> bool {
        self.metrics.tls_handshakes.inc();
        self.is_heard(key)
    }

    /// A ping came, which costs as much as a frame; where its answer goes, if its rate allows one.
    pub fn takes_ping(&mut self, key: SessionKey, now_us: u64) -> Option<Channel> {
        let session = self.sessions.get_mut(key)?;
        self.rate.take(&mut session.rate_due_us, now_us).ok()?;
        session.channel()
    }

    /// Everything that was written to a paused channel is sent.
    pub fn on_sent<O>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.stage() != Stage::Closing {
            turn.effects.channels.extend(session.channel().map(|channel| (channel, Do::Resume)));
        }
    }

    /// The client has said everything, and may still hear. Returns whether this ends it: it may be ending already.
    pub fn on_ended<O: Outboxes>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) -> bool {
        let ends = self.is_heard(key);
        self.leave(key, LastWord::Nothing, turn);
        ends
    }

    /// The client said what may not be said, in what carries its frames. Returns whether this ends it: it may be ending
    /// already.
    pub fn on_broken<O: Outboxes>(
        &mut self,
        key: SessionKey,
        why: CloseReason,
        turn: &mut Turn<'_, O>,
    ) -> bool {
        let (ends, code) = (self.is_heard(key), RefusalCode::Malformed);
        if ends && why == CloseReason::Protocol {
            self.leave(key, LastWord::Refused(0, code), turn);
        } else if ends {
            self.close(key, why, Do::Close(Some(code)), turn);
        }
        ends
    }

    /// The client asked for a page, and the answer was written: got it, or not. Returns whether this ends it: it may be ending
    /// already.
    pub fn on_asked<O>(
        &mut self,
        key: SessionKey,
        why: CloseReason,
        turn: &mut Turn<'_, O>,
    ) -> bool {
        let ends = self.is_heard(key);
        if ends {
            self.close(key, why, Do::Close(None), turn);
        }
        ends
    }

    /// The channel is gone.
    pub fn on_closed<O>(&mut self, key: SessionKey, lost: Lost, turn: &mut Turn<'_, O>) {
        let reason = match (lost, self.last_words.get(&key)) {
            (_, Some(last_word)) => last_word.reason(),
            (Lost::Peer, None) => CloseReason::Peer,
            (Lost::Socket, None) => CloseReason::Socket,
        };
        self.forget(key, reason, turn);
        if self.sessions.remove(key).is_some() {
            self.shared.leave();
        }
    }

    /// Begins a session of this process itself, as which nobody is logged in yet.
    pub fn open_own(&mut self, now: Now) -> SessionKey {
        self.own += 1;
        self.sessions.insert(Session::new(None, Stage::LoggingIn, now.mono_ms))
    }

    /// Asks something for a session of this process itself.
    pub fn ask_own<O: Outboxes>(
        &mut self,
        key: SessionKey,
        (command, request_id): (Command, Option<u64>),
        turn: &mut Turn<'_, O>,
    ) {
        let reply = match request_id {
            Some(request_id) => self.ticket(key, request_id).1,
            None => self.unanswered(key),
        };
        turn.effects.commands.push((command, reply));
    }

    /// Ends a session of this process itself.
    pub fn close_own<O>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.remove(key) else { return };
        self.own -= 1;
        if session.stage() == Stage::LoggingIn {
            turn.effects.withdrawn.push(self.unanswered(key).session);
        }
        if let Some(login) = session.login() {
            turn.effects.commands.push((Command::Logout(login), self.unanswered(key)));
        }
    }

    /// Time passes: looks at the sessions whose second has come, and goes on with a drain.
    pub fn tick<O: Outboxes>(&mut self, turn: &mut Turn<'_, O>) {
        while let Some(keys) = self.wheel.turn(turn.now.mono_ms) {
            keys.into_iter().for_each(|key| self.look_after(key, turn));
        }
        self.end_polls(turn);
        self.step_drain(turn);
    }

    fn look_after<O: Outboxes>(&mut self, key: SessionKey, turn: &mut Turn<'_, O>) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if session.stage() == Stage::Closing {
            return;
        }
        let now_ms = turn.now.mono_ms;
        let Settings { login_timeout_ms, heartbeat_ms, .. } = self.settings;
        match session.due(now_ms, login_timeout_ms, heartbeat_ms) {
            Due::Later(at_ms) => self.wheel.place(key, at_ms),
            Due::LoginTimeout => self.end(key, RefusalCode::LoginTimeout, turn),
            Due::Silent => self.end_silent(key, turn),
            Due::TokenOver => self.end(key, RefusalCode::TokenExpired, turn),
            Due::Left => self.say_last_word(key, turn),
            Due::Idle => {
                // What is there of the next call is told that it came too late.
                let how = Do::Close(Some(RefusalCode::LoginTimeout));
                self.close(key, CloseReason::Idle, how, turn);
            }
            Due::Probe => {
                session.mark(Mark::Probed);
                let channel = session.channel();
                self.probe(channel, turn);
                self.wheel.place(key, now_ms + 1_000);
            }
        }
    }

    /// Tells the owners of partitions that are new there which sessions are here.
    pub fn register<O>(&self, partitions: &BTreeSet<Partition>, turn: &mut Turn<'_, O>) {
        for (key, session) in self.sessions.iter() {
            // Who leaves is not to be pushed to: its logout may be said already.
            let stays = session.channel().is_some() && session.stage() == Stage::Active;
            let Some(login) = session.login().filter(|_| stays) else { continue };
            if partitions.contains(&Partition::of_user(login.uid)) {
                let command = Command::Register { login, platform: session.platform() };
                turn.effects.commands.push((command, self.unanswered(key)));
            }
        }
    }

    /// Whether what a session says is heard.
    fn is_heard(&mut self, key: SessionKey) -> bool {
        self.sessions.get_mut(key).is_some_and(|session| session.is_heard())
    }

    /// A request's ticket, and its way back.
    fn ticket(&mut self, key: SessionKey, request_id: u64) -> (Ticket, ReplyTo) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.in_flight += 1;
        }
        let ticket = self.tickets.give(key, request_id);
        (ticket, ReplyTo { ticket: ticket.to_bits(), ..self.unanswered(key) })
    }

    /// For a command that nobody waits for.
    fn unanswered(&self, key: SessionKey) -> ReplyTo {
        let session = SessionId { entry: self.settings.id, key: key.to_bits() };
        ReplyTo { session, ticket: 0 }
    }
}

#[cfg(test)]
mod tests;
