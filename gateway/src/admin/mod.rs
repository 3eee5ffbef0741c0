//! The admin server: metrics, health, readiness and the configuration over HTTP, for this machine.
//!
//! One thread with a small tokio runtime of its own, so that it answers while a core is stuck. It only reads.

mod health;
mod routes;

pub use health::{Health, TICK_AGE_MS_MAX};

use crate::config::Config;
use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use tokio::net::TcpListener as AsyncListener;
use tokio::sync::oneshot;

/// What the server reads.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The state.
    pub shutdown: Shutdown,
}

/// The running server. Dropping it ends the server; it answers until then, also while the cores drain.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Admin {
    /// Binds and serves.
    ///
    /// # Errors
    /// The address cannot be bound, or the thread not be made.
    pub fn start(seen: Seen) -> io::Result<Self> {
        let listener = TcpListener::bind(seen.config.admin)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            AsyncListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name("admin".into()).spawn(move || {
            runtime.spawn(async move {
                if let Err(error) = axum::serve(listener, routes::router(seen)).await {
                    tracing::error!(%error, "could not go on serving admin requests");
                }
            });
            // Ends when the sender is dropped; the runtime then drops what is being served.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
