//! Processes of a cluster that come and go at the same ports: how one is started, asked, and waited for.
//!
//! It does not know what they are given, nor why they go.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{self, Guarded};

/// Partitions of a cluster.
pub const PARTITIONS: u64 = 1_024;
/// A process may take this long until it serves.
const START_MAX: Duration = Duration::from_secs(30);

/// Where a process listens, whenever it runs.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub port: u16,
    pub admin: u16,
}

impl Ports {
    /// Some that are free now, for so many processes.
    pub fn free(count: usize) -> Result<Vec<Self>> {
        let one = |_| Ok(Self { port: process::free_port()?, admin: process::free_port()? });
        (0..count).map(one).collect()
    }

    pub fn address(self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn admin(self) -> String {
        format!("127.0.0.1:{}", self.admin)
    }
}

/// Makes the tables of a cluster on one CQL server; `place` says which server, and which keyspace if not the usual one.
pub fn make_tables(logic: &Path, place: &[&str]) -> Result<()> {
    let mut apply = Command::new(logic);
    process::run_ok(apply.args(["schema", "apply", "--replication-factor", "1"]).args(place))
}

/// Starts a process and waits until it listens. Its log is `name.log` in `dir`, after that of its former lives.
pub fn start(dir: &Path, name: &str, command: &mut Command) -> Result<Guarded> {
    let path = dir.join(format!("{name}.log"));
    let log = File::options().create(true).append(true).open(&path);
    command.stderr(log.with_context(|| format!("could not open {}", path.display()))?);
    let mut process = Guarded::spawn(name, command)?;
    let serves = |line: &str| line.contains(" listening on ").then_some(());
    let started = process.wait_line(START_MAX, serves);
    started.with_context(|| format!("{name} did not start; its log is {}", path.display()))?;
    Ok(process)
}

/// What a node answers to a command of the program `logic`, which prints JSON.
pub fn ask(logic: &Path, words: &[&str], node: Ports) -> Result<Value> {
    let mut command = Command::new(logic);
    command.args(words).args(["--admin", &node.admin()]);
    let output = command.stderr(Stdio::null()).output().context("could not ask a node")?;
    if !output.status.success() {
        bail!("the logic node at {} does not answer {words:?}", node.admin());
    }
    serde_json::from_slice(&output.stdout).context("an answer is JSON")
}

/// A user's token, made by the program `gateway` with the key in a file.
pub fn token(gateway: &Path, key: &Path, uid: u64) -> Result<String> {
    let mut command = Command::new(gateway);
    command.args(["token", "--uid", &uid.to_string(), "--jwt-hs256-key-file"]);
    let output = command.arg(key).output();
    let output = output.context("could not start the gateway for a token")?;
    if !output.status.success() {
        bail!("no token: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout).context("a token is text")?.trim_end().to_owned())
}

/// For how long partitions may be on their way, and how often to look: nobody tells.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    pub settle_max: Duration,
    pub look: Duration,
}

/// Whether these are all partitions, and each node's share is within a third of even, as rendezvous makes them.
fn are_shared(held: &[u64]) -> bool {
    let least = PARTITIONS * 2 / (held.len() as u64 * 3);
    held.iter().sum::<u64>() == PARTITIONS && held.iter().all(|count| *count >= least)
}

/// Waits until nodes have all partitions, each about its share: `held` says how many each has. `process` ends only when
/// something is wrong.
pub fn wait_until_shared(
    held: impl Fn() -> Vec<u64>,
    patience: Patience,
    process: &mut Guarded,
) -> Result<()> {
    let deadline = Instant::now() + patience.settle_max;
    loop {
        let held = held();
        if are_shared(&held) {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the nodes have {held:?} partitions, not all");
        }
        if process.ends_within(patience.look) {
            bail!("a process ended; what it said is in its log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_shared_when_none_is_missing_and_no_node_has_few() {
        assert!(are_shared(&[1_024]) && are_shared(&[511, 513]) && are_shared(&[300, 400, 324]));
        assert!(!are_shared(&[511, 512]) && !are_shared(&[1_000, 24]) && !are_shared(&[1_024, 0]));
    }
}
