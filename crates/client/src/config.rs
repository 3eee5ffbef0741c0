//! What a client is told once.

use crate::Tls;
use wire::{DeviceId, InboxSeq};

/// How to reach the server, and as whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port`, one or more: the next is tried when one fails.
    pub addresses: Vec<String>,
    /// A JWT whose `sub` is the uid in decimal.
    pub token: String,
    /// Chosen once a device and kept.
    pub device: DeviceId,
    /// The `inbox_seq` of the last message that the application has kept; 0 for none.
    pub cursor: InboxSeq,
    /// The epoch that came with it ([`crate::Received::LoggedIn`], [`crate::Received::InboxReset`]); 0 for none.
    pub inbox_epoch: u64,
    /// Whom to trust, if the server speaks TLS.
    pub tls: Option<Tls>,
}
