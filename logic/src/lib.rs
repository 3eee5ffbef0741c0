//! Logic shards: they order messages, store them, and deliver them.
//!
//! It knows neither sockets nor the bytes of clients' frames; the gateway does.

pub mod limits;
pub mod partition;
pub mod command;
pub mod shard;
pub mod rows;
pub mod store;
pub mod host;
pub mod cluster;
pub mod fence;
pub mod link;
pub mod dial;
#[cfg(feature = "cluster")]
pub mod routes;
#[cfg(feature = "cluster")]
pub mod node;
