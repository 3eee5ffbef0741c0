//! A connection to one of the server's addresses.

use crate::ClientError;
use crate::limits::CONNECT_TIMEOUT_MS;
use crate::tls::{Stream, Tls};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// A connection, and to whom.
pub(crate) struct Dialed {
    pub stream: Box<dyn Stream>,
    pub address: String,
}

/// Waits, then tries each address once, the one at `first` first. Fails with the last one's error.
pub(crate) async fn dial(
    (addresses, tls): (&[String], Option<&Tls>),
    first: usize,
    delay_ms: u64,
) -> Result<Dialed, ClientError> {
    sleep(Duration::from_millis(delay_ms)).await;
    let mut error = ClientError::NoAddress;
    for index in 0..addresses.len() {
        let address = &addresses[first.wrapping_add(index) % addresses.len()];
        let dialed = timeout(Duration::from_millis(CONNECT_TIMEOUT_MS), dial_one(address, tls));
        match dialed.await.map_err(io::Error::from).flatten() {
            Ok(stream) => return Ok(Dialed { stream, address: address.clone() }),
            Err(source) => error = failed("connect to", address, source),
        }
    }
    Err(error)
}

async fn dial_one(address: &str, tls: Option<&Tls>) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    match tls {
        Some(tls) => tls.over(stream, address).await,
        None => Ok(Box::new(stream)),
    }
}

pub(crate) fn failed(verb: &'static str, address: &str, source: io::Error) -> ClientError {
    ClientError::Io { verb, address: address.to_owned(), source: Arc::new(source) }
}
