//! Waking a net ring from another thread. The state is one word, so no wake is lost: whoever
//! changes it second sees what the first did. It does not know how the ring sleeps.
#![allow(unsafe_code, reason = "the standard library makes no event descriptor")]

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The ring runs; it looks before it sleeps.
const AWAKE: u8 = 0;
/// The ring sleeps, or is about to: it has looked.
const SLEEPING: u8 = 1;
/// Somebody woke it.
const NOTIFIED: u8 = 2;

#[derive(Debug)]
struct Shared {
    state: AtomicU8,
    /// Readable after a wake of a sleeping ring.
    event: File,
}

/// Wakes the net ring it came from: a wait that sleeps returns, one that begins does not sleep, and
/// the next events are `Event::Woken` once. Publish what the ring shall find before waking it.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

impl Waker {
    /// Wakes. One system call when the ring sleeps, none when it does not or was woken already.
    pub fn wake(&self) {
        if self.0.state.swap(NOTIFIED, Ordering::AcqRel) == SLEEPING {
            // An event descriptor refuses only when 2^64 - 2 writes were not read; then it is
            // readable all the same.
            let _ = (&self.0.event).write(&1u64.to_ne_bytes());
        }
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// The ring's side.
#[derive(Debug)]
pub(crate) struct Sleeper(Arc<Shared>);

impl Sleeper {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no pointer is passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor this function just made and nobody else owns.
        let event = unsafe { File::from_raw_fd(fd) };
        Ok(Self(Arc::new(Shared { state: AtomicU8::new(AWAKE), event })))
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.0))
    }

    /// Becomes readable with each wake of a sleeping ring. It is never read: an edge is enough.
    pub(crate) fn fd(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }

    /// Announces sleep. `false` when a wake came first.
    pub(crate) fn fall_asleep(&self) -> bool {
        let state = &self.0.state;
        match state.compare_exchange(AWAKE, SLEEPING, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            // A wait was dropped while it slept.
            Err(state) => state == SLEEPING,
        }
    }

    /// Ends sleep, if any. Whether there was a wake since the last time.
    pub(crate) fn awake(&self) -> bool {
        let state = &self.0.state;
        state.load(Ordering::Acquire) != AWAKE && state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_before_sleep_prevents_it_and_is_seen_once() {
        let sleeper = Sleeper::new().unwrap();
        let waker = sleeper.waker();
        assert!(sleeper.fall_asleep());
        assert!(!sleeper.awake());
        waker.wake();
        waker.wake();
        assert!(!sleeper.fall_asleep());
        assert!(sleeper.awake());
        assert!(!sleeper.awake());
        assert!(sleeper.fall_asleep());
    }
}
