//! Running, draining, stopping: one state for the process, and who is told when it changes.
//!
//! It does not know what draining means: whoever subscribes does the draining.

use crate::CORES_MAX;
use crate::exit::SIGNAL_BASE;
use crate::logging;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

/// Who may be told: every core, and a few threads beside them.
const SUBSCRIBERS_MAX: usize = CORES_MAX as usize + 16;

/// What the process is doing. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Serving.
    Running,
    /// Telling clients to go.
    Draining,
    /// Closing what is left.
    Stopping,
}

/// Called on a change, from any thread: it wakes somebody, quickly, who then looks at the state.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Reads again what may be replaced while the process runs, and logs what came of it.
pub type Reload = Box<dyn Fn() + Send + Sync>;

/// The state of the process. Clones are the same one.
#[derive(Clone)]
pub struct Shutdown(Arc<Shared>);

struct Shared {
    state: AtomicU8,
    subscribed: AtomicUsize,
    subscribers: [OnceLock<Waker>; SUBSCRIBERS_MAX],
    reload: OnceLock<Reload>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(Shared {
            state: AtomicU8::new(State::Running as u8),
            subscribed: AtomicUsize::new(0),
            subscribers: [const { OnceLock::new() }; SUBSCRIBERS_MAX],
            reload: OnceLock::new(),
        }))
    }
}

impl Shutdown {
    /// What the process is doing.
    #[must_use]
    pub fn state(&self) -> State {
        match self.0.state.load(SeqCst) {
            0 => State::Running,
            1 => State::Draining,
            _ => State::Stopping,
        }
    }

    /// Wakes the caller at every change from now on, and now if it is no longer running.
    pub fn subscribe(&self, waker: Waker) {
        let slot = self.0.subscribed.fetch_add(1, SeqCst);
        assert!(slot < SUBSCRIBERS_MAX, "more subscribers than cores and helpers");
        // The slot is set before the state is read; `advance` changes the state before it reads the
        // slots. So at least one of the two sees the other.
        let set = self.0.subscribers[slot].set(waker.clone());
        assert!(set.is_ok(), "a slot is given once");
        if self.state() != State::Running {
            waker();
        }
    }

    /// Begins to drain, unless it has begun.
    pub fn drain(&self) {
        self.advance(State::Draining);
    }

    /// Begins to stop, unless it has begun.
    pub fn stop(&self) {
        self.advance(State::Stopping);
    }

    fn advance(&self, state: State) {
        if self.0.state.fetch_max(state as u8, SeqCst) < state as u8 {
            self.0.subscribers.iter().filter_map(OnceLock::get).for_each(|waker| waker());
        }
    }

    /// What SIGHUP does. Without it, nothing.
    ///
    /// # Panics
    /// It was said before.
    pub fn reload_by(&self, reload: Reload) {
        assert!(self.0.reload.set(reload).is_ok(), "a process reloads in one way");
    }

    /// Drains at the first SIGTERM or SIGINT; at the second the process ends at once, with 128 + its number. Reloads at
    /// SIGHUP. Names the limit at SIGXFSZ, and goes on. Call it once, before threads are made.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub fn listen_for_signals(&self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGXFSZ])?;
        let shutdown = self.clone();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            signals.forever().for_each(|signal| shutdown.on_signal(signal));
        })?;
        Ok(())
    }

    fn on_signal(&self, signal: i32) {
        if signal == SIGHUP {
            return match self.0.reload.get() {
                Some(reload) => reload(),
                None => tracing::info!("hangup: this process has nothing to read again"),
            };
        }
        if signal == SIGXFSZ {
            // The write fails too, and whoever wrote says what follows. Without a handler it would kill without a word.
            return tracing::error!(
                "a file may not grow: it has the size of RLIMIT_FSIZE; raise it (ulimit -f, LimitFSIZE= of systemd)"
            );
        }
        if self.state() != State::Running {
            tracing::warn!(signal, "stopping at once: second signal");
            logging::flush();
            signal_hook::low_level::exit(SIGNAL_BASE + signal);
        }
        tracing::info!(signal, "draining; a second signal stops at once");
        self.drain();
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shutdown").field(&self.state()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting() -> (Waker, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let waker = move || {
            counted.fetch_add(1, SeqCst);
        };
        (Arc::new(waker), count)
    }

    #[test]
    fn a_state_only_goes_forward() {
        let shutdown = Shutdown::default();
        assert_eq!(shutdown.state(), State::Running);
        shutdown.stop();
        shutdown.drain();
        assert_eq!(shutdown.state(), State::Stopping);
    }

    #[test]
    fn every_change_wakes_once() {
        let shutdown = Shutdown::default();
        let (waker, woken) = counting();
        shutdown.subscribe(waker);
        assert_eq!(woken.load(SeqCst), 0);
        shutdown.drain();
        shutdown.drain();
        assert_eq!(woken.load(SeqCst), 1);
        shutdown.stop();
        assert_eq!(woken.load(SeqCst), 2);
    }

    #[test]
    fn who_comes_late_is_woken_at_once() {
        let shutdown = Shutdown::default();
        shutdown.drain();
        let (waker, woken) = counting();
        shutdown.subscribe(waker);
        assert_eq!(woken.load(SeqCst), 1);
    }

    #[test]
    fn no_wake_is_lost_between_subscribing_and_draining() {
        for _ in 0..200 {
            let shutdown = Shutdown::default();
            let (waker, woken) = counting();
            let other = shutdown.clone();
            let drainer = std::thread::spawn(move || other.drain());
            shutdown.subscribe(waker);
            drainer.join().unwrap();
            assert!(woken.load(SeqCst) >= 1);
        }
    }
}
