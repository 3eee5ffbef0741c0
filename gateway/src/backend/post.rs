//! What one core tells another.

use shard::command::{Command, Delivery, Mail, ReplyTo};

/// One thing for another core.
#[derive(Debug)]
pub enum Post {
    /// From an entry to a shard.
    Command(Command, ReplyTo),
    /// From a shard to a shard.
    Mail(Mail),
    /// From a shard to an entry.
    Delivery(Delivery),
}
