//! Whom to load: addresses, or a server of our own. And how to get in.

use crate::failure::Failure;
use crate::serve::{ServeArgs, Server};
use crate::token::{Tokens, key_path};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time to a first connection, by which a target is found to be there.
const FIRST_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the server is.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetArgs {
    /// The server, host:port. Of several, host:port,..., connections take turns; one that is lost
    /// moves to the next.
    #[arg(long, required_unless_present = "serve", value_delimiter = ',')]
    target: Vec<String>,
    #[command(flatten)]
    serve: ServeArgs,
    /// The server's process, to read its CPU and memory; with --serve it is known.
    #[arg(long)]
    server_pid: Option<u32>,
    /// File with the HS256 secret for tokens; by default the gateway's key for trying out.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The gateway's data directory, where that key is.
    #[arg(long, value_name = "DIR", default_value = "./longline-data")]
    data_dir: PathBuf,
}

/// Where the other server of a comparison is.
#[derive(Clone, Debug, clap::Args)]
pub struct Against {
    /// The second server, host:port; tokens are made with the key of the first.
    #[arg(
        long,
        value_delimiter = ',',
        conflicts_with = "against_gateway",
        required_unless_present = "against_gateway"
    )]
    against: Vec<String>,
    /// Its process, to read its CPU; with --against-gateway it is known.
    #[arg(long, requires = "against")]
    against_pid: Option<u32>,
    /// A build of the gateway to start as the second server; the same as the first's compares it
    /// with itself.
    #[arg(long, value_name = "PATH")]
    against_gateway: Option<PathBuf>,
    /// One more argument for that; repeat it.
    #[arg(long, value_name = "ARG", allow_hyphen_values = true, requires = "against_gateway")]
    against_arg: Vec<String>,
}

impl Against {
    /// The same as a target, where the first is known.
    #[must_use]
    pub fn as_target(&self, first: &TargetArgs) -> TargetArgs {
        TargetArgs {
            target: self.against.clone(),
            serve: ServeArgs {
                serve: self.against_gateway.is_some(),
                serve_binary: None,
                serve_gateway: self.against_gateway.clone(),
                serve_arg: self.against_arg.clone(),
            },
            server_pid: self.against_pid,
            key_file: first.key_file.clone(),
            data_dir: first.data_dir.clone(),
        }
    }
}

impl TargetArgs {
    /// For a person.
    #[must_use]
    pub fn named(&self) -> String {
        if !self.serve.serve {
            return self.target.join(" and ");
        }
        let program = self.serve.serve_binary.as_ref().or(self.serve.serve_gateway.as_ref());
        let program = program.map_or_else(|| "the gateway".into(), |at| at.display().to_string());
        let arguments = self.serve.serve_arg.iter().map(|argument| format!(" {argument}"));
        program + &arguments.collect::<String>()
    }
}

/// A server that is there.
pub struct Target {
    /// Its addresses: one at least.
    pub addresses: Vec<SocketAddr>,
    /// Its process, if known.
    pub pid: Option<u32>,
    /// Makes tokens for it.
    pub tokens: Tokens,
    /// Ours to end.
    pub server: Option<Server>,
    /// Its directory, deleted at the end.
    _scratch: Option<tempfile::TempDir>,
}

impl Target {
    /// Finds or starts it. A server of our own has its data beside the files of `out`, on their
    /// disk, until the end; its log stays.
    ///
    /// # Errors
    /// It is not there, or the key is not.
    pub fn find(args: &TargetArgs, out: Option<&Path>) -> Result<Self, Failure> {
        if !args.target.is_empty() {
            let addresses =
                args.target.iter().map(|name| resolve(name)).collect::<Result<_, _>>()?;
            let tokens = Tokens::from_file(&key_path(args.key_file.as_deref(), &args.data_dir))?;
            let found =
                Self { addresses, pid: args.server_pid, tokens, server: None, _scratch: None };
            return found.knock();
        }
        let scratch = scratch(out)?;
        let log_file = out.unwrap_or(scratch.path()).join("server.log");
        let server = Server::start(&args.serve, scratch.path(), &log_file)?;
        let found = Self {
            addresses: vec![server.listen],
            pid: Some(server.pid),
            tokens: server.tokens.clone(),
            server: Some(server),
            _scratch: Some(scratch),
        };
        found.knock()
    }

    /// Ends the server, if it is ours.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    fn knock(self) -> Result<Self, Failure> {
        for address in &self.addresses {
            let knock = TcpStream::connect_timeout(address, FIRST_CONNECT_TIMEOUT);
            knock.map_err(|error| {
                Failure::TargetDown(format!("could not connect to {address}: {error}"))
            })?;
        }
        Ok(self)
    }

    /// The addresses, for a person.
    #[must_use]
    pub fn named(&self) -> String {
        self.joined(" and ")
    }

    /// The addresses, as `--target` takes them.
    #[must_use]
    pub fn list(&self) -> String {
        self.joined(",")
    }

    fn joined(&self, between: &str) -> String {
        let all: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        all.join(between)
    }
}

fn resolve(target: &str) -> Result<SocketAddr, Failure> {
    let resolved = target.to_socket_addrs().ok().and_then(|mut all| all.next());
    resolved.ok_or_else(|| {
        let text = format!("could not resolve {target}: give host:port, such as 127.0.0.1:7400");
        Failure::Preflight(text)
    })
}

/// A new directory, of nobody else: in `out`, or among the temporary ones.
fn scratch(out: Option<&Path>) -> Result<tempfile::TempDir, Failure> {
    let mut named = tempfile::Builder::new();
    named.prefix("loadgen-server-");
    let made = out.map_or_else(|| named.tempdir(), |out| named.tempdir_in(out));
    made.map_err(|error| Failure::preflight("make a directory for the server", error))
}
