//! The admin server: pages over HTTP, for this machine. It does not know what the pages say.

use crate::exit::Fatal;
use crate::server::Server;
use crate::stdout;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A core whose loop has not come round for so long hangs. Loops come round every second at least.
pub const TICK_AGE_MS_MAX: u64 = 5_000;
/// How long a page may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Binds and serves.
///
/// # Errors
/// The address cannot be bound, or the thread not be made.
pub fn start(address: SocketAddr, pages: Router) -> io::Result<Server> {
    Server::start("admin", address, |listener| async move {
        let pages = pages.into_make_service_with_connect_info::<SocketAddr>();
        if let Err(error) = axum::serve(listener, pages).await {
            tracing::error!(%error, "could not go on serving admin requests");
        }
    })
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
