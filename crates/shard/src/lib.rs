//! Shards: they order messages, store them, and deliver them.
//!
//! It knows neither sockets nor the bytes of clients' frames, and no store but those of one process:
//! a node brings another.

pub mod limits;
pub mod partition;
pub mod owner;
mod session;
mod signal;
mod mail;
mod answer;
pub mod command;
pub mod order;
mod shard;
pub mod offline;
pub mod rows;
pub mod notification;
pub mod page;
pub mod group;
pub mod store;
pub mod host;

pub use shard::{PushConfig, Shard, ShardConfig};
