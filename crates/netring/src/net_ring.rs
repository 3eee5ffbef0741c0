//! The net ring: tables, acceptor and waker behind one interface, and the way from a completion to
//! an event. It does not know what the bytes mean.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::acceptor::Acceptor;
use crate::address::{Share, SocketAddress};
use crate::config::{Config, Plan};
use crate::error::Error;
use crate::event::{CloseReason, Event};
use crate::file_write::FileWrite;
use crate::file_writes::FileWrites;
use crate::id::{ConnId, Key, Op, Token};
use crate::limits::REAPED_MAX;
use crate::slot::{Flags, State};
use crate::stats::Stats;
use crate::table::Table;
use crate::tick::Tick;
use crate::uring::Completion;
use crate::waker::{Sleeper, Waker};

/// Connections of one thread, over one io_uring or several. See the crate's page for the loop.
pub struct NetRing {
    /// The first is the parent, which sleeps for all.
    pub(crate) tables: Vec<Table>,
    pub(crate) acceptor: Option<Acceptor>,
    pub(crate) sleeper: Sleeper,
    pub(crate) file_writes: FileWrites,
    /// Completions not yet turned into events.
    reaped: VecDeque<Completion>,
    /// Events that came without a completion.
    ready: VecDeque<Event>,
    /// Tables whose descriptor the parent is polling.
    pub(crate) child_polled: Vec<bool>,
    wake_polled: bool,
    pub(crate) tick: Tick,
    pub(crate) own_stats: Stats,
    connections_max: usize,
}

impl NetRing {
    /// Sets the rings up. They belong to this thread.
    ///
    /// # Errors
    /// The configuration is out of range, or the system refuses; the message says what to change.
    pub fn new(config: Config) -> Result<NetRing, Error> {
        let plan = Plan::new(&config)?;
        let mut tables = Vec::with_capacity(plan.table_sizes.len());
        for (index, size) in (0u16..).zip(&plan.table_sizes) {
            tables.push(Table::new(index, *size, &plan)?);
        }
        Ok(NetRing {
            child_polled: vec![false; tables.len()],
            tables,
            acceptor: None,
            sleeper: Sleeper::new().map_err(|error| Error::ring("make the waker", error))?,
            file_writes: FileWrites::default(),
            reaped: VecDeque::new(),
            ready: VecDeque::new(),
            wake_polled: false,
            tick: Tick::new(plan.tick),
            own_stats: Stats::default(),
            connections_max: plan.connections_max,
        })
    }

    /// Accepts connections on `addr`, where nobody listens yet. Returns the address with its port.
    ///
    /// # Errors
    /// The address is not this machine's or taken; or this net ring listens already.
    pub fn listen(&mut self, addr: SocketAddr, backlog: i32) -> Result<SocketAddr, Error> {
        self.accept_on(addr, backlog, Share::First)
    }

    /// Accepts connections on `addr` beside the net ring that listens there first (`SO_REUSEPORT`).
    /// Returns the address.
    ///
    /// # Errors
    /// As for [`NetRing::listen`].
    pub fn listen_beside(&mut self, addr: SocketAddr, backlog: i32) -> Result<SocketAddr, Error> {
        self.accept_on(addr, backlog, Share::Beside)
    }

    fn accept_on(
        &mut self,
        addr: SocketAddr,
        backlog: i32,
        share: Share,
    ) -> Result<SocketAddr, Error> {
        if self.acceptor.is_some() {
            return Err(Error::AlreadyListening);
        }
        let (acceptor, bound) = Acceptor::listen(addr, backlog, share)?;
        self.acceptor = Some(acceptor);
        Ok(bound)
    }

    /// Spreads connections evenly, by chance, over all `sharers` net rings that listen on the address of this one: to be
    /// called once, by one that listens beside the first. Without it the kernel chooses, which gives one client host's connections to few.
    ///
    /// # Errors
    /// It does not listen, or nobody beside it, or the system refuses.
    ///
    /// # Panics
    /// `sharers` is 0.
    pub fn spread(&self, sharers: u32) -> Result<(), Error> {
        assert!(sharers > 0, "the one that listens is one of them");
        let refused = |source| Error::ring("spread connections over the listeners", source);
        let Some(acceptor) = &self.acceptor else {
            return Err(refused(std::io::ErrorKind::NotConnected.into()));
        };
        acceptor.spread(sharers).map_err(refused)
    }

