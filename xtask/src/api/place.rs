//! A gateway with its keys: one that is good for everything, one without each scope, one that ended, one that is over.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::ask::{Ask, Tally};
use crate::process::{self, Guarded};
use crate::programs;

/// What a gateway has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    Store,
    Node,
    /// A node that is not there.
    Nobody,
    SmallRate,
}

/// Every scope.
pub const SCOPES: [&str; 6] = ["read", "send", "system", "devices", "kick", "groups"];
/// A key that is made for a second is over then: seconds are whole.
const OVER_AFTER: Duration = Duration::from_millis(2_100);
const START_MAX: Duration = Duration::from_secs(60);
/// Between two looks; at a small rate one call a second is let through.
const LOOK: Duration = Duration::from_millis(200);

/// A gateway, and the node that it is in front of, if it is.
pub struct Place {
    /// Where it takes calls.
    pub api: String,
    dir: PathBuf,
    gateway: Guarded,
    node: Option<Guarded>,
    keys: Vec<(String, String)>,
}

impl Place {
    pub fn start(with: With) -> Result<Self> {
        let dir = process::scratch_dir(&format!("api-{with:?}").to_lowercase())?;
        let mut keys = Vec::new();
        let mut make = |name: &str, scopes: &str, expires: &str| -> Result<()> {
            let typed = ["--name", name, "--scope", scopes, "--expires", expires];
            keys.push((name.to_owned(), api_key(&dir, &typed)?));
            Ok(())
        };
        make("all", &SCOPES.join(","), "1h")?;
        make("ended", &SCOPES.join(","), "1h")?;
        make("over", &SCOPES.join(","), "1s")?;
        let over_at = Instant::now() + OVER_AFTER;
        for scope in SCOPES {
            let others: Vec<&str> = SCOPES.into_iter().filter(|other| *other != scope).collect();
            make(&format!("without {scope}").replace(' ', "-"), &others.join(","), "1h")?;
        }
        api_key(&dir, &["--name", "ended", "--end"])?;
        let (mut node, mut more) = (None, Vec::new());
        if with == With::Node {
            let (started, at) = start_node(&dir)?;
            node = Some(started);
            more = vec!["--logic".to_owned(), at];
        } else if with == With::Nobody {
            more = vec!["--logic".to_owned(), format!("127.0.0.1:{}", process::free_port()?)];
        } else if with == With::SmallRate {
            more = vec!["--api-rate".to_owned(), "1".to_owned()];
        }
        let log = std::fs::File::create(dir.join("gateway.log"))?;
        let mut command = gateway(&dir);
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cores", "2"]);
        command.args(["--api-listen", "127.0.0.1:0"]).args(more).stderr(log);
        let mut gateway = Guarded::spawn("gateway", &mut command)?;
        let after = |line: &str| Some(line.split_once("api on ")?.1.split(',').next()?.to_owned());
        let api = gateway.wait_line(START_MAX, after)?;
        let place = Self { api, dir, gateway, node, keys };
        if with != With::Nobody {
            place.until_ready()?;
        }
        while Instant::now() < over_at {
            thread::park_timeout(LOOK);
        }
        Ok(place)
    }

    fn until_ready(&self) -> Result<()> {
        let key = Some(self.key("all"));
        let ask = Ask { method: "GET".into(), path: "/v1/health".into(), key, ..Ask::default() };
        let until = Instant::now() + START_MAX;
        while ask.at(&self.api)?.status != 200 {
            ensure!(Instant::now() < until, "the gateway does not become ready");
            thread::park_timeout(LOOK);
        }
        Ok(())
    }

    /// A key by its name.
    pub fn key(&self, name: &str) -> String {
        let found = self.keys.iter().find(|(other, _)| other == name);
        found.expect("it was made").1.clone()
    }

    /// Ends it, and looks at what it said.
    pub fn end(mut self, tally: &mut Tally) -> Result<()> {
        self.gateway.signal(Signal::TERM)?;
        let status = self.gateway.wait_exit(START_MAX)?;
        let told = std::fs::read_to_string(self.dir.join("gateway.log"))?;
        let judge = || {
            ensure!(status.success(), "it ended with {status}");
            ensure!(
                !told.contains("panicked"),
                "it panicked; its log is in {}",
                self.dir.display()
            );
            ensure!(told.contains("longline::audit"), "there is no line of the audit log");
            for (name, key) in &self.keys {
                ensure!(!told.contains(key), "the key {name} is in the log");
            }
            Ok(())
        };
        tally.count("the gateway's end", judge());
        drop(self.node);
        Ok(())
    }
}

/// A UUIDv7 that was not given before, made so many ms from now.
pub fn id(from_now_ms: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let ms = i64::try_from(now).expect("small") + from_now_ms;
    let random: u64 = rand::random();
    format!("{:08x}-{:04x}-7000-8000-{:012x}", ms >> 16, ms & 0xffff, random >> 16)
}

fn gateway(dir: &Path) -> Command {
    let mut command = Command::new(programs::path("gateway"));
    command.env("LONGLINE_DATA_DIR", dir.join("data"));
    command
}

/// What `gateway api-key` prints.
fn api_key(dir: &Path, typed: &[&str]) -> Result<String> {
    let output = gateway(dir).arg("api-key").args(typed).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("gateway api-key ended with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

/// A node with a store of its own, and where it is.
fn start_node(dir: &Path) -> Result<(Guarded, String)> {
    let log = std::fs::File::create(dir.join("node.log"))?;
    let mut command = Command::new(programs::path("logic"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cores", "1"]);
    command.arg("--data-dir").arg(dir.join("node")).stderr(log);
    let mut node = Guarded::spawn("node", &mut command)?;
    let after =
        |line: &str| Some(line.split_once("listening on ")?.1.split(',').next()?.to_owned());
    let at = node.wait_line(START_MAX, after).context("the node did not start")?;
    Ok((node, at))
}
