//! What a node is told when it starts: as typed, and what it means.

use super::limits::NODE_CORES_MAX;
use super::plant::{self, Fault};
use crate::cluster::Settings;
use link::dial::open_secret;
use link::{LINK_CLUSTER_BYTES_MAX, Terms};
use service::cores;
use service::exit::Fatal;
use shard::limits::{CACHED_MAX, DEVICES_MAX};
use shard::owner::NodeId;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// As typed; each also as a variable `LONGLINE_LOGIC_<NAME>`.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// This node's number in the cluster, kept across its restarts; no two may have the same.
    #[arg(long, env = "LONGLINE_LOGIC_NODE", default_value_t = 1)]
    pub node: u16,
    /// Address for links of gateways and other nodes.
    #[arg(long, env = "LONGLINE_LOGIC_LISTEN", default_value = "127.0.0.1:7500")]
    pub listen: SocketAddr,
    /// Where others reach it, host:port; looked up once, here. By default where it listens.
    #[arg(long, env = "LONGLINE_LOGIC_ADVERTISE")]
    pub advertise: Option<String>,
    /// Address of the admin pages. They have no password: loopback or a network of one's own.
    #[arg(long, env = "LONGLINE_LOGIC_ADMIN", default_value = "127.0.0.1:7501")]
    pub admin: SocketAddr,
    /// The CQL servers to begin with, host:port,...: the node is one of a cluster.
    #[arg(
        long,
        env = "LONGLINE_LOGIC_CQL",
        value_delimiter = ',',
        required_unless_present = "data_dir",
        conflicts_with = "data_dir"
    )]
    pub cql: Vec<String>,
    /// The keyspace, made by `logic schema apply`.
    #[arg(long, env = "LONGLINE_LOGIC_KEYSPACE", default_value = "longline")]
    pub keyspace: String,
    /// Where routes are kept, redis://host:port. Without it nobody outside can see who is logged in where.
    #[arg(long, env = "LONGLINE_LOGIC_REDIS")]
    pub redis: Option<String>,
    /// Instead of CQL: a directory for embedded stores. The node is alone.
    #[arg(long, env = "LONGLINE_LOGIC_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// File with the secret that all processes of the cluster share, 16 bytes at least. Needed off loopback.
    #[arg(long, env = "LONGLINE_LOGIC_SECRET_FILE", value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// The cluster's name: processes of another one are not let in.
    #[arg(long, env = "LONGLINE_LOGIC_CLUSTER", default_value = "longline")]
    pub cluster: String,
    /// Executors; 0: one for each CPU that this process may use. If there are just as many CPUs, each has one of its own.
    #[arg(long, env = "LONGLINE_LOGIC_CORES", default_value_t = 0)]
    pub cores: u16,
    /// How long a lease lasts, in ms; the same on every node. A dead node's users wait about so long, and a second more.
    #[arg(long, env = "LONGLINE_LOGIC_LEASE_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(500..=60_000))]
    pub lease_ms: u64,
    /// Devices of one user at a time.
    #[arg(long, env = "LONGLINE_LOGIC_DEVICES_MAX", default_value_t = DEVICES_MAX)]
    pub devices_max: usize,
    /// Users, chats and conversations that a core keeps in memory while nothing needs them.
    #[arg(long, env = "LONGLINE_LOGIC_CACHED_MAX", default_value_t = CACHED_MAX)]
    pub cached_max: usize,
    /// File to write the addresses to once everything is served.
    #[arg(long, env = "LONGLINE_LOGIC_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// What to log: off, error, warn, info, debug or trace, also per module.
    #[arg(long, env = "LONGLINE_LOGIC_LOG", default_value = "info,scylla=error")]
    pub log: String,
    /// Log JSON objects.
    #[arg(long, env = "LONGLINE_LOGIC_LOG_JSON")]
    pub log_json: bool,
}

impl ServeArgs {
    /// The node's number.
    #[must_use]
    pub fn node(&self) -> NodeId {
        NodeId(self.node)
    }

    /// Executors to run.
    ///
    /// # Errors
    /// More than an entry's number has room for.
    pub fn cores(&self) -> Result<u16, Fatal> {
        let count = cores::count(self.cores);
        let text = || format!("--cores: a node has {NODE_CORES_MAX} at most, run several nodes");
        (count <= NODE_CORES_MAX).then_some(count).ok_or_else(|| Fatal::Config(text()))
    }

    /// How leases are kept: the other times follow from the lease's length.
    ///
    /// # Errors
    /// A cluster would not be safe with them.
    pub fn ownership(&self) -> Result<Settings, Fatal> {
        let settings = Settings {
            lease_ms: self.lease_ms,
            lease_over_ms: self.lease_ms + self.lease_ms / 20,
            // What a dead node had in flight usually lands within ms, or never. The wait only saves
            // a takeover some rewriting; safety does not rest on it.
            write_timeout_ms: self.lease_ms / 20,
            renew_every_ms: self.lease_ms * 3 / 10,
            read_every_ms: (self.lease_ms / 20).min(250),
            ..Settings::default()
        };
        settings.check().map_err(|e| Fatal::Config(format!("--lease-ms: {e}")))?;
        if plant::has(Fault::TakeoverWithoutWaiting) {
            // Longer than between two renewals: a node that lives is let live.
            let lease_over_ms = settings.renew_every_ms * 3 / 2;
            return Ok(Settings { lease_over_ms, write_timeout_ms: 0, ..settings });
        }
        Ok(settings)
    }

    /// What all links have in common.
    ///
    /// # Errors
    /// There is no secret and others could come in, or it is none.
    pub fn terms(&self) -> Result<Terms, Fatal> {
        if self.cluster.len() > LINK_CLUSTER_BYTES_MAX {
            let text = format!("--cluster: a name has {LINK_CLUSTER_BYTES_MAX} bytes at most");
            return Err(Fatal::Config(text));
        }
        let is_loopback = self.listen.ip().is_loopback();
        let secret = open_secret(self.secret_file.as_deref(), is_loopback)
            .map_err(|e| Fatal::Config(format!("--secret-file: {e}")))?;
        Ok(Terms::new(self.cluster.clone(), secret))
    }

    /// Where others reach a node that listens on `bound`.
    ///
    /// # Errors
    /// The name is not known.
    pub fn advertised(&self, bound: SocketAddr) -> Result<SocketAddr, Fatal> {
        let Some(name) = &self.advertise else { return Ok(bound) };
        let found = name.to_socket_addrs().ok().and_then(|mut all| all.next());
        let text = || format!("--advertise: could not look {name} up; give host:port");
        found.ok_or_else(|| Fatal::Config(text()))
    }
}
