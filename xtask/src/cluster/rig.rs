//! The place of a cluster: its servers, the ports and numbers that its processes keep while they come and
//! go, and the ways between them.
//!
//! It does not know why they go, nor what loadgen should see.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde_json::Value;
use tokio::runtime::Builder;

use super::bystanders::{Bystander, Bystanders};
use super::felt::{self, Step};
use crate::drill::nodes::{self, Patience, Ports};
use crate::drill::relay::{Manner, Relay};
use crate::drill::watch::Metrics;
use crate::process::{self, Guarded, mortal};
use crate::programs::{self, Release};
use crate::servers::cassandra::Cassandra;
use crate::servers::redis::Redis;
use crate::summary;

/// Between heartbeats. A client gives a silent gateway up after one to two of these: with a host frozen for three leases some
/// do, and others are still there when it goes on.
const HEARTBEAT_MS: &str = "5000";
/// Few conversations: a takeover reads each back, and the more messages one has, the more a mistake with it shows.
const LOAD: [&str; 7] = ["run", "--users", "200", "--friends", "2", "--outage-max", "60s"];
/// And if it has groups too.
const GROUPS: [&str; 6] =
    ["--group-size", "3..40", "--group-share", "0.3", "--membership-changes", "2"];
/// Partitions may take this long until living nodes have all of them: a lease, and much room for a busy machine and a
/// Cassandra that has just started.
const PATIENCE: Patience =
    Patience { settle_max: Duration::from_secs(90), look: Duration::from_millis(100) };
/// A process that was asked to may take this long to hand everything over and end: what the runbook gives it.
const LEAVE_MAX: Duration = Duration::from_secs(120);
/// loadgen may take this long to its end, once it was told to come to one.
const VERDICT_MAX: Duration = Duration::from_secs(180);

/// The tables of ownership, as statements name them.
const TABLES: &[&str] = &["longline.leases", "longline.partitions"];

/// Users who write beside loadgen's: 80 sends a second of all together.
const BYSTANDERS: usize = 8;
/// They are found among these, whom loadgen does not use.
const BYSTANDERS_AMONG: Range<u64> = 1..101;

/// A fault to plant in the nodes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Planted {
    /// A node goes on when its lease is over, or was ended by others.
    IgnoreLease,
    /// Others end a lease while its holder still counts on it.
    TakeoverWithoutWaiting,
}

/// What a cluster is made of.
#[derive(Clone, Copy, Debug)]
pub struct Built {
    pub planted: Option<Planted>,
    /// How long a lease lasts.
    pub lease_ms: u64,
    /// [`Rig::part`] is wanted. The relays that it needs take part of two cores: what is to be timed goes without.
    pub can_part: bool,
}

/// The servers, ports and numbers of a cluster, and the fault that is planted in its nodes.
pub struct Rig {
    pub cassandra: Cassandra,
    pub redis: Redis,
    dir: PathBuf,
    planted: Option<Planted>,
    lease_ms: u64,
    logics: Vec<Place>,
    gateways: Vec<Ports>,
}

/// Where a logic node is, and the ways to it and from it if they can be cut.
struct Place {
    ports: Ports,
    ways: Option<Ways>,
}

struct Ways {
    /// Everybody reaches the node through this.
    door: Relay,
    /// It reaches Cassandra through this.
    store: Relay,
}

impl Place {
    fn ways(&self) -> Result<&Ways> {
        self.ways.as_ref().context("the rig was not built to part hosts")
    }

    /// Where others reach it.
    fn door(&self) -> String {
        self.ways
            .as_ref()
            .map_or_else(|| self.ports.address(), |ways| ways.door.address.to_string())
    }
}

impl Rig {
    /// Builds what is needed, starts the servers and makes the tables, in an empty place called `name`.
    pub fn new(name: &str, built: Built) -> Result<Self> {
        let Built { planted, lease_ms, can_part } = built;
        let dir = process::scratch_dir(name)?;
        programs::build()?;
        fs::write(dir.join("jwt"), "the key of a drill's tokens, 32 bytes at least")?;
        fs::write(dir.join("link"), "the secret of a drill's links, 16 bytes at least")?;
        let cassandra = Cassandra::start(&dir.join("cassandra"))?;
        let server = cassandra.address();
        let place = |ports: Ports| {
            let ways = || -> Result<Ways> {
                let door = Relay::start(ports.address().parse()?, &[])?;
                Ok(Ways { door, store: Relay::start(server.parse()?, TABLES)? })
            };
            Ok(Place { ports, ways: can_part.then(ways).transpose()? })
        };
        let rig = Self {
            logics: Ports::free(3)?.into_iter().map(place).collect::<Result<_>>()?,
            cassandra,
            redis: Redis::start()?,
            gateways: Ports::free(2)?,
            dir,
            planted,
            lease_ms,
        };
        nodes::make_tables(&programs::path("logic"), &["--cql", &server])?;
        Ok(rig)
    }

