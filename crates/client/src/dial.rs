//! A TCP connection to one of the server's addresses.

use crate::ClientError;
use crate::limits::CONNECT_TIMEOUT_MS;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Waits, then tries each address once, the one at `first` first. Fails with the last one's error.
pub(crate) async fn dial(
    addresses: &[String],
    first: usize,
    delay_ms: u64,
) -> Result<TcpStream, ClientError> {
    sleep(Duration::from_millis(delay_ms)).await;
    let mut error = ClientError::NoAddress;
    for index in 0..addresses.len() {
        let address = &addresses[first.wrapping_add(index) % addresses.len()];
        match dial_one(address).await {
            Ok(stream) => return Ok(stream),
            Err(source) => error = failed("connect to", address, source),
        }
    }
    Err(error)
}

async fn dial_one(address: &str) -> io::Result<TcpStream> {
    let stream =
        timeout(Duration::from_millis(CONNECT_TIMEOUT_MS), TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) fn failed(verb: &'static str, address: &str, source: io::Error) -> ClientError {
    ClientError::Io { verb, address: address.to_owned(), source: Arc::new(source) }
}
