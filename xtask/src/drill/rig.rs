//! One gateway's place: its data directory and port stay, its processes come and go. And loadgen against it.
//!
//! It does not know why they go, nor what loadgen should see.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::nodes;
use crate::process::{self, Guarded};
use crate::{programs, summary};

/// A fault to plant in the gateway.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Planted {
    /// Acknowledges a message before it is stored, and stores it a little later.
    AckBeforeCommit,
    /// Takes the retry of a message for a new one.
    SkipDedup,
    /// Tells nobody that is away.
    NotifyNobody,
    /// Tells what a device may acknowledge in time.
    NotifyAcked,
    /// Leaves no mark of what a user is owed.
    NotifyNoMark,
    /// Asks anew what may have been asked before a kill.
    NotifyAnew,
}

/// The gateway may take this long until it listens, its store recovered.
pub const START_MAX: Duration = Duration::from_secs(30);
/// loadgen may take this long to its end: the rest of the sending, and reading everything back.
const VERDICT_MAX: Duration = Duration::from_secs(120);

/// The data directory and port of one gateway, and the fault that is planted in it.
pub struct Rig {
    dir: PathBuf,
    port: u16,
    planted: Option<Planted>,
}

/// A gateway that serves; killed when dropped.
pub struct Running {
    pub process: Guarded,
    /// Where its metrics are.
    pub admin: String,
}

impl Rig {
    /// Builds what is needed, and makes an empty place called `name`.
    pub fn new(name: &str, planted: Option<Planted>) -> Result<Self> {
        let dir = process::scratch_dir(name)?;
        programs::build()?;
        Ok(Self { dir, port: process::free_port()?, planted })
    }

    /// Starts the gateway without rate limits, and waits until it serves. Heartbeats come often: a client whose
    /// connection had one comes back soon when it is lost.
    pub fn start(&self, settings: &[&str]) -> Result<Running> {
        let mut command = Command::new(programs::path("gateway"));
        command.arg("--data-dir").arg(self.data_dir());
        command.args(["--listen", &self.address(), "--admin", "127.0.0.1:0"]);
        command.args(["--user-rate", "0", "--connection-rate", "0"]);
        if !settings.contains(&"--heartbeat-ms") {
            command.args(["--heartbeat-ms", "1000"]);
        }
        command.args(settings);
        programs::plant(&mut command, self.planted);
        let mut process = Guarded::spawn("gateway", &mut command)?;
        let admin = process.wait_line(START_MAX, admin_of)?;
        Ok(Running { process, admin })
    }

    /// A run of loadgen by way of `target`; the report of the run before is replaced.
    pub fn loadgen(&self, target: &str) -> Command {
        let mut loadgen = Command::new(programs::path("loadgen"));
        loadgen.args(["run", "--target", target, "--outage-max", "20s"]);
        loadgen.arg("--data-dir").arg(self.data_dir()).arg("--force").arg("--out").arg(self.out());
        loadgen.stdin(Stdio::null());
        loadgen
    }

    /// Waits for loadgen's end and reads what it says.
    pub fn summary(&self, loadgen: &mut Guarded) -> Result<Value> {
        let status = loadgen.wait_exit(VERDICT_MAX)?;
        summary::read(&self.out()).with_context(|| format!("loadgen ended with {status}"))
    }

    /// A token for a user, by the key that the gateway made when it started.
    pub fn token(&self, uid: u64) -> Result<String> {
        nodes::token(&programs::path("gateway"), &self.data_dir().join("dev-key.hs256"), uid)
    }

    /// Where the gateway listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Where loadgen's report is.
    pub fn out(&self) -> PathBuf {
        self.dir.join("out")
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }
}

/// The admin address in the gateway's line `... listening on 127.0.0.1:4000, admin on 127.0.0.1:4001, ...`.
fn admin_of(line: &str) -> Option<String> {
    line.split_once(", admin on ")?.1.split(',').next().map(str::to_owned)
}
