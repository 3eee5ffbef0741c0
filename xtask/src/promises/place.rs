//! A small cluster's place: its servers and the ports that its processes keep while they come and go.
//!
//! It does not know what is shown with it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::drill::nodes::{self, Patience, Ports};
use crate::process::{self, Guarded, mortal};
use crate::programs;
use crate::servers::cassandra::Cassandra;
use crate::servers::node::Commitlog;
use crate::servers::redis::Redis;

/// How long a lease lasts here, in ms.
pub const LEASE_MS: u64 = 2_000;
/// Between two looks at what nobody tells.
pub const LOOK: Duration = Duration::from_millis(50);
/// Partitions may take this long until living nodes have all of them: a lease and much room for a busy machine.
const PATIENCE: Patience = Patience { settle_max: Duration::from_secs(30), look: LOOK };
/// Devices of a user, so that one user alone can hold all connections of a drill.
const DEVICES_MAX: &str = "64";

/// The servers and ports of a small cluster.
pub struct Place {
    pub cassandra: Cassandra,
    redis: Redis,
    dir: PathBuf,
    logics: Vec<Ports>,
    gateways: Vec<Ports>,
}

impl Place {
    /// Starts the servers and makes the tables, in an empty folder called `name`.
    pub fn new(name: &str, commitlog: Commitlog) -> Result<Self> {
        let dir = process::scratch_dir(name)?;
        fs::write(dir.join("jwt"), "the key of a drill's tokens, 32 bytes at least")?;
        let place = Self {
            cassandra: Cassandra::start_with(&dir.join("cassandra"), commitlog)?,
            redis: Redis::start()?,
            logics: Ports::free(2)?,
            gateways: Ports::free(2)?,
            dir,
        };
        let server = place.cassandra.address();
        nodes::make_tables(&programs::path("logic"), &["--cql", &server])?;
        Ok(place)
    }

    /// Starts logic node `number`, 1 or 2, which finds its store at `cql`, and waits until it listens.
    pub fn start_logic(&self, number: usize, cql: &str, lease_ms: u64) -> Result<Guarded> {
        let ports = self.logics[number - 1];
        let mut command = mortal(&programs::path("logic"));
        command.args(["serve", "--node", &number.to_string(), "--cores", "1"]);
        command.args(["--listen", &ports.address(), "--admin", &ports.admin()]);
        command.args(["--cql", cql, "--redis", &self.redis.url()]);
        command.args(["--lease-ms", &lease_ms.to_string(), "--devices-max", DEVICES_MAX]);
        self.start(&format!("logic-{number}"), &mut command)
    }

    /// Starts gateway `number`, 1 or 2, without rate limits, and waits until it listens.
    pub fn start_gateway(&self, number: usize) -> Result<Guarded> {
        let ports = self.gateways[number - 1];
        let logics: Vec<String> = self.logics.iter().map(|it| it.address()).collect();
        let mut command = mortal(&programs::path("gateway"));
        command.args(["--listen", &ports.address(), "--admin", &ports.admin()]);
        command.args(["--logic", &logics.join(","), "--cores", "1"]);
        command.arg("--jwt-hs256-key-file").arg(self.dir.join("jwt"));
        command.arg("--data-dir").arg(self.dir.join(format!("gateway-{number}")));
        command.args(["--user-rate", "0", "--connection-rate", "0"]);
        self.start(&format!("gateway-{number}"), &mut command)
    }

    fn start(&self, name: &str, command: &mut Command) -> Result<Guarded> {
        nodes::start(&self.dir, name, command.env("PLANTED_CLOCK", self.clock(name)))
    }

    /// The file that sets the clock of a process, `logic-1` or `gateway-2`: so many ms, as long as it runs.
    pub fn clock(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.clock"))
    }

    /// A token for a user.
    pub fn token(&self, uid: u64) -> Result<String> {
        nodes::token(&programs::path("gateway"), &self.dir.join("jwt"), uid)
    }

    /// Where clients of gateway `number` connect.
    pub fn gateway(&self, number: usize) -> SocketAddr {
        ([127, 0, 0, 1], self.gateways[number - 1].port).into()
    }

    /// What a node says of itself and the cluster.
    pub fn status(&self, number: usize) -> Result<Value> {
        nodes::ask(&programs::path("logic"), &["status"], self.logics[number - 1])
    }

    /// Messages that a node acknowledged since it started.
    pub fn acks(&self, number: usize) -> Result<u64> {
        self.status(number)?["acks"].as_u64().context("a status has acks")
    }

    /// Waits until these nodes serve all partitions, each some. `process` ends only when something is wrong.
    pub fn wait_until_shared(&self, numbers: &[usize], process: &mut Guarded) -> Result<()> {
        let held = |number: &usize| self.status(*number).ok()?["partitions"].as_u64();
        let held = || numbers.iter().map(|number| held(number).unwrap_or(0)).collect();
        let waited = nodes::wait_until_shared(held, PATIENCE, process);
        waited.with_context(|| format!("nodes {numbers:?}; logs are in {}", self.dir.display()))
    }

    /// What an operator sees of where a user is logged in.
    pub fn routes_of(&self, uid: u64) -> Result<String> {
        let url = self.redis.url();
        let mut command = Command::new("redis-cli");
        command.args(["-u", &url, "HGETALL", &format!("longline:route:{{{uid}}}")]);
        let output = command.output().context("could not start redis-cli")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
