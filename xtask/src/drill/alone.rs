//! A gateway on a data directory of any state: one that may refuse to start, and says why.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::{Client, Config, Inbox, Position};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use wire::DeviceId;

use super::nodes;
use crate::process::Guarded;
use crate::programs;

/// It listens, or has ended, within this time.
const START_MAX: Duration = Duration::from_secs(60);
/// A session begins within this time.
const LOGIN_MAX: Duration = Duration::from_secs(10);

/// A gateway that serves; killed when dropped.
pub struct Alone {
    pub process: Guarded,
    pub listen: String,
    pub admin: String,
    dir: PathBuf,
    log: PathBuf,
}

/// What a gateway did that was started.
pub enum Started {
    Serves(Alone),
    /// Its exit code, and what it said on stderr.
    Refused(Option<i32>, String),
}

impl Alone {
    /// Starts one on `dir` with two shards and no limits; its log goes to `scratch`, where `gateway.clock` may set its clock.
    ///
    /// # Errors
    /// It does not serve.
    pub fn start(dir: &Path, scratch: &Path) -> Result<Self> {
        match Self::try_start(dir, scratch)? {
            Started::Serves(gateway) => Ok(gateway),
            Started::Refused(code, text) => bail!("the gateway ended with {code:?}: {text}"),
        }
    }

    /// The same where it may refuse.
    pub fn try_start(dir: &Path, scratch: &Path) -> Result<Started> {
        let log = scratch.join("gateway.log");
        let stderr = File::create(&log).context("could not make a log")?;
        let mut command = Command::new(programs::path("gateway"));
        command.arg("--data-dir").arg(dir).args(["--shards", "2"]);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--heartbeat-ms",
            "2000",
        ]);
        command.args([
            "--user-rate",
            "0",
            "--connection-rate",
            "0",
            "--store-reserve-bytes",
            "67108864",
        ]);
        command.env("PLANTED_CLOCK", scratch.join("gateway.clock"));
        let mut process = Guarded::spawn("gateway", command.stderr(stderr))?;
        let line = process.wait_line(START_MAX, |line| Some(line.to_owned()));
        if let Some((listen, admin)) = line.as_deref().ok().and_then(addresses) {
            let dir = dir.to_path_buf();
            return Ok(Started::Serves(Self { process, listen, admin, dir, log }));
        }
        let status = process.wait_exit(START_MAX)?;
        Ok(Started::Refused(status.code(), fs::read_to_string(log)?))
    }

    /// A token for a user, by the key that it made when it started first.
    pub fn token(&self, uid: u64) -> Result<String> {
        nodes::token(&programs::path("gateway"), &self.dir.join("dev-key.hs256"), uid)
    }

    /// What it has said on stderr.
    pub fn told(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Its page of readiness, without the head.
    pub async fn readiness(&self) -> Result<String> {
        let mut stream = TcpStream::connect(&self.admin).await.context("could not ask")?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
        let mut page = String::new();
        stream.read_to_string(&mut page).await?;
        Ok(page.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.trim().to_owned()))
    }
}

/// A client of it that has so much of its inbox.
pub async fn connect(
    listen: &str,
    token: &str,
    device: u64,
    position: Position,
) -> Result<(Client, Inbox)> {
    let (addresses, token) = (vec![listen.to_owned()], token.to_owned());
    let device = DeviceId(device);
    let config = Config { addresses, token, device, position, tls: None };
    Ok(timeout(LOGIN_MAX, Client::connect(config)).await.context("no login")??)
}

/// The addresses in `... listening on 127.0.0.1:4000, admin on 127.0.0.1:4001, ...`.
fn addresses(line: &str) -> Option<(String, String)> {
    let after = |word: &str| Some(line.split_once(word)?.1.split(',').next()?.trim().to_owned());
    Some((after("listening on ")?, after("admin on ")?))
}
