//! The logic node of a cluster: which partitions it owns, and how it serves them.
//!
//! Shards are in the crate `shard`; here is what hosts them: ownership, the store over CQL, the
//! routes, the process. It knows no client and no frame of one.

mod plant;
pub mod cluster;
pub mod fence;
mod backoff;
pub mod breaker;
pub mod cql;
pub mod routes;
pub mod node;
