//! A small cluster's place: its programs, servers and the ports that its processes keep while they come and go.
//!
//! It does not know what is shown with it.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{self, Guarded};
use crate::servers::cassandra::Cassandra;
use crate::servers::mortal;
use crate::servers::node::Commitlog;
use crate::servers::redis::Redis;

/// How long a lease lasts here, in ms.
pub const LEASE_MS: u64 = 2_000;
/// Partitions of a cluster.
const PARTITIONS: u64 = 1_024;
/// A process may take this long until it serves.
const START_MAX: Duration = Duration::from_secs(30);
/// Partitions may take this long until living nodes have all of them: a lease and much room for a busy machine.
const SETTLE_MAX: Duration = Duration::from_secs(30);
/// Between two looks at what nobody tells.
pub const LOOK: Duration = Duration::from_millis(50);
/// How often the tables are tried to be made.
const APPLIES_MAX: u32 = 5;
/// Devices of a user, so that one user alone can hold all connections of a drill.
const DEVICES_MAX: &str = "64";

/// Where the programs are.
pub struct Programs(PathBuf);

impl Programs {
    /// Builds them.
    pub fn build(debug: bool) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--locked", "-p", "gateway", "-p", "logic"]);
        if !debug {
            // Alone, their dependencies would have other features, and be built again.
            cargo.args(["-p", "loadgen", "--release"]);
        }
        process::run_ok(cargo.current_dir(process::root()))?;
        Ok(Self(process::target_dir().join(if debug { "debug" } else { "release" })))
    }

    fn command(&self, name: &str) -> Command {
        mortal(&self.0.join(name))
    }
}

/// See the module.
pub struct Place<'a> {
    programs: &'a Programs,
    pub cassandra: Cassandra,
    redis: Redis,
    dir: PathBuf,
    logics: Vec<Ports>,
    gateways: Vec<Ports>,
}

/// Where a process listens, whenever it runs.
#[derive(Clone, Copy)]
struct Ports {
    clients: u16,
    admin: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        Ok(Self { clients: process::free_port()?, admin: process::free_port()? })
    }
}

impl<'a> Place<'a> {
    /// Starts the servers and makes the tables, in an empty folder called `name`.
    pub fn new(programs: &'a Programs, name: &str, commitlog: Commitlog) -> Result<Self> {
        let dir = process::scratch_dir(name)?;
        fs::write(dir.join("jwt"), "the key of a drill's tokens, 32 bytes at least")?;
        let place = Self {
            cassandra: Cassandra::start_with(&dir.join("cassandra"), commitlog)?,
            redis: Redis::start()?,
            logics: (0..2).map(|_| Ports::free()).collect::<Result<_>>()?,
            gateways: (0..2).map(|_| Ports::free()).collect::<Result<_>>()?,
            programs,
            dir,
        };
        place.make_tables()?;
        Ok(place)
    }

    /// A server that has just started may answer too late to one statement or another; doing it again changes nothing.
    fn make_tables(&self) -> Result<()> {
        let mut apply = self.programs.command("logic");
        apply.args(["schema", "apply", "--replication-factor", "1"]);
        apply.args(["--cql", &self.cassandra.address()]);
        for _ in 1..APPLIES_MAX {
            if process::run(&mut apply)?.success() {
                return Ok(());
            }
        }
        process::run_ok(&mut apply)
    }

    /// Starts logic node `number`, 1 or 2, which finds its store at `cql`, and waits until it listens.
    pub fn start_logic(&self, number: usize, cql: &str, lease_ms: u64) -> Result<Guarded> {
        let ports = self.logics[number - 1];
        let mut command = self.programs.command("logic");
        command.args(["serve", "--node", &number.to_string(), "--cores", "1"]);
        command.args(["--listen", &address(ports.clients), "--admin", &address(ports.admin)]);
        command.args(["--cql", cql, "--redis", &self.redis.url()]);
        command.args(["--lease-ms", &lease_ms.to_string(), "--devices-max", DEVICES_MAX]);
        self.start(&format!("logic-{number}"), &mut command)
    }

    /// Starts gateway `number`, 1 or 2, without rate limits, and waits until it listens.
    pub fn start_gateway(&self, number: usize) -> Result<Guarded> {
        let ports = self.gateways[number - 1];
        let logics: Vec<String> = self.logics.iter().map(|it| address(it.clients)).collect();
        let mut command = self.programs.command("gateway");
        command.args(["--listen", &address(ports.clients), "--admin", &address(ports.admin)]);
        command.args(["--logic", &logics.join(","), "--cores", "1"]);
        command.arg("--jwt-hs256-key-file").arg(self.dir.join("jwt"));
        command.arg("--data-dir").arg(self.dir.join(format!("gateway-{number}")));
        command.args(["--user-rate", "0", "--connection-rate", "0"]);
        self.start(&format!("gateway-{number}"), &mut command)
    }

    fn start(&self, name: &str, command: &mut Command) -> Result<Guarded> {
        let path = self.dir.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path);
        command.stderr(log.with_context(|| format!("could not open {}", path.display()))?);
        let mut process = Guarded::spawn(name, command)?;
        let serves = |line: &str| line.contains(" listening on ").then_some(());
        let started = process.wait_line(START_MAX, serves);
        started.with_context(|| format!("{name} did not start; its log is {}", path.display()))?;
        Ok(process)
    }

    /// A token for a user.
    pub fn token(&self, uid: u64) -> Result<String> {
        let mut command = self.programs.command("gateway");
        command.args(["token", "--uid", &uid.to_string(), "--jwt-hs256-key-file"]);
        let output = command.arg(self.dir.join("jwt")).output().context("could not get a token")?;
        if !output.status.success() {
            bail!("no token: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout).context("a token is text")?.trim_end().to_owned())
    }

    /// Where clients of gateway `number` connect.
    pub fn gateway(&self, number: usize) -> SocketAddr {
        ([127, 0, 0, 1], self.gateways[number - 1].clients).into()
    }

    /// What a node says of itself and the cluster.
    pub fn status(&self, number: usize) -> Result<Value> {
        let mut command = self.programs.command("logic");
        command.args(["status", "--admin", &address(self.logics[number - 1].admin)]);
        let output = command.output().context("could not ask for status")?;
        if !output.status.success() {
            bail!("logic node {number} does not say its status");
        }
        serde_json::from_slice(&output.stdout).context("a status is JSON")
    }

    /// Messages that a node acknowledged since it started.
    pub fn acks(&self, number: usize) -> Result<u64> {
        self.status(number)?["acks"].as_u64().context("a status has acks")
    }

    /// Waits until these nodes serve all partitions, each some. `process` ends only when something is wrong.
    pub fn wait_until_shared(&self, numbers: &[usize], process: &mut Guarded) -> Result<()> {
        let deadline = Instant::now() + SETTLE_MAX;
        loop {
            let held = |number: &usize| self.status(*number).ok()?["partitions"].as_u64();
            let held: Vec<u64> = numbers.iter().map(|number| held(number).unwrap_or(0)).collect();
            if held.iter().sum::<u64>() == PARTITIONS && !held.contains(&0) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("nodes {numbers:?} have {held:?} partitions, not all");
            }
            if process.ends_within(LOOK) {
                bail!("a process ended: its log is in {}", self.dir.display());
            }
        }
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

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
