//! One server and one load: starts the gateway or the relay floor, and loadgen against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::figures::Figures;
use crate::process::{self, Guarded};

/// A server may take this long until it listens.
pub const START_MAX: Duration = Duration::from_secs(30);
/// Before the measured time, at the full rate.
pub const WARMUP_S: u32 = 3;
/// loadgen's exit code for a broken promise.
const BROKEN: i32 = 4;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Gateway,
    Floor,
}

/// How messages are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Closed loop: so many are in flight.
    Window(u32),
    /// Open loop: so many a second.
    Rate(u32),
}

impl Load {
    /// As the table says it.
    pub fn name(self) -> String {
        match self {
            Self::Window(window) => format!("{window} in flight"),
            Self::Rate(rate) => format!("{rate}/s"),
        }
    }

    /// As loadgen takes it.
    pub fn args(self) -> [String; 2] {
        match self {
            Self::Window(window) => ["--window".to_owned(), window.to_string()],
            Self::Rate(rate) => ["--rate".to_owned(), rate.to_string()],
        }
    }
}

/// A server that listens; killed when dropped.
pub struct Server {
    process: Guarded,
    listen: String,
    target: Target,
}

impl Server {
    /// Starts a server; the gateway with an empty data directory and without rate limits, which a load of few users
    /// would meet first.
    pub fn start(target: Target, data_dir: &Path) -> Result<Self> {
        let (name, mut command) = match target {
            Target::Floor => ("floor", Command::new(process::release_binary("relay-floor"))),
            Target::Gateway => {
                let mut gateway = Command::new(process::release_binary("gateway"));
                gateway.arg("--data-dir").arg(data_dir).args([
                    "--admin",
                    "127.0.0.1:0",
                    "--user-rate",
                    "0",
                    "--connection-rate",
                    "0",
                ]);
                ("gateway", gateway)
            }
        };
        command.args(["--listen", "127.0.0.1:0"]);
        let mut process = Guarded::spawn(name, &mut command)?;
        let listen = process.wait_line(START_MAX, listen_of)?;
        Ok(Self { process, listen, target })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A loadgen against it: 500 users, 128 bytes, its report in `out`.
    pub fn loadgen(&self, load: Load, seconds: u32, out: &Path, data_dir: &Path) -> Command {
        let mut loadgen = Command::new(process::release_binary("loadgen"));
        loadgen.args(["run", "--target", &self.listen, "--users", "500", "--payload", "128"]);
        loadgen.args(["--server-pid", &self.pid().to_string()]).args(load.args());
        loadgen.args(["--duration", &format!("{seconds}s"), "--warmup", &format!("{WARMUP_S}s")]);
        if self.target == Target::Floor {
            loadgen.arg("--no-drain");
        }
        loadgen.arg("--force").arg("--out").arg(out).arg("--data-dir").arg(data_dir);
        loadgen.stdin(Stdio::null()).stdout(Stdio::null());
        loadgen
    }

    /// Runs a load to its end.
    pub fn measure(&self, load: Load, seconds: u32, data_dir: &Path) -> Result<Figures> {
        let out = process::scratch_dir("bench-load")?;
        let mut loadgen = self.loadgen(load, seconds, &out, data_dir);
        let status = process::run(&mut loadgen)?;
        // The floor promises nothing; only its figures are asked for.
        if self.target == Target::Gateway && status.code() == Some(BROKEN) {
            bail!("loadgen saw a promise broken: see {}", out.display());
        }
        let figures = Figures::read(&out);
        figures.with_context(|| format!("loadgen ended with {status} and left no figures"))
    }
}

/// The packages of a gateway, the relay floor and loadgen.
pub const FLOOR_AND_GATEWAY: &[&str] = &["gateway", "loadgen", "bench"];

/// Builds the programs of these packages.
pub fn build(packages: &[&str]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(process::root()).args(["build", "--release", "--locked", "--bins"]);
    cargo.args(packages.iter().flat_map(|package| ["-p", package]));
    process::run_ok(&mut cargo)
}

/// An empty data directory for a gateway.
pub fn data_dir() -> Result<PathBuf> {
    process::scratch_dir("bench-data")
}

/// The machine, for a table's head.
pub fn machine() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} cores, Linux {}, loadgen beside", kernel.trim())
}

/// The address in a server's line `... listening on 127.0.0.1:4000, ...`.
pub fn listen_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("listening on ")?;
    rest.split([',', ' ']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_where_it_listens() {
        for line in
            ["listening on 127.0.0.1:4000", "gateway listening on 127.0.0.1:4000, admin on x"]
        {
            assert_eq!(listen_of(line).as_deref(), Some("127.0.0.1:4000"));
        }
        assert_eq!(listen_of("starting"), None);
    }

    #[test]
    fn a_load_is_named_and_asked_for() {
        assert_eq!(Load::Window(256).name(), "256 in flight");
        assert_eq!(Load::Rate(2000).args(), ["--rate", "2000"]);
    }
}
