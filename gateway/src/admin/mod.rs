//! The gateway's pages: metrics, health, readiness and the configuration, which only read; and what
//! an operator says about a user's sessions.

mod health;
mod routes;

pub use health::Health;
pub use routes::Seen;

use service::admin;
use service::server::Server;
use std::io;

/// Binds the address of the configuration and serves.
///
/// # Errors
/// The address cannot be bound, or the thread not be made.
pub fn start(seen: Seen) -> io::Result<Server> {
    admin::start(seen.config.admin, routes::router(seen))
}
