//! A thread with a small tokio runtime of its own that serves one listener, so that it answers while a core is stuck.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use tokio::net::TcpListener as AsyncListener;
use tokio::sync::oneshot;

/// The running server. Dropping it ends the server; it answers until then, also while the cores drain.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Binds, and serves on a thread of that name.
    ///
    /// # Errors
    /// The address cannot be bound, or the thread not be made.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        name: &str,
        address: SocketAddr,
        serve: impl FnOnce(AsyncListener) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            AsyncListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.spawn(serve(listener));
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

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
