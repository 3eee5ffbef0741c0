//! The gateway's pages: metrics, health, readiness and the configuration. They only read.

mod health;
mod routes;

pub use health::Health;

use crate::config::Config;
use crate::metrics::Metrics;
use service::admin::Admin;
use service::lifecycle::Shutdown;
use std::io;
use std::sync::Arc;

/// What the pages read.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The state.
    pub shutdown: Shutdown,
}

/// Binds the address of the configuration and serves.
///
/// # Errors
/// The address cannot be bound, or the thread not be made.
pub fn start(seen: Seen) -> io::Result<Admin> {
    Admin::start(seen.config.admin, routes::router(seen))
}
