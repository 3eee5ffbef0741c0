//! The servers that a cluster of Longline stands on, for tests and drills: Cassandra for CQL, and Redis. Each on loopback
//! ports of its own, guarded: it is gone when its guard is, and when this process is killed.
//!
//! They know nothing of Longline.

pub mod maven;
pub mod node;
pub mod cassandra;
pub mod redis;

use std::env;

use anyhow::Result;

use crate::process;
pub use cassandra::Cassandra;
use redis::Redis;

/// Where tests find a CQL server, host:port.
const CQL: &str = "LONGLINE_CQL";
/// Where tests find Redis, `redis://host:port`.
const REDIS: &str = "LONGLINE_REDIS";

/// A CQL server and Redis: the user's where the environment names them, else our own.
pub struct Servers {
    variables: Vec<(&'static str, String)>,
    _cassandra: Option<Cassandra>,
    _redis: Option<Redis>,
}

impl Servers {
    /// Starts those that the environment does not name, with empty data, and waits until they answer.
    pub fn start() -> Result<Self> {
        let dir =
            process::target_dir().join("tmp").join(format!("cassandra-{}", std::process::id()));
        let mut variables = Vec::new();
        let cassandra = match env::var(CQL) {
            Ok(_) => None,
            Err(_) => Some(Cassandra::start(&dir)?),
        };
        variables.extend(cassandra.as_ref().map(|cassandra| (CQL, cassandra.address())));
        let redis = match env::var(REDIS) {
            Ok(_) => None,
            Err(_) => Some(Redis::start()?),
        };
        variables.extend(redis.as_ref().map(|redis| (REDIS, redis.url())));
        for (name, value) in &variables {
            println!("{name}={value}");
        }
        Ok(Self { variables, _cassandra: cassandra, _redis: redis })
    }

    /// What a test needs in its environment to find those that were started.
    pub fn variables(&self) -> &[(&'static str, String)] {
        &self.variables
    }
}
