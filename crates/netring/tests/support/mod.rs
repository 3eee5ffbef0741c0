//! What the tests share: a net ring driven until something is so, with everything it told recorded.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use netring::{CloseReason, Config, ConnId, Event, FileWrite, NetRing};

/// Far beyond any wait of a passing test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A net ring and what it told so far.
pub struct Rig {
    pub ring: NetRing,
    pub accepted: Vec<ConnId>,
    pub connected: Vec<ConnId>,
    pub failed: Vec<(ConnId, io::Error)>,
    pub data: HashMap<ConnId, Vec<u8>>,
    pub sent: Vec<ConnId>,
    pub ended: Vec<ConnId>,
    pub closed: HashMap<ConnId, CloseReason>,
    pub accept_pauses: usize,
    pub wakes: usize,
    pub written: Vec<(FileWrite, io::Result<usize>)>,
    /// Whether what arrives is sent back.
    pub echo: bool,
}

impl Rig {
    pub fn new(config: Config) -> Self {
        let ring = NetRing::new(config).unwrap();
        Self {
            ring,
            accepted: Vec::new(),
            connected: Vec::new(),
            failed: Vec::new(),
            data: HashMap::new(),
            sent: Vec::new(),
            ended: Vec::new(),
            closed: HashMap::new(),
            accept_pauses: 0,
            wakes: 0,
            written: Vec::new(),
            echo: false,
        }
    }

    pub fn listening(config: Config) -> (Self, SocketAddr) {
        let mut rig = Self::new(config);
        let addr = rig.ring.listen("127.0.0.1:0".parse().unwrap(), 128).unwrap();
        (rig, addr)
    }

    /// Handles what is there, without waiting.
    pub fn turn(&mut self) {
        self.ring.submit().unwrap();
        self.events();
    }

    pub fn events(&mut self) {
        while let Some(event) = self.ring.next_event() {
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Accepted { conn } => self.accepted.push(conn),
            Event::Connected { conn } => self.connected.push(conn),
            Event::ConnectFailed { conn, error } => self.failed.push((conn, error)),
            Event::Data { conn, chunk } => {
                assert!(!self.closed.contains_key(&conn), "data after the end");
                if self.echo
                    && let Some(outbox) = self.ring.outbox(conn)
                {
                    outbox.extend_from_slice(chunk.bytes());
                }
                self.data.entry(conn).or_default().extend_from_slice(chunk.bytes());
            }
            Event::Sent { conn } => self.sent.push(conn),
            Event::Ended { conn } => self.ended.push(conn),
            Event::Closed { conn, reason } => {
                let before = self.closed.insert(conn, reason);
                assert_eq!(before, None, "closed twice");
            }
            Event::AcceptPaused => self.accept_pauses += 1,
            Event::ListenerError { error } => panic!("listener: {error}"),
            Event::Written { write, result } => self.written.push((*write, result)),
            Event::Woken => self.wakes += 1,
        }
    }

    /// Drives the ring until `done`, asleep in between. The step is short because the other side
    /// may be driven by the same thread, inside `done`.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Rig) -> bool) {
        let start = std::time::Instant::now();
        loop {
            self.turn();
            if done(self) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}");
            self.ring.wait_blocking(Some(Duration::from_millis(1))).unwrap();
            self.events();
        }
    }

    /// Connects a plain socket and waits until it is accepted.
    pub fn accept(&mut self, addr: SocketAddr) -> (TcpStream, ConnId) {
        let stream = TcpStream::connect(addr).unwrap();
        let count = self.accepted.len();
        self.until("an accept", |rig| rig.accepted.len() > count);
        (stream, self.accepted[count])
    }

    pub fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.ring.outbox(conn).expect("open").extend_from_slice(bytes);
    }

    /// Waits until every connection is gone and everything is where it belongs.
    pub fn drained(&mut self) {
        self.until("the last connection to go", |rig| rig.ring.connections() == 0);
        self.ring.invariants();
        let (available, count) = self.ring.buffers();
        assert_eq!(available, count, "buffers lost");
    }
}

pub fn small() -> Config {
    Config { connections_max: 64, buffer_count: 16, queue_depth: 64, ..Config::default() }
}

/// Seeded, for sizes and bytes that differ from run to run of a loop but not of the test.
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill(&mut bytes[..]);
        bytes
    }
}