    /// Connects to `addr`, from the local address `from` if given. `Event::Connected` or
    /// `Event::ConnectFailed` follows; until then nothing can be sent.
    ///
    /// # Errors
    /// Every slot is in use.
    pub fn connect(&mut self, addr: SocketAddr, from: Option<IpAddr>) -> Result<ConnId, Error> {
        let acceptor = self.acceptor.as_ref();
        let room = |index| match acceptor {
            Some(acceptor) => acceptor.room(&self.tables, index),
            None => self.tables[index].slots.room(),
        };
        let index = (0..self.tables.len()).find(|index| room(*index) > 0);
        let from = from.map(|ip| SocketAddress::from(SocketAddr::new(ip, 0)));
        index
            .and_then(|index| {
                let table = &mut self.tables[index];
                table.dial(addr.into(), from).map(|key| table.id(key))
            })
            .ok_or(Error::Full { connections_max: self.connections_max })
    }

    /// Starts a write with the next `submit` or wait; `Event::Written` follows, with the buffer. It may have written
    /// less than asked for.
    ///
    /// # Panics
    /// More than `limits::FILE_WRITES_MAX` are in flight, one is larger than `limits::FILE_WRITE_SIZE_MAX`, or its
    /// content is not in its buffer.
    pub fn write_file(&mut self, write: FileWrite) {
        self.file_writes.start(write, &mut self.tables[0].uring);
    }