    /// Starts logic node `number`, 1 to 3, and waits until it listens.
    pub fn start_logic(&self, number: usize) -> Result<Guarded> {
        self.start_logic_of(number, Release::This)
    }

    /// The same, of a release.
    pub fn start_logic_of(&self, number: usize, release: Release) -> Result<Guarded> {
        let place @ Place { ports, ways } = &self.logics[number - 1];
        let server = self.cassandra.address();
        let store = ways.as_ref().map_or(server, |ways| ways.store.address.to_string());
        let mut command = mortal(&programs::path_of("logic", release));
        command.args(["serve", "--node", &number.to_string(), "--cores", "1"]);
        command.args(["--listen", &ports.address(), "--admin", &ports.admin()]);
        command.args(["--advertise", &place.door()]);
        command.args(["--cql", &store, "--redis", &self.redis.url()]);
        command.arg("--secret-file").arg(self.dir.join("link"));
        command.args(["--lease-ms", &self.lease_ms.to_string()]);
        programs::plant(&mut command, self.planted);
        self.start(&format!("logic-{number}"), &mut command)
    }

    /// Starts gateway `number`, 1 or 2, without rate limits, and waits until it listens.
    pub fn start_gateway(&self, number: usize) -> Result<Guarded> {
        self.start_gateway_of(number, Release::This)
    }

    /// The same, of a release.
    pub fn start_gateway_of(&self, number: usize, release: Release) -> Result<Guarded> {
        let place = self.gateways[number - 1];
        // The third node is for them to find.
        let logics = format!("{},{}", self.logics[0].door(), self.logics[1].door());
        let mut command = mortal(&programs::path_of("gateway", release));
        command.args(["--listen", &place.address(), "--admin", &place.admin()]);
        command.args(["--logic", &logics, "--cores", "1"]);
        command.arg("--link-secret-file").arg(self.dir.join("link"));
        command.arg("--jwt-hs256-key-file").arg(self.dir.join("jwt"));
        command.arg("--data-dir").arg(self.dir.join(format!("gateway-{number}")));
        command.args(["--user-rate", "0", "--connection-rate", "0"]);
        command.args(["--heartbeat-ms", HEARTBEAT_MS]);
        self.start(&format!("gateway-{number}"), &mut command)
    }

    fn start(&self, name: &str, command: &mut Command) -> Result<Guarded> {
        nodes::start(&self.dir, name, command)
    }

    /// Where gateways say whether they want clients.
    pub fn gateway_admins(&self) -> Result<Vec<SocketAddr>> {
        let admins = self.gateways.iter().map(|place| place.admin().parse());
        admins.collect::<Result<_, _>>().context("an admin address is one")
    }

    /// Whether something is wrong with its nodes on purpose.
    pub fn is_planted(&self) -> bool {
        self.planted.is_some()
    }

    /// What a node says of itself and the cluster.
    pub fn status(&self, number: usize) -> Result<Value> {
        nodes::ask(&programs::path("logic"), &["status"], self.logics[number - 1].ports)
    }

    /// Waits until these nodes serve all partitions, each some. `process` ends only when something is wrong.
    pub fn wait_until_shared(&self, numbers: &[usize], process: &mut Guarded) -> Result<()> {
        let held = || numbers.iter().map(|number| self.serves(*number)).collect();
        let waited = nodes::wait_until_shared(held, PATIENCE, process);
        waited.with_context(|| format!("nodes {numbers:?}; logs are in {}", self.dir.display()))
    }

    /// Partitions that a node holds and may serve now.
    fn serves(&self, number: usize) -> u64 {
        // One that does not answer serves nothing.
        let status = self.status(number).ok().filter(|status| status["ready"] == "yes");
        status.and_then(|status| status["partitions"].as_u64()).unwrap_or(0)
    }

    /// Partitions that a node holds.
    pub fn held(&self, number: usize) -> Result<u64> {
        self.status(number)?["partitions"].as_u64().context("a status has partitions")
    }

