//! A Redis server that ends with its guard. It keeps nothing on disk.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::needs::{self, Need};
use crate::process::{self, Guarded};

const NEEDS: &[Need] = &[Need {
    program: "redis-server",
    package: "redis-server",
    purpose: "the routes of a cluster",
}];
/// It may take this long until it answers; a quiet machine needs 20 ms.
const START_MAX: Duration = Duration::from_secs(30);

/// A running Redis server. Dropping it ends the process.
pub struct Redis {
    process: Guarded,
    port: u16,
}

impl Redis {
    /// Starts an empty one on a port of its own, and waits until it answers.
    pub fn start() -> Result<Self> {
        needs::install(NEEDS)?;
        let port = process::free_port()?;
        Ok(Self { process: launch(port)?, port })
    }

    /// SIGKILL, then starts it again, empty, and waits until it answers.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = launch(self.port)?;
        Ok(())
    }

    /// `redis://host:port`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn launch(port: u16) -> Result<Guarded> {
    let mut command = process::mortal(Path::new("redis-server"));
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    command.args(["--save", "", "--appendonly", "no"]);
    let mut process = Guarded::spawn("redis", &mut command)?;
    let ready = |line: &str| line.contains("Ready to accept connections").then_some(());
    process.wait_line(START_MAX, ready).context("Redis did not start")?;
    Ok(process)
}
