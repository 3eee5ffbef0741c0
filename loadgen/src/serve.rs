//! A server of the generator's own: started by a keeper in a scratch directory, ended with the run.
//! It knows the program's flags and its ready file, nothing else of it.

use crate::certificate::Certificate;
use crate::failure::Failure;
use crate::keeper::{self, STOP_TIMEOUT};
use crate::token::{self, Tokens};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// From start to the ready file.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// From the close of the keeper's stdin to its end, when it has killed the server and deleted its
/// data.
const KEEPER_TIMEOUT: Duration = STOP_TIMEOUT.saturating_mul(2);
/// Between looks at a file or a child, neither of which calls back.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What to start.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Start a gateway of its own in a scratch directory, without rate limits.
    #[arg(long, conflicts_with_all = ["target", "server_pid", "key_file"])]
    pub serve: bool,
    /// Program to start instead of the gateway beside this one; it gets only --listen and
    /// --ready-file.
    #[arg(long, value_name = "PATH", requires = "serve")]
    pub serve_binary: Option<PathBuf>,
    /// Another build of the gateway to start, with all that the one beside this gets.
    #[arg(long, value_name = "PATH", requires = "serve", conflicts_with = "serve_binary")]
    pub serve_gateway: Option<PathBuf>,
    /// One more argument for the started program; repeat it.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true, requires = "serve")]
    pub serve_arg: Vec<String>,
}

#[derive(Deserialize)]
struct Ready {
    listen: SocketAddr,
    pid: u32,
}

/// A running server. Dropped, it is ended.
pub struct Server {
    keeper: Child,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its process.
    pub pid: u32,
    /// Makes tokens that it takes.
    pub tokens: Tokens,
    stopped: bool,
}

impl Server {
    /// Starts it with its data in `scratch`, and with this certificate if it is to speak TLS; waits until it serves.
    ///
    /// # Errors
    /// There is no such program, or it did not come up: says what it printed.
    pub fn start(
        (args, certificate): (&ServeArgs, Option<&Certificate>),
        scratch: &Path,
        log_file: &Path,
    ) -> Result<Self, Failure> {
        let binary = match args.serve_binary.as_ref().or(args.serve_gateway.as_ref()) {
            Some(path) => path.clone(),
            None => gateway_beside_this()?,
        };
        let (ready_file, data_dir) = (scratch.join("ready"), scratch.join("data"));
        let log = std::fs::File::create(log_file)
            .map_err(|error| Failure::preflight("make the server's log", error))?;
        let log_too =
            log.try_clone().map_err(|error| Failure::preflight("share the log", error))?;
        let mut command = Command::new(&binary);
        command.args(["--listen", "127.0.0.1:0", "--ready-file"]).arg(&ready_file);
        if args.serve_binary.is_none() {
            command.args(["--admin", "127.0.0.1:0", "--user-rate", "0", "--connection-rate", "0"]);
            command.arg("--data-dir").arg(&data_dir);
        }
        if let Some(certificate) = certificate {
            command.args(["--tls", "accept", "--tls-certificate"]).arg(&certificate.file);
            command.arg("--tls-key").arg(&certificate.key_file);
        }
        command.args(&args.serve_arg);
        let keeper = keeper::start(&command, scratch, log.into(), log_too.into())?;
        let (listen, pid) = (SocketAddr::from(([0; 4], 0)), keeper.id());
        // Until its key is read; a program without keys takes any token.
        let tokens = Tokens::from_secret(&[0; 32]);
        let mut server = Self { keeper, listen, pid, tokens, stopped: false };
        let ready = server.wait_ready(&ready_file, log_file)?;
        (server.listen, server.pid) = (ready.listen, ready.pid);
        if args.serve_binary.is_none() {
            server.tokens = Tokens::from_file(&token::key_path(None, &data_dir))?;
        }
        Ok(server)
    }

    fn wait_ready(&mut self, ready_file: &Path, log_file: &Path) -> Result<Ready, Failure> {
        let start = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(ready_file)
                && let Ok(ready) = toml::from_str(&text)
            {
                return Ok(ready);
            }
            let ended = self.keeper.try_wait().ok().flatten();
            if ended.is_some() || start.elapsed() > READY_TIMEOUT {
                self.stopped = ended.is_some();
                let log = std::fs::read_to_string(log_file).unwrap_or_default();
                let state = ended
                    .map_or("did not become ready".into(), |status| format!("ended: {status}"));
                return Err(Failure::Preflight(format!("the server {state}\n{log}")));
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Ends it by SIGTERM, or by force after a while.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        drop(self.keeper.stdin.take());
        let start = Instant::now();
        while start.elapsed() < KEEPER_TIMEOUT {
            if self.keeper.try_wait().ok().flatten().is_some() {
                return;
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        eprintln!("loadgen: the server {} did not end within {KEEPER_TIMEOUT:?}", self.pid);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

fn gateway_beside_this() -> Result<PathBuf, Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::preflight("find this program", error))?;
    let gateway = own.with_file_name("gateway");
    if gateway.is_file() {
        return Ok(gateway);
    }
    Err(Failure::Preflight(format!(
        "there is no {}: build it with `cargo build --release -p gateway` (the same profile as this program)",
        gateway.display()
    )))
}
