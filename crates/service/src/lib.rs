//! What every server process of Longline has: how it is configured and ends, what it logs and counts, how its cores talk.
//!
//! It knows neither connections nor messages.

pub mod exit;
pub mod config;
pub mod lifecycle;
pub mod logging;
pub mod stdout;
pub mod ready;
pub mod clock;
pub mod mailbox;
pub mod environment;
pub mod cores;
pub mod metrics;
pub mod server;
pub mod admin;

/// Executors of one process, at most: twice the hardware threads of the largest single socket that
/// we know of.
pub const CORES_MAX: u16 = 512;
