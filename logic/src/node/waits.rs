//! What a node that starts waits for: names that are not known, servers that are not there. It says so in the log and to
//! whoever asks whether the node is ready, tries again, and gives up only when the process is told to stop.

use service::lifecycle::{Shutdown, State};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// Between two tries.
const EVERY: Duration = Duration::from_secs(1);
/// Tries between two lines of the log, if the reason stays the same.
const SAY_EVERY: u32 = 60;

/// Why the node does not serve yet, for all to see.
#[derive(Clone)]
pub struct Waits {
    why: Arc<watch::Sender<Option<String>>>,
    shutdown: Shutdown,
    told: Arc<Notify>,
}

impl Waits {
    /// For nothing, until the process is told to stop.
    #[must_use]
    pub fn new(shutdown: &Shutdown) -> Self {
        let told = Arc::new(Notify::new());
        let notified = told.clone();
        shutdown.subscribe(Arc::new(move || notified.notify_one()));
        Self { why: Arc::new(watch::Sender::new(None)), shutdown: shutdown.clone(), told }
    }

    /// What the node waits for now.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        self.why.borrow().clone()
    }

    /// Tries until it is done; nothing if the process was told to stop.
    ///
    /// # Errors
    /// What no waiting helps against.
    pub async fn until<T, E, Tried>(
        &self,
        mut attempt: impl FnMut() -> Tried,
        may_pass: impl Fn(&E) -> bool,
    ) -> Result<Option<T>, E>
    where
        E: std::fmt::Display,
        Tried: Future<Output = Result<T, E>>,
    {
        let mut tries = 0_u32;
        while self.shutdown.state() == State::Running {
            let tried = tokio::select! {
                tried = attempt() => tried,
                () = self.told.notified() => break,
            };
            match tried {
                Ok(done) => {
                    self.why.send_replace(None);
                    return Ok(Some(done));
                }
                Err(error) if may_pass(&error) => self.say(&error.to_string(), tries),
                Err(error) => return Err(error),
            }
            tries += 1;
            tokio::select! {
                () = sleep(EVERY) => {}
                () = self.told.notified() => break,
            }
        }
        Ok(None)
    }

    fn say(&self, why: &str, tries: u32) {
        let is_new = self.why.borrow().as_deref() != Some(why);
        if is_new || tries.is_multiple_of(SAY_EVERY) {
            tracing::warn!(why, "the node waits, and tries again each second");
        }
        self.why.send_replace(Some(why.to_owned()));
    }

    /// The first address of a name.
    pub async fn look_up(&self, name: &str) -> Option<SocketAddr> {
        let attempt = || async {
            let mut found = lookup_host(name).await.map_err(|error| error.to_string())?;
            found.next().ok_or_else(|| "it has no address".to_owned())
        };
        let named = || async {
            attempt().await.map_err(|error| format!("could not look {name} up: {error}"))
        };
        self.until(named, |_| true).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::runtime::Builder;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let paused = Builder::new_current_thread().enable_all().start_paused(true).build();
        paused.unwrap().block_on(future)
    }

    #[test]
    fn what_may_pass_is_waited_for_and_said() {
        let waits = Waits::new(&Shutdown::default());
        let tries = Cell::new(0);
        let attempt = || async {
            tries.set(tries.get() + 1);
            if tries.get() > 1 {
                assert_eq!(waits.why().as_deref(), Some("nobody there"));
            }
            if tries.get() < 4 { Err("nobody there") } else { Ok(7) }
        };
        assert_eq!(block_on(waits.until(attempt, |_| true)), Ok(Some(7)));
        assert_eq!((tries.get(), waits.why()), (4, None));
    }

    #[test]
    fn what_cannot_pass_is_an_error_at_once() {
        let waits = Waits::new(&Shutdown::default());
        let never = || async { Err::<(), _>("another layout") };
        assert_eq!(block_on(waits.until(never, |_| false)), Err("another layout"));
    }

    #[test]
    fn a_signal_ends_the_wait() {
        let shutdown = Shutdown::default();
        let waits = Waits::new(&shutdown);
        let fails = || async {
            shutdown.drain();
            Err::<(), _>("nobody there")
        };
        assert_eq!(block_on(waits.until(fails, |_| true)), Ok(None));
    }

    #[test]
    fn a_signal_ends_a_try_that_hangs() {
        let shutdown = Shutdown::default();
        let waits = Waits::new(&shutdown);
        let hangs = || {
            shutdown.drain();
            std::future::pending::<Result<(), &str>>()
        };
        assert_eq!(block_on(waits.until(hangs, |_| true)), Ok(None));
    }
}
