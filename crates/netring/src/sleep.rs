//! How a net ring sleeps: all of it. It knows nothing of connections.
//!
//! The parent, table 0, is the one ring that sleeps. It polls the waker's event descriptor all the
//! time, and before it sleeps also the descriptors of the other rings. Then:
//!
//! - `wait_blocking` starts what is queued and waits in one and the same system call.
//! - `wait` does that too, for as long as something comes within a tick. Only then does it give the
//!   thread to glommio, which has no public "wait for this descriptor": a glommio `TcpStream` made
//!   of a duplicate of the parent's descriptor arms a poll when it is made, and its first read
//!   resolves, with `ENOTSOCK`, when the poll does, which is when the ring has completions. This
//!   works because the rings are set up without `IORING_SETUP_DEFER_TASKRUN`: with it completions
//!   are posted only from inside `io_uring_enter`, and such a poll never resolves. (It would also
//!   have gained nothing: echoes cost the same with it.)
//!
//! A ring that is never idle would never give up the thread, so `wait` gives the executor a turn
//! every few ticks. It does so by a timer of no length: only an executor without a runnable task
//! looks at its own timers and IO.
#![allow(unsafe_code, reason = "glommio takes a raw descriptor")]

use std::future::poll_fn;
use std::os::fd::{FromRawFd, IntoRawFd, RawFd};
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_lite::AsyncRead;
use glommio::net::TcpStream;
use glommio::timer::Timer;

use crate::error::Error;
use crate::id::{Key, Op, Token};
use crate::limits::TICKS_PER_EXECUTOR_TURN;
use crate::net_ring::NetRing;

impl NetRing {
    /// Sleeps until there is a completion, a wake, or `timeout` is over, inside a glommio executor.
    /// Starts everything queued. Returns at once when there are events.
    ///
    /// Other tasks of the executor run while this sleeps, and at least every two ticks
    /// ([`crate::Config::tick`]) or so when the ring is busy; a ring that falls idle holds them back by as much.
    ///
    /// # Errors
    /// The ring failed.
    ///
    /// # Panics
    /// Outside of a glommio executor.
    pub async fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        let start = Instant::now();
        let left = || timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        if self.tick.passed >= TICKS_PER_EXECUTOR_TURN {
            self.submit()?;
            Timer::new(Duration::ZERO).await;
            self.tick.passed = 0;
        }
        loop {
            if !std::mem::replace(&mut self.tick.armed, true) {
                self.tables[0].uring.timer(self.tick.timer, Token::lone(Op::Tick));
            }
            // A longer timeout is looked at when the tick comes.
            if self.block(left().filter(|left| *left < self.tick.length))? {
                self.tick.busy = true;
                self.tick.idle = false;
                return Ok(());
            }
            if left().is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            if self.tick.idle {
                break;
            }
        }
        if self.prepare_sleep()? {
            // The poll of the parent sees only completions: let it have everything queued.
            self.tables[0].uring.submit()?;
            self.own_stats.sleeps += 1;
            self.own_stats.parks += 1;
            park(self.tables[0].uring.fd(), left()).await?;
            self.tick.passed = 0;
        }
        self.tick.idle = false;
        self.end_sleep()
    }

    /// Sleeps until there is a completion, a wake, or `timeout` is over, without glommio: blocks
    /// the thread. Starts everything queued. Returns at once when there are events.
    ///
    /// # Errors
    /// The ring failed.
    pub fn wait_blocking(&mut self, timeout: Option<Duration>) -> Result<(), Error> {
        self.block(timeout).map(drop)
    }

    /// Whether something came.
    fn block(&mut self, timeout: Option<Duration>) -> Result<bool, Error> {
        if self.prepare_sleep()? {
            self.own_stats.sleeps += 1;
            self.tables[0].uring.submit_and_wait(timeout)?;
        }
        self.end_sleep()?;
        Ok(self.has_events())
    }

    /// Starts what is queued on every ring but the parent, and on the parent too unless it is to
    /// sleep. Returns whether it is to sleep.
    fn prepare_sleep(&mut self) -> Result<bool, Error> {
        self.flush();
        for index in 1..self.tables.len() {
            self.tables[index].uring.submit()?;
            self.reap_table(index);
        }
        if self.has_events() || !self.sleeper.fall_asleep() {
            return Ok(false);
        }
        for index in 1..self.tables.len() {
            if !std::mem::replace(&mut self.child_polled[index], true) {
                let key = Key { slot: u32::try_from(index).expect("12 bits"), generation: 0 };
                let fd = self.tables[index].uring.fd();
                self.tables[0].uring.poll_one(fd, Token::new(Op::Child, key));
            }
        }
        Ok(true)
    }

    fn end_sleep(&mut self) -> Result<(), Error> {
        self.tables[0].uring.submit()?;
        self.note_wake();
        self.reap();
        Ok(())
    }
}

/// Lets the executor run until the ring has completions or the time is over.
async fn park(ring: RawFd, timeout: Option<Duration>) -> Result<(), Error> {
    // SAFETY: the net ring keeps the descriptor open across this call.
    let ring = unsafe { std::os::fd::BorrowedFd::borrow_raw(ring) };
    let copy = ring.try_clone_to_owned().map_err(|error| Error::ring("copy the ring", error))?;
    // SAFETY: the stream owns the copy from here on, and closes it.
    let mut stream = unsafe { TcpStream::from_raw_fd(copy.into_raw_fd()) };
    let mut timer = timeout.map(Timer::new);
    poll_fn(|context| {
        // Any outcome of the read means that its poll resolved.
        let readable = Pin::new(&mut stream).poll_read(context, &mut [0]).is_ready();
        let over = timer.as_mut().is_some_and(|timer| Pin::new(timer).poll(context).is_ready());
        if readable || over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    Ok(())
}
