//! A thread's connections: each with its session machine, over one net ring. It dials within a limit of logins
//! under way, keeps the machines' timers, reconnects those that are wanted, each time to the next target. It judges nothing.

mod carrier;
mod clock;
mod connection;
mod observer;
mod polling;
mod sealing;
mod sources;
mod timers;

pub use carrier::{Carrier, Trust};
pub use observer::Observer;

use crate::clock::{now_ns, run_number};
use crate::failure::Failure;
use carrier::Packer;
use client::machine::{Credentials, Machine, Turn};
use client::{ClientError, Position};
use clock::SessionClock;
use connection::{Connection, Places, State};
use front::Told;
use netring::names::Names;
use netring::{ConnId, NetRing};
use sources::Sources;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use timers::Timers;

/// Events of the net ring handled in one turn at most: what they wrote leaves at its end.
const EVENTS_PER_TURN: usize = 32;

/// The connections of one thread.
pub struct Fleet {
    ring: NetRing,
    names: Names,
    /// Where they lead, and the version of that.
    targets: Vec<SocketAddr>,
    version: u64,
    sources: Sources,
    clock: SessionClock,
    connections: Vec<Connection>,
    places: Places,
    timers: Timers,
    /// Wanted, and waiting for a place among the logins under way.
    to_dial: VecDeque<usize>,
    under_way: usize,
    under_way_max: usize,
    acks_each: bool,
    logged_in: usize,
    carrier: Carrier,
    trust: Option<Trust>,
    packer: Packer,
    /// What was in records, records, and what is to be sealed.
    opened: Vec<u8>,
    records: Vec<u8>,
    plain: Vec<u8>,
    /// Frames out of the messages of a piece.
    unpacked: Vec<u8>,
    /// When bytes were last read.
    now_ns: u64,
    fatal: Option<Failure>,
}

impl Fleet {
    /// No connections yet; at most `connections_max` at once. Places take turns in having one of the targets first.
    ///
    /// # Errors
    /// The net ring cannot be set up; the message says what to change.
    pub fn new(
        (names, carrier, trust): (&Names, Carrier, Option<&Trust>),
        connections_max: usize,
        under_way_max: usize,
    ) -> Result<Self, Failure> {
        let (version, targets) = (names.version(), names.found().addresses);
        // Connections that are closing keep their slots a little longer.
        let slots = connections_max * carrier.connections() + under_way_max + 64;
        let config =
            netring::Config { connections_max: slots, buffer_count: 1_024, ..Default::default() };
        let ring = NetRing::new(config)
            .map_err(|error| Failure::preflight("set up the net ring", error))?;
        Ok(Self {
            ring,
            names: names.clone(),
            sources: Sources::new(&targets, connections_max)?,
            targets,
            version,
            clock: SessionClock::new(),
            connections: Vec::new(),
            places: Places::default(),
            timers: Timers::default(),
            to_dial: VecDeque::new(),
            under_way: 0,
            under_way_max,
            acks_each: false,
            logged_in: 0,
            carrier,
            trust: trust.cloned(),
            opened: Vec::new(),
            records: Vec::new(),
            plain: Vec::new(),
            packer: Packer::new(run_number()),
            unpacked: Vec::new(),
            now_ns: 0,
            fatal: None,
        })
    }

    /// Sessions that are added from here on acknowledge each push as soon as it comes.
    pub fn ack_each(&mut self) {
        self.acks_each = true;
    }

    /// Adds a session that is not connected. Its place.
    pub fn add(&mut self, credentials: Credentials, seed: u64) -> usize {
        let mut machine = Machine::new(credentials, Position::default(), seed);
        if self.acks_each {
            machine.ack_each();
        }
        let target = self.connections.len();
        self.connections.push(Connection::new(machine, target));
        self.connections.len() - 1
    }

    /// Wants a session connected, now and whenever it is lost.
    pub fn connect(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.wanted = true;
        if connection.state == State::Away {
            connection.state = State::Queued;
            self.to_dial.push_back(index);
        }
    }

