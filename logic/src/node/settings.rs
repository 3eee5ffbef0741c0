//! Every setting of a node, once: name, type, default, what it may be, documentation. And what they mean to its parts.
//!
//! How settings are read is [`service::config`]'s.

use super::limits::NODE_CORES_MAX;
use crate::plant::{self, Fault};
use crate::{cluster, routes};
use link::dial::open_secret;
use link::{LINK_CLUSTER_BYTES_MAX, Terms};
use service::config::{ANY, Address, Addresses, LogFilter, Settings, between};
use service::cores;
use service::exit::Fatal;
use shard::owner::NodeId;
use std::net::SocketAddr;
use std::path::PathBuf;

service::settings! {
    /// What a node runs with. Read-only.
    Config of "logic serve", "LONGLINE_LOGIC_" but &[];

    /// This node's number in the cluster, kept across its restarts; no two may have the same.
    node: u16 = "1", between(0, u16::MAX as u64);
    /// Address for links of gateways and other nodes.
    listen: SocketAddr = "127.0.0.1:7500", ANY;
    /// Where others reach it, host:port; looked up at the start. Empty: where it listens.
    advertise: Addresses = "", ANY;
    /// Address of the admin pages. They have no password: loopback or a network of one's own.
    admin: SocketAddr = "127.0.0.1:7501", ANY;
    /// The CQL servers to begin with, host:port,...: the node is one of a cluster.
    cql: Addresses = "", ANY;
    /// The keyspace, made by `logic schema apply`.
    keyspace: String = "longline", ANY;
    /// Where routes are kept, redis://host:port. Empty: nobody outside can see who is logged in where.
    redis: Option<Address> = "", ANY;
    /// Instead of CQL: a directory for embedded stores. The node is alone.
    data_dir: Option<PathBuf> = "", ANY;
    /// File with the secret that all processes of the cluster share, 16 bytes at least. Needed off loopback.
    secret_file: Option<PathBuf> = "", ANY;
    /// The cluster's name: processes of another one are not let in.
    cluster: String = "longline", ANY;
    /// Executors; 0: one for each CPU that this process may use. If there are just as many CPUs, each has one of its own.
    cores: u16 = "0", between(0, NODE_CORES_MAX as u64);
    /// How long a lease lasts, in ms; the same on every node. A dead node's users wait about so long, and a second more.
    lease_ms: u64 = "5000", between(500, 60_000);
    /// Devices of a user that are logged in at once, at most.
    devices_max: u16 = "8", between(1, 64);
    /// Users, chats and conversations that a core keeps in memory while nothing needs them.
    cached_max: u32 = "400000", between(1_000, 100_000_000);
    /// File to write when everything is served, with the lines `listen`, `admin`, `pid`. Empty: none.
    ready_file: Option<PathBuf> = "", ANY;
    /// What is logged: off, error, warn, info, debug or trace, also per module.
    log: LogFilter = "info,scylla=error", ANY;
    /// Whether a line of the log is a JSON object.
    log_json: bool = "false", ANY;
}

impl Config {
    fn together(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut add = |name, advice: String| problems.push((name, advice));
        match (&self.data_dir, self.cql.0.is_empty()) {
            (None, true) => {
                add(
                    "cql",
                    "is empty: give CQL servers, or data_dir for a node that is alone".into(),
                );
            }
            (Some(_), false) => add("data_dir", "excludes cql: give only one of the two".into()),
            _ => {}
        }
        if self.advertise.0.len() > 1 {
            add("advertise", "is more than one address: give one".into());
        }
        let is_everywhere = self.listen.ip().is_unspecified() && self.data_dir.is_none();
        if self.advertise.0.is_empty() && is_everywhere {
            let advice = "is empty, and the node listens on every address: say at which host:port others reach it";
            add("advertise", advice.into());
        }
        if let Some(Err(error)) = self.redis.as_ref().map(|it| routes::Config::new(&it.0)) {
            add("redis", format!("is {error}"));
        }
        if self.cluster.len() > LINK_CLUSTER_BYTES_MAX {
            add("cluster", format!("is too long: give {LINK_CLUSTER_BYTES_MAX} bytes at most"));
        }
        if let Err(error) = self.leases().check() {
            add("lease_ms", error.to_string());
        }
        problems
    }

    /// Looks whether the files that it names can be used.
    ///
    /// # Errors
    /// Which cannot.
    pub fn look(&self) -> Result<(), Fatal> {
        self.terms().map(drop)
    }

    /// The node's number.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId(self.node)
    }

    /// Users, chats and conversations that a core keeps in memory.
    #[must_use]
    pub fn cached_max(&self) -> usize {
        usize::try_from(self.cached_max).expect("32 bits fit")
    }

    /// Executors to run.
    ///
    /// # Errors
    /// There are more CPUs than an entry's number has room for.
    pub fn cores(&self) -> Result<u16, Fatal> {
        let count = cores::count(self.cores);
        let advice =
            format!("is {count} here: give {NODE_CORES_MAX} at most, and run several nodes");
        (count <= NODE_CORES_MAX).then_some(count).ok_or_else(|| self.refuse("cores", &advice))
    }

    /// How leases are kept: the other times follow from the lease's length.
    #[must_use]
    pub fn ownership(&self) -> cluster::Settings {
        let leases = self.leases();
        if plant::has(Fault::TakeoverWithoutWaiting) {
            // Longer than between two renewals: a node that lives is let live.
            let lease_over_ms = leases.renew_every_ms * 3 / 2;
            return cluster::Settings { lease_over_ms, write_timeout_ms: 0, ..leases };
        }
        leases
    }

    fn leases(&self) -> cluster::Settings {
        cluster::Settings {
            lease_ms: self.lease_ms,
            lease_over_ms: self.lease_ms + self.lease_ms / 20,
            // What a dead node had in flight usually lands within ms, or never. The wait only saves
            // a takeover some rewriting; safety does not rest on it.
            write_timeout_ms: self.lease_ms / 20,
            renew_every_ms: self.lease_ms * 3 / 10,
            read_every_ms: (self.lease_ms / 20).min(250),
            ..cluster::Settings::default()
        }
    }

    /// What all links have in common.
    ///
    /// # Errors
    /// There is no secret and others could come in, or it is none.
    pub fn terms(&self) -> Result<Terms, Fatal> {
        let is_loopback = self.listen.ip().is_loopback();
        let secret = open_secret(self.secret_file.as_deref(), is_loopback)
            .map_err(|e| self.refuse("secret_file", &e.to_string()))?;
        Ok(Terms::new(self.cluster.clone(), secret))
    }
}