    /// The next thing that happened, of what the last `submit` or wait found.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let completion = self.reaped.pop_front()?;
            if let Some(event) = self.complete(&completion) {
                return Some(event);
            }
        }
    }

    /// Starts what is queued, outboxes included, and collects what is done. Never blocks.
    ///
    /// # Errors
    /// The ring failed.
    pub fn submit(&mut self) -> Result<(), Error> {
        self.flush();
        for table in &mut self.tables {
            table.uring.submit()?;
        }
        self.note_wake();
        self.reap();
        Ok(())
    }

    /// The vector to append output to; it is sent by the next `submit` or wait. `None` when the
    /// connection is not open: gone, closing, or not connected yet. How large it may grow is the
    /// caller's to bound, by `outbox_len`.
    pub fn outbox(&mut self, conn: ConnId) -> Option<&mut Vec<u8>> {
        self.tables.get_mut(conn.table())?.outbox(conn.key())
    }

    /// Bytes appended and not yet taken by the kernel.
    #[must_use]
    pub fn outbox_len(&self, conn: ConnId) -> usize {
        let table = self.tables.get(conn.table());
        let slot = table.and_then(|table| table.slots.get(conn.key()));
        slot.and_then(|slot| slot.outbox.as_ref()).map_or(0, |outbox| outbox.len())
    }

    /// Asks for one `Event::Sent` when everything appended so far and until then is taken by the
    /// kernel; at once when nothing is pending.
    pub fn notify_sent(&mut self, conn: ConnId) {
        let empty = self.outbox_len(conn) == 0;
        let Some((table, key)) = self.find(conn) else { return };
        if table.slot(key).state != State::Open {
            return;
        }
        if empty {
            self.ready.push_back(Event::Sent { conn });
        } else {
            table.slot(key).flags.set(Flags::NOTIFY_SENT);
        }
    }

    /// Stops receiving, so that the peer's sends come to a halt. What was received before still
    /// comes out.
    pub fn pause(&mut self, conn: ConnId) {
        if let Some((table, key)) = self.find(conn) {
            table.pause(key);
        }
    }

    /// Receives again.
    pub fn resume(&mut self, conn: ConnId) {
        if let Some((table, key)) = self.find(conn) {
            table.resume(key);
        }
    }

    /// Closes when the pending output is sent, or after `limits::CLOSE_FLUSH` if the peer does not
    /// take it. Nothing more is received. `Event::Closed` follows.
    pub fn close(&mut self, conn: ConnId) {
        if let Some((table, key)) = self.find(conn) {
            table.close(key);
        }
    }

    /// Closes and drops pending output. `Event::Closed` follows.
    pub fn close_now(&mut self, conn: ConnId) {
        if let Some((table, key)) = self.find(conn) {
            table.shut(key, CloseReason::Local);
        }
    }

    /// Slots in use: connections open, being made and being closed.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.tables.iter().map(|table| table.slots.used()).sum()
    }

    /// A handle that wakes this net ring from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.sleeper.waker()
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut sum = self.own_stats;
        for table in &self.tables {
            sum.add(&table.stats());
        }
        sum
    }

    /// Receive buffers that are free, and how many there are so far. A buffer is in use while a
    /// chunk holds it, or a completion that will become one. When they run out more are made, up to
    /// `buffer_count` a table.
    #[must_use]
    pub fn buffers(&self) -> (usize, usize) {
        let sum =
            |count: fn(&Table) -> u16| self.tables.iter().map(|t| usize::from(count(t))).sum();
        (sum(|table| table.buffers.available()), sum(|table| table.buffers.opened()))
    }

    /// Panics when the books do not balance. Walks every slot: for tests.
    pub fn invariants(&self) {
        self.tables.iter().for_each(Table::invariants);
    }

    fn find(&mut self, conn: ConnId) -> Option<(&mut Table, Key)> {
        let table = self.tables.get_mut(conn.table())?;
        table.slots.get(conn.key())?;
        Some((table, conn.key()))
    }

    pub(crate) fn has_events(&self) -> bool {
        !(self.ready.is_empty() && self.reaped.is_empty())
    }

    /// Queues what the callers' last turn asks for.
    pub(crate) fn flush(&mut self) {
        for table in &mut self.tables {
            table.flush();
            table.feed_starved();
        }
        if let Some(acceptor) = &mut self.acceptor {
            self.ready.extend(acceptor.arm(&mut self.tables));
        }
        if !std::mem::replace(&mut self.wake_polled, true) {
            self.tables[0].uring.poll_many(self.sleeper.fd(), Token::lone(Op::Wake));
        }
    }

    pub(crate) fn note_wake(&mut self) {
        if self.sleeper.awake() {
            self.own_stats.wakes += 1;
            self.ready.push_back(Event::Woken);
        }
    }

    pub(crate) fn reap(&mut self) {
        for index in 0..self.tables.len() {
            self.reap_table(index);
        }
    }

    pub(crate) fn reap_table(&mut self, index: usize) {
        let table = u16::try_from(index).expect("12 bits");
        let room = REAPED_MAX.saturating_sub(self.reaped.len());
        let (reaped, tick, count) =
            (&mut self.reaped, &mut self.tick, &mut self.own_stats.completions);
        self.tables[index].uring.drain(table, room, |completion| {
            *count += 1;
            if Token::parse(completion.user_data).0 == Op::Tick {
                tick.fire();
            } else {
                reaped.push_back(completion);
            }
        });
    }

    fn complete(&mut self, completion: &Completion) -> Option<Event> {
        let (op, key) = Token::parse(completion.user_data);
        match op {
            Op::Accept => {
                self.acceptor.as_mut().and_then(|it| it.on_accept(completion, &mut self.tables))
            }
            Op::AcceptCancel => self.acceptor.as_mut().and_then(|it| {
                it.on_cancel();
                None
            }),
            Op::AcceptRetry => self.acceptor.as_mut().and_then(|it| {
                it.on_retry();
                None
            }),
            Op::Wake => {
                self.wake_polled = completion.more();
                None
            }
            Op::Child => {
                self.child_polled[key.slot as usize] = false;
                None
            }
            Op::Write => Some(self.file_writes.finish(key, completion.result)),
            Op::Tick | Op::Orphan => None,
            Op::Socket
            | Op::Dial
            | Op::DialCancel
            | Op::Recv
            | Op::RecvCancel
            | Op::Send
            | Op::SendCancel
            | Op::Close
            | Op::Timer
            | Op::TimerCancel => {
                self.tables[usize::from(completion.table)].complete(op, key, completion)
            }
        }
    }
}
