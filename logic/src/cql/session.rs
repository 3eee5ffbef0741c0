//! A session of the driver as this program uses it, and which of its errors may pass. It knows no table.

use super::config::{CqlConfig, CqlError};
use crate::backoff::Backoff;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::statement::{Consistency, SerialConsistency};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;

/// A paused server holds every place until this has passed twice; the driver's own 30 s are too long.
const KEEPALIVE: Duration = Duration::from_secs(1);

/// The first wait before a statement is tried again, at most.
const RETRY_FIRST_MS: u64 = 50;
/// The longest such wait.
const RETRY_LONGEST_MS: u64 = 1_000;

/// Connects.
pub async fn open(config: &CqlConfig) -> Result<Session, CqlError> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(config.request_timeout))
        .build();
    let builder = SessionBuilder::new()
        // The driver looks names up again when it has lost every server, and takes one address of each.
        .known_nodes(&config.contact_points)
        .known_nodes_addr(addresses(config).await)
        .default_execution_profile_handle(profile.into_handle())
        .keyspaces_to_fetch([&config.keyspace])
        .tcp_nodelay(true)
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE);
    builder.build().await.map_err(|error| CqlError::Unreachable {
        contact_points: config.contact_points.join(","),
        reason: error.to_string(),
    })
}

/// Between the tries of a statement. A dead pool refuses in microseconds: without a wait a retry spins.
pub fn backoff() -> Backoff {
    Backoff::new(RETRY_FIRST_MS, RETRY_LONGEST_MS)
}

/// Every address of every contact point, as far as they are known now.
async fn addresses(config: &CqlConfig) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for name in &config.contact_points {
        match lookup_host(name).await {
            Ok(found) => addresses.extend(found),
            Err(error) => tracing::warn!(name, %error, "could not look a CQL server up"),
        }
    }
    addresses
}

/// Whether it may pass by itself; if not, somebody must mend something.
pub fn may_pass(error: &ExecutionError) -> bool {
    let ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _)) = error else {
        return !matches!(error, ExecutionError::BadQuery(_));
    };
    !matches!(
        error,
        DbError::SyntaxError
            | DbError::Invalid
            | DbError::AlreadyExists { .. }
            | DbError::AuthenticationError
            | DbError::Unauthorized
            | DbError::ConfigError
    )
}