    /// Closes a session's connection and wants it no more.
    pub fn disconnect(&mut self, index: usize) {
        self.connections[index].wanted = false;
        self.part(index);
    }

    /// From here on, so many logins may be under way at once.
    pub fn set_under_way_max(&mut self, under_way_max: usize) {
        self.under_way_max = under_way_max;
    }

    /// A session's machine.
    #[must_use]
    pub fn machine(&self, index: usize) -> &Machine {
        &self.connections[index].machine
    }

    /// Sessions logged in.
    #[must_use]
    pub fn logged_in(&self) -> usize {
        self.logged_in
    }

    /// Does something with a machine that may write. Without a connection it writes nothing.
    pub fn with<R>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Machine, u64, &mut Vec<u8>) -> R,
    ) -> R {
        let now_ms = self.clock.ms(now_ns());
        let subprotocol = self.carrier.subprotocol();
        let result = self.say(index, |packer, connection, out| {
            packer.write(subprotocol, out, |out, _| act(&mut connection.machine, now_ms, out))
        });
        self.timers.follow(index, &mut self.connections[index]);
        result
    }

    /// Lets `write` append what is said over a connection. Without one it goes nowhere.
    fn say<R>(
        &mut self,
        index: usize,
        write: impl FnOnce(&mut Packer, &mut Connection, &mut Vec<u8>) -> R,
    ) -> R {
        let Self { ring, packer, connections, plain, .. } = self;
        let connection = &mut connections[index];
        if connection.polling.is_some() {
            return self.say_by_calls(index, write);
        }
        let mut nowhere = Vec::new();
        let out = connection.conn.and_then(|conn| ring.outbox(conn)).unwrap_or(&mut nowhere);
        let Some(mut tls) = connection.tls.take() else { return write(packer, connection, out) };
        plain.clear();
        let result = write(packer, connection, plain);
        // Keys that are used up end it, as silence does.
        let _ = tls.write(plain, out);
        connection.tls = Some(tls);
        result
    }

    /// Starts what is to start, waits until `deadline_ns` at most, and handles some of what came.
    ///
    /// # Errors
    /// The ring failed, or the server refuses these credentials for good.
    pub fn turn(&mut self, deadline_ns: u64, observer: &mut impl Observer) -> Result<(), Failure> {
        self.fire_timers(observer);
        self.dial()?;
        let now = now_ns();
        let mut wait_ns = deadline_ns.saturating_sub(now);
        if let Some(at_ms) = self.timers.next_ms() {
            wait_ns = wait_ns.min(self.clock.ns(at_ms).saturating_sub(now));
        }
        let waited = self.ring.wait_blocking(Some(Duration::from_nanos(wait_ns)));
        waited.map_err(|error| Failure::preflight("drive the net ring", error))?;
        for _ in 0..EVENTS_PER_TURN {
            let Some(event) = self.ring.next_event() else { break };
            self.on_ring_event(event, observer);
            // A burst of arrivals must not delay what is due to be sent.
            if self.now_ns >= deadline_ns {
                break;
            }
        }
        self.fatal.take().map_or(Ok(()), Err)
    }

    fn on_ring_event(&mut self, event: netring::Event, observer: &mut impl Observer) {
        match event {
            netring::Event::Data { conn, mut chunk } => {
                if let Some(index) = self.place(conn) {
                    self.on_bytes(index, conn, chunk.bytes_mut(), observer);
                }
            }
            netring::Event::Connected { conn } => {
                if let Some(index) = self.place(conn) {
                    self.on_connected(index, conn);
                }
            }
            netring::Event::ConnectFailed { conn, error } => {
                self.on_gone(conn, &error.to_string(), observer);
            }
            netring::Event::Closed { conn, reason } => {
                self.on_gone(conn, &format!("closed: {reason:?}"), observer);
            }
            netring::Event::Accepted { .. }
            | netring::Event::AcceptPaused
            | netring::Event::ListenerError { .. }
            | netring::Event::Sent { .. }
            | netring::Event::Ended { .. }
            | netring::Event::Written { .. }
            | netring::Event::Woken => {}
        }
    }

    /// A connection is gone. One of requests is dialed again for the next.
    fn on_gone(&mut self, conn: ConnId, why: &str, observer: &mut impl Observer) {
        let Some(index) = self.place(conn) else { return };
        if !self.connections[index].requests_by(conn) || !self.lets_go(index) {
            self.lose(index, why, observer);
        }
    }

    /// What carries frames begins.
    fn begin(&mut self, index: usize) {
        if self.carrier == Carrier::Poll {
            self.begin_polling(index);
        }
        let Some(subprotocol) = self.carrier.subprotocol() else { return self.log_in(index) };
        let target = self.target(index).to_string();
        let socket = self.say(index, |_, _, out| front::Client::ask(&target, subprotocol, out));
        self.connections[index].socket = Some(Box::new(socket));
    }

    fn target(&self, index: usize) -> SocketAddr {
        self.targets[self.connections[index].target % self.targets.len()]
    }

    /// Frames can be said.
    fn log_in(&mut self, index: usize) {
        self.connections[index].state = State::LoggingIn;
        self.with(index, Machine::on_connected);
    }

    fn on_bytes(
        &mut self,
        index: usize,
        conn: ConnId,
        bytes: &mut [u8],
        observer: &mut impl Observer,
    ) {
        self.now_ns = now_ns();
        if self.connections[index].polling.is_some() {
            return self.on_answers(index, conn, bytes, observer);
        }
        if self.connections[index].tls.is_some() {
            return self.on_records(index, conn, bytes, observer);
        }
        self.on_opened(index, conn, bytes, observer);
    }

    /// Bytes came, out of records if there are any.
    fn on_opened(
        &mut self,
        index: usize,
        conn: ConnId,
        bytes: &mut [u8],
        observer: &mut impl Observer,
    ) {
        let Some(mut socket) = self.connections[index].socket.take() else {
            return self.on_frames(index, conn, bytes, observer);
        };
        // As one piece to the machine: it acknowledges what is in a piece together.
        let mut frames = std::mem::take(&mut self.unpacked);
        frames.clear();
        let read = socket.read(bytes, |told| match told {
            Told::Opened => self.log_in(index),
            Told::Data(bytes) => frames.extend_from_slice(bytes),
            Told::Ping(payload) => {
                self.say(index, |packer, _, out| packer.pong(payload, out));
            }
            // It closes the connection behind that.
            Told::Closes(_) => {}
        });
        self.connections[index].socket = Some(socket);
        if !frames.is_empty() {
            self.on_frames(index, conn, &frames, observer);
        }
        self.unpacked = frames;
        if let (Err(error), true) = (read, self.connections[index].conn == Some(conn)) {
            observer.damaged(index, &error.to_string());
            self.lose(index, &error.to_string(), observer);
        }
    }

    /// Bytes of frames came.
    fn on_frames(
        &mut self,
        index: usize,
        conn: ConnId,
        bytes: &[u8],
        observer: &mut impl Observer,
    ) {
        let now = self.now_ns;
        if self.ring.outbox(conn).is_none() {
            return;
        }
        let (now_ms, subprotocol) = (self.clock.ms(now), self.carrier.subprotocol());
        let read = self.say(index, |packer, connection, out| {
            packer.write(subprotocol, out, |out, scratch| {
                let (turn, machine) = (Turn { now_ms, out, scratch }, &mut connection.machine);
                machine.on_bytes(bytes, turn, &mut |event| observer.event(index, now, event))
            })
        });
        let connection = &mut self.connections[index];
        let machine = &mut connection.machine;
        if connection.state == State::LoggingIn && machine.is_logged_in() {
            connection.state = State::LoggedIn;
            self.under_way -= 1;
            self.logged_in += 1;
            observer.logged_in(index, now - connection.dialed_ns);
        }
        match read {
            Ok(()) if machine.may_leave() => {
                self.lose(index, "the server asked to leave", observer)
            }
            Ok(()) => self.timers.follow(index, connection),
            Err(error) => {
                if error.is_fatal() {
                    self.fatal = Some(Failure::preflight("log in", &error));
                } else if matches!(error, ClientError::Frame(_)) {
                    observer.damaged(index, &error.to_string());
                }
                self.lose(index, &error.to_string(), observer);
            }
        }
    }

    fn fire_timers(&mut self, observer: &mut impl Observer) {
        let now_ms = self.clock.ms(now_ns());
        while let Some(index) = self.timers.pop(now_ms, &mut self.connections) {
            match self.connections[index].state {
                State::Away | State::Queued => {}
                State::Waiting => {
                    self.connections[index].state = State::Queued;
                    self.to_dial.push_back(index);
                }
                State::Dialing | State::LoggingIn | State::LoggedIn => {
                    self.on_timer(index, observer);
                }
            }
        }
    }

    fn on_timer(&mut self, index: usize, observer: &mut impl Observer) {
        let result = self.with(index, |machine, now_ms, out| {
            let before = out.len();
            let result = machine.on_timer(now_ms, out);
            if out.len() > before {
                observer.wrote_by_timer(index, now_ns(), &out[before..]);
            }
            result
        });
        if let Err(error) = result {
            self.lose(index, &error.to_string(), observer);
        }
    }

    /// Follows a server that moved. Names that lead nowhere now are dialed where they led.
    fn follow_names(&mut self) {
        let version = self.names.version();
        if self.version != version {
            self.version = version;
            let found = self.names.found().addresses;
            self.targets = if found.is_empty() { std::mem::take(&mut self.targets) } else { found };
        }
    }

    fn dial(&mut self) -> Result<(), Failure> {
        self.follow_names();
        while self.under_way < self.under_way_max
            && let Some(index) = self.to_dial.pop_front()
        {
            let connection = &mut self.connections[index];
            if connection.state != State::Queued {
                continue;
            }
            let target = self.targets[connection.target % self.targets.len()];
            let Ok(conn) = self.ring.connect(target, self.sources.of(index)) else {
                // Slots of closing connections come back soon.
                self.to_dial.push_front(index);
                return Ok(());
            };
            self.places.set(conn, index)?;
            connection.conn = Some(conn);
            connection.dialed_ns = now_ns();
            connection.state = State::Dialing;
            self.under_way += 1;
        }
        Ok(())
    }

    /// A connection ended against our will: tells, and comes back if it is wanted.
    fn lose(&mut self, index: usize, why: &str, observer: &mut impl Observer) {
        let was_logged_in = self.connections[index].state == State::LoggedIn;
        self.part(index);
        observer.lost(index, was_logged_in, why);
        let connection = &mut self.connections[index];
        connection.target += 1;
        if connection.wanted {
            connection.state = State::Waiting;
            let delay_ms = connection.machine.reconnect_delay_ms();
            let at_ms = self.clock.ms(now_ns()) + delay_ms;
            self.timers.set(index, connection, at_ms);
        }
    }

    /// No connection any more.
    fn part(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        match std::mem::replace(&mut connection.state, State::Away) {
            State::Away | State::Queued | State::Waiting => {}
            State::Dialing | State::LoggingIn => self.under_way -= 1,
            State::LoggedIn => self.logged_in -= 1,
        }
        connection.machine.on_disconnected();
        connection.tls = None;
        connection.socket = None;
        connection.timer_ms = u64::MAX;
        if let Some(conn) = connection.conn.take() {
            self.ring.close_now(conn);
        }
        self.end_polling(index);
    }

    fn place(&self, conn: ConnId) -> Option<usize> {
        self.places.get(conn).filter(|index| {
            let connection = &self.connections[*index];
            connection.conn == Some(conn) || connection.requests_by(conn)
        })
    }
}
