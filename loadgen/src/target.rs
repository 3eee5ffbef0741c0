//! Whom to load: addresses, or a server of our own. And how to get in.

use crate::certificate::Certificate;
use crate::failure::Failure;
use crate::fleet::{Carrier, Trust};
use crate::serve::{ServeArgs, Server};
use crate::token::{Tokens, key_path};
use front::ServerName;
use netring::names::Names;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// Time to a first connection, by which a target is found to be there.
const FIRST_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time until a name is known, and between two tries: it may be a moment's fault.
const KNOWN_TIMEOUT: Duration = Duration::from_secs(5);
const KNOWN_EVERY: Duration = Duration::from_millis(200);

/// Where the server is.
#[derive(Clone, Debug, clap::Args)]
pub struct TargetArgs {
    /// The server, host:port. Of several, host:port,..., and of all addresses of a name, connections take turns; one that is
    /// lost moves to the next. Names are looked up again and again: a server that moves is followed.
    #[arg(long, required_unless_present = "serve", value_delimiter = ',')]
    target: Vec<String>,
    #[command(flatten)]
    serve: ServeArgs,
    /// What carries frames.
    #[arg(long, value_enum, default_value_t)]
    carrier: Carrier,
    /// File with the certificates that sign the server's, PEM, for a carrier in TLS; with --serve one is made.
    #[arg(long, value_name = "FILE", conflicts_with = "serve")]
    ca: Option<PathBuf>,
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
    /// What carries frames to the second server; by default the same as to the first.
    #[arg(long, value_enum)]
    against_carrier: Option<Carrier>,
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
            carrier: self.against_carrier.unwrap_or(first.carrier),
            ca: first.ca.clone(),
            server_pid: self.against_pid,
            key_file: first.key_file.clone(),
            data_dir: first.data_dir.clone(),
        }
    }
}

fn trust(
    roots: &[u8],
    carrier: Carrier,
    name: Option<ServerName<'static>>,
) -> Result<Trust, Failure> {
    let trust = Trust::of(roots, carrier, name);
    trust.map_err(|error| Failure::Preflight(format!("the file of --ca {error}")))
}

impl TargetArgs {
    /// Whom to trust, if the carrier is in TLS: for the first target's name, if it has one.
    fn trust(&self) -> Result<Option<Trust>, Failure> {
        if !self.carrier.is_sealed() {
            return Ok(None);
        }
        let advice = "give --ca the file with the certificates that sign the server's";
        let ca = self.ca.as_ref().ok_or_else(|| Failure::Preflight(advice.into()))?;
        let roots = std::fs::read(ca).map_err(|error| Failure::preflight("read --ca", error))?;
        let host = self.target[0].rsplit_once(':').map_or("", |(host, _)| host);
        let name = ServerName::try_from(host.to_owned()).ok();
        trust(&roots, self.carrier, name).map(Some)
    }

    /// For a person.
    #[must_use]
    pub fn named(&self) -> String {
        if !self.serve.serve {
            return format!("{} over {}", self.target.join(" and "), self.carrier);
        }
        let program = self.serve.serve_binary.as_ref().or(self.serve.serve_gateway.as_ref());
        let program = program.map_or_else(|| "the gateway".into(), |at| at.display().to_string());
        let arguments = self.serve.serve_arg.iter().map(|argument| format!(" {argument}"));
        format!("{program}{} over {}", arguments.collect::<String>(), self.carrier)
    }
}

/// A server that is there.
pub struct Target {
    /// Where it is; one address at least.
    pub names: Names,
    /// What carries frames to it.
    pub carrier: Carrier,
    /// Whom connections trust, if they are in TLS.
    trust: Option<Trust>,
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
                args.target.iter().map(|name| resolve(name)).collect::<Result<Vec<_>, _>>()?;
            let tokens = Tokens::from_file(&key_path(args.key_file.as_deref(), &args.data_dir))?;
            addresses.iter().try_for_each(|found| knock(found))?;
            let names = names(args.target.clone())?;
            let (carrier, pid) = (args.carrier, args.server_pid);
            let trust = args.trust()?;
            return Ok(Self { names, carrier, trust, pid, tokens, server: None, _scratch: None });
        }
        let scratch = scratch(out)?;
        let log_file = out.unwrap_or(scratch.path()).join("server.log");
        let certificate =
            args.carrier.is_sealed().then(|| Certificate::make(scratch.path())).transpose()?;
        let server = Server::start((&args.serve, certificate.as_ref()), scratch.path(), &log_file)?;
        knock(&[server.listen])?;
        Ok(Self {
            names: names(vec![server.listen.to_string()])?,
            carrier: args.carrier,
            trust: certificate
                .map(|it| trust(it.pem.as_bytes(), args.carrier, None))
                .transpose()?,
            pid: Some(server.pid),
            tokens: server.tokens.clone(),
            server: Some(server),
            _scratch: Some(scratch),
        })
    }

    /// How it is reached.
    #[must_use]
    pub fn way(&self) -> (&Names, Carrier, Option<&Trust>) {
        (&self.names, self.carrier, self.trust.as_ref())
    }

    /// Ends the server, if it is ours.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
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
        let found = self.names.found().addresses;
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        all.join(between)
    }
}

/// What the names lead to from now on; each was known a moment ago.
fn names(names: Vec<String>) -> Result<Names, Failure> {
    let looked_up = Names::look_up(names, |_, _| {});
    let names = looked_up.map_err(|error| Failure::preflight("start a thread for names", error))?;
    let deadline = Instant::now() + KNOWN_TIMEOUT;
    while names.found().addresses.is_empty() {
        if Instant::now() > deadline {
            return Err(Failure::Preflight("the target's name is not known any more".into()));
        }
        thread::park_timeout(Duration::from_millis(1));
    }
    Ok(names)
}

/// Finds out whether a target is there, at one of its addresses.
fn knock(addresses: &[SocketAddr]) -> Result<(), Failure> {
    let mut last = "a target has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(address, FIRST_CONNECT_TIMEOUT) {
            Ok(_) => return Ok(()),
            Err(error) => last = format!("could not connect to {address}: {error}"),
        }
    }
    Err(Failure::TargetDown(last))
}

/// Finds out where a target is, if it is known.
fn resolve(target: &str) -> Result<Vec<SocketAddr>, Failure> {
    let deadline = Instant::now() + KNOWN_TIMEOUT;
    loop {
        match target.to_socket_addrs() {
            Ok(found) => return Ok(found.collect()),
            Err(_) if Instant::now() < deadline && has_port(target) => {
                thread::park_timeout(KNOWN_EVERY);
            }
            Err(error) => {
                let advice = "give host:port, such as 127.0.0.1:7400";
                let text = format!("could not look {target} up: {error}; {advice}");
                return Err(Failure::Preflight(text));
            }
        }
    }
}

/// Whether it can become known: what is no `host:port` never does.
fn has_port(target: &str) -> bool {
    target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

/// A new directory, of nobody else: in `out`, or among the temporary ones.
fn scratch(out: Option<&Path>) -> Result<tempfile::TempDir, Failure> {
    let mut named = tempfile::Builder::new();
    named.prefix("loadgen-server-");
    let made = out.map_or_else(|| named.tempdir(), |out| named.tempdir_in(out));
    made.map_err(|error| Failure::preflight("make a directory for the server", error))
}
