//! The listener, and on which table's ring it accepts. It never takes a connection it has no slot
//! for: while a table has more room than the listener's backlog one accept goes on by itself, below
//! that accepts are made one by one, and with no room at all there is none until a connection
//! closes. It knows nothing of connections once they have a slot.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::address::{self, Share};
use crate::error::Error;
use crate::event::Event;
use crate::id::{Op, Token};
use crate::limits::{ACCEPT_RETRY, ACCEPT_SINGLES_MAX};
use crate::table::Table;
use crate::uring::Completion;

/// What is in flight for the listener.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mode {
    /// Nothing.
    Off,
    /// An accept that goes on by itself.
    Many { cancelled: bool },
    /// So many accepts of one connection each.
    Singles(u32),
    /// A timer, after which it is tried again.
    Resting,
}

static ACCEPT_RETRY_TIME: io_uring::types::Timespec = ACCEPT_RETRY;

pub(crate) struct Acceptor {
    listener: OwnedFd,
    backlog: u32,
    mode: Mode,
    /// The table accepted into, while the mode is not `Off`.
    table: usize,
    paused: bool,
    rest_wanted: bool,
    stopped: bool,
}

impl Acceptor {
    pub(crate) fn listen(
        addr: SocketAddr,
        backlog: i32,
        share: Share,
    ) -> Result<(Self, SocketAddr), Error> {
        let (listener, bound) = address::listen(addr, backlog, share)?;
        let backlog = u32::try_from(backlog).unwrap_or(0).max(1);
        let acceptor = Self {
            listener,
            backlog,
            mode: Mode::Off,
            table: 0,
            paused: false,
            rest_wanted: false,
            stopped: false,
        };
        Ok((acceptor, bound))
    }

    /// See [`crate::NetRing::spread`].
    pub(crate) fn spread(&self, sharers: u32) -> std::io::Result<()> {
        address::spread(self.fd(), sharers)
    }

    fn fd(&self) -> RawFd {
        self.listener.as_raw_fd()
    }

    /// Slots of a table that neither a connection nor an accept in flight may need.
    pub(crate) fn room(&self, tables: &[Table], index: usize) -> u32 {
        let taken = match self.mode {
            Mode::Singles(count) if self.table == index => count,
            Mode::Many { .. } if self.table == index => self.backlog,
            Mode::Off | Mode::Many { .. } | Mode::Singles(_) | Mode::Resting => 0,
        };
        tables[index].slots.room().saturating_sub(taken)
    }

    /// Accepts nothing more.
    pub(crate) fn stop(&mut self, tables: &mut [Table]) {
        self.stopped = true;
        let (target, token) = (Token::lone(Op::Accept), Token::lone(Op::AcceptCancel));
        tables[self.table].uring.cancel_every(target, token);
    }

    /// Whether the ring is done with the listener.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self.mode, Mode::Off | Mode::Resting)
    }

    /// Brings what is in flight in line with the room there is. Cheap when nothing changed.
    pub(crate) fn arm(&mut self, tables: &mut [Table]) -> Option<Event> {
        if self.stopped {
            return None;
        }
        match self.mode {
            Mode::Resting => None,
            Mode::Many { cancelled } => {
                if !cancelled && tables[self.table].slots.room() <= self.backlog {
                    self.mode = Mode::Many { cancelled: true };
                    let (target, token) = (Token::lone(Op::Accept), Token::lone(Op::AcceptCancel));
                    tables[self.table].uring.cancel(target, token);
                }
                None
            }
            Mode::Singles(count) => {
                let room = tables[self.table].slots.room();
                // There is room again: the single accepts run out, and one accept that goes on
                // takes their place.
                if room <= self.backlog {
                    self.arm_singles(tables, count, room);
                }
                None
            }
            Mode::Off => self.start(tables),
        }
    }

    fn start(&mut self, tables: &mut [Table]) -> Option<Event> {
        if self.rest_wanted {
            self.rest_wanted = false;
            self.mode = Mode::Resting;
            tables[self.table].uring.timer(&ACCEPT_RETRY_TIME, Token::lone(Op::AcceptRetry));
            return None;
        }
        let Some(table) = tables.iter().position(|table| table.slots.room() > 0) else {
            let told = std::mem::replace(&mut self.paused, true);
            return (!told).then_some(Event::AcceptPaused);
        };
        self.paused = false;
        self.table = table;
        let room = tables[table].slots.room();
        if room > self.backlog {
            self.mode = Mode::Many { cancelled: false };
            tables[table].uring.accept_many(self.fd(), Token::lone(Op::Accept));
        } else {
            self.arm_singles(tables, 0, room);
        }
        None
    }

    fn arm_singles(&mut self, tables: &mut [Table], count: u32, room: u32) {
        let wanted = room.min(ACCEPT_SINGLES_MAX).max(count);
        for _ in count..wanted {
            tables[self.table].uring.accept_one(self.listener.as_raw_fd(), Token::lone(Op::Accept));
        }
        self.mode = if wanted == 0 { Mode::Off } else { Mode::Singles(wanted) };
    }

    pub(crate) fn on_accept(&mut self, done: &Completion, tables: &mut [Table]) -> Option<Event> {
        match self.mode {
            Mode::Singles(count) => {
                self.mode = if count == 1 { Mode::Off } else { Mode::Singles(count - 1) };
            }
            Mode::Many { .. } if !done.more() => self.mode = Mode::Off,
            Mode::Many { .. } | Mode::Off | Mode::Resting => {}
        }
        if let Ok(file) = u32::try_from(done.result) {
            return tables[usize::from(done.table)].adopt(file);
        }
        match -done.result {
            // The peer was gone before it was accepted, or the accept was called back.
            libc::ECONNABORTED | libc::EPROTO | libc::EINTR | libc::EAGAIN | libc::ECANCELED => {
                None
            }
            errno => {
                self.rest_wanted = true;
                Some(Event::ListenerError { error: std::io::Error::from_raw_os_error(errno) })
            }
        }
    }

    pub(crate) fn on_cancel(&mut self) {
        // If the accept still goes on, the cancel missed it: it may be asked again.
        if let Mode::Many { cancelled } = &mut self.mode {
            *cancelled = false;
        }
    }

    pub(crate) fn on_retry(&mut self) {
        self.mode = Mode::Off;
    }
}
