//! Logic shards: they order messages, store them, and deliver them.
//!
//! It knows no sockets and no frames' bytes; the gateway does.

pub mod limits;
pub mod partition;
pub mod command;
pub mod shard;
pub mod rows;
pub mod store;
pub mod host;
pub mod cluster;
pub mod fence;
#[cfg(feature = "cluster")]
pub mod routes;
