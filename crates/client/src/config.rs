//! What a client is told once.

use crate::{Position, Tls};
use wire::DeviceId;

/// How to reach the server, and as whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port`, one or more: the next is tried when one fails.
    pub addresses: Vec<String>,
    /// A JWT whose `sub` is the uid in decimal.
    pub token: String,
    /// Chosen once a device and kept.
    pub device: DeviceId,
    /// What of its inbox it has.
    pub position: Position,
    /// Whom to trust, if the server speaks TLS.
    pub tls: Option<Tls>,
}
