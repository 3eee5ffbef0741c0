//! The admin server: pages over HTTP, for this machine. It does not know what the pages say.
//!
//! One thread with a small tokio runtime of its own, so that it answers while a core is stuck.

use crate::exit::Fatal;
use crate::stdout;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener as AsyncListener;
use tokio::sync::oneshot;

/// A core whose loop has not come round for so long hangs. Loops come round every second at least.
pub const TICK_AGE_MS_MAX: u64 = 5_000;
/// How long a page may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

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
    pub fn start(address: SocketAddr, pages: Router) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
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
                let pages = pages.into_make_service_with_connect_info::<SocketAddr>();
                if let Err(error) = axum::serve(listener, pages).await {
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

/// Asks a running server for one of its pages, and prints it.
///
/// # Errors
/// It does not answer, or not with that page.
pub fn show(admin: SocketAddr, page: &str) -> Result<(), Fatal> {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&admin, FETCH_TIMEOUT)?;
        stream.set_read_timeout(Some(FETCH_TIMEOUT))?;
        write!(stream, "GET {page} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = asked().map_err(|e: io::Error| {
        Fatal::Environment(format!("could not ask {admin}: {e}; is it running there?"))
    })?;
    let (head, page) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200") => {
            stdout::print(&format!("{}\n", page.trim_end()));
            Ok(())
        }
        _ => Err(Fatal::Environment(format!("{admin} says: {}", page.trim_end()))),
    }
}

/// The answer of a health page.
#[must_use]
pub fn said(verdict: Result<(), String>) -> Response {
    match verdict {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n").into_response(),
    }
}

/// The page of the metrics.
#[must_use]
pub fn prometheus(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The page of the configuration.
#[must_use]
pub fn toml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/toml")], text).into_response()
}