    /// Items that a node heard since it started and did not know: a later release says them.
    pub fn unknown_items(&self, number: usize) -> Result<u64> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let admin = self.logics[number - 1].ports.admin();
        let metrics = runtime.block_on(Metrics::of(&admin))?;
        metrics.sum("longline_logic_dropped_total{reason=\"unknown\"}")
    }

    /// Messages that a node acknowledged since it started.
    pub fn acks(&self, number: usize) -> Result<u64> {
        self.status(number)?["acks"].as_u64().context("a status has acks")
    }

    /// Parts host `number`, a logic node and the gateway of the same number, from all others, and its node from the tables
    /// of ownership: it can still write messages, and hears of no other owner.
    pub fn part(&self, number: usize) -> Result<()> {
        for (place, gateway) in self.logics.iter().zip(&self.gateways) {
            // A gateway tells a node first where its clients connect.
            place.ways()?.door.set(Manner::StillBut(gateway.address()));
        }
        self.logics[number - 1].ways()?.store.set(Manner::Blind);
        Ok(())
    }

    /// Ends [`Rig::part`].
    pub fn mend(&self, number: usize) -> Result<()> {
        for place in &self.logics {
            place.ways()?.door.set(Manner::CLEAR);
        }
        let store = &self.logics[number - 1].ways()?.store;
        store.set(Manner::CLEAR);
        if store.thrown() == 0 {
            bail!(
                "logic {number} asked for no owner and no lease while it could not: nothing was parted"
            );
        }
        Ok(())
    }

    /// Users who write to each other at gateway `number`, and of whom all belongs to logic node `number`.
    pub fn bystanders(&self, number: usize) -> Result<Bystanders> {
        let uids = BYSTANDERS_AMONG.map(|uid| uid.to_string()).collect::<Vec<_>>().join(",");
        let place = self.logics[number - 1].ports;
        let users = nodes::ask(&programs::path("logic"), &["locate", &uids], place)?;
        let is_own = |user: &&Value| user["node"].as_u64() == Some(number as u64);
        let own = users.as_array().into_iter().flatten().filter(is_own);
        let own: Vec<u64> = own.filter_map(|user| user["uid"].as_u64()).collect();
        let one = |pair: &[u64]| {
            let (uid, to) = (pair[0], pair[1]);
            Ok(Bystander { uid, token: self.token(uid)?, to })
        };
        let all: Vec<_> = own.chunks_exact(2).take(BYSTANDERS).map(one).collect::<Result<_>>()?;
        if all.len() < BYSTANDERS {
            bail!("of the users {uids} too few belong to logic {number}");
        }
        Ok(Bystanders::start(self.gateway(number)?, all))
    }

    /// A user's token.
    pub fn token(&self, uid: u64) -> Result<String> {
        nodes::token(&programs::path("gateway"), &self.dir.join("jwt"), uid)
    }

    /// Where clients reach gateway `number`.
    pub fn gateway(&self, number: usize) -> Result<SocketAddr> {
        Ok(self.gateways[number - 1].address().parse()?)
    }

    /// A run of loadgen over both gateways.
    pub fn loadgen(&self) -> Command {
        let targets = format!("{},{}", self.gateways[0].address(), self.gateways[1].address());
        let mut loadgen = mortal(&programs::path("loadgen"));
        loadgen.args(LOAD);
        loadgen.args(["--target", &targets]).arg("--key-file").arg(self.dir.join("jwt"));
        loadgen.arg("--force").arg("--out").arg(self.out());
        loadgen
    }

    /// One that goes on until it is told to end; with so many groups.
    pub fn endless_load(&self, rate: u32, groups: u32) -> Result<Guarded> {
        let mut loadgen = self.loadgen();
        if groups > 0 {
            loadgen.args(["--groups", &groups.to_string()]).args(GROUPS);
        }
        loadgen.args(["--rate", &rate.to_string(), "--warmup", "1s", "--duration", "1h"]);
        Guarded::spawn("loadgen", &mut loadgen)
    }

    /// Waits for loadgen's end and reads what it says.
    pub fn summary(&self, loadgen: &mut Guarded) -> Result<Value> {
        let status = loadgen.wait_exit(VERDICT_MAX)?;
        status.code().context("loadgen was killed")?;
        summary::read(&self.out()).with_context(|| format!("loadgen ended with {status}"))
    }

    /// What loadgen saw in each tenth of a second.
    pub fn steps(&self) -> Result<Vec<Step>> {
        let steps = fs::read_to_string(self.out().join("steps.csv"));
        felt::parse(&steps.context("loadgen left no steps")?)
    }

    /// Where loadgen's report is.
    fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    /// Where the logs are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// SIGTERM; the process must end well.
pub fn leave(mut process: Guarded) -> Result<()> {
    process.signal(Signal::TERM)?;
    let status = process.wait_exit(LEAVE_MAX)?;
    if !status.success() {
        bail!("a process that was asked to leave ended with {status}");
    }
    Ok(())
}
