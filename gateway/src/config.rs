//! Every setting of the gateway, once: name, type, default, what it may be, documentation.
//!
//! A name ends with its unit. The documentation is that of the flag and of the example file. How settings are read is
//! [`service::config`]'s.

use service::CORES_MAX;
use service::config::{ANY, Addresses, LogFilter, LogFormat, Origins, Settings, TlsMode, between};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Milliseconds that a timer may be set to: one day.
const TIMER_MS_MAX: u64 = 86_400_000;

service::settings! {
    /// What the gateway runs with. Read-only.
    Config of "gateway", "LONGLINE_" but &["CQL", "REDIS", "LOGIC_"];

    /// Where clients connect. The default serves this machine only: bind to a public address on purpose.
    /// Port 0 takes a free one.
    listen: SocketAddr = "127.0.0.1:7400", ANY;
    /// Origins whose web pages may connect by WebSocket, such as https://chat.example.com,...; * allows all. Pages of the
    /// host that they connect to always may.
    origins: Origins = "", ANY;
    /// Whether the chat page is served on `listen`. Empty: only while the key for trying out is in use. With that key, and
    /// where `listen` is a loopback address, the page also gets tokens.
    pages: Option<bool> = "", ANY;
    /// Whether clients speak TLS on `listen`: off (something in front of this process may), accept (they may) or require (they
    /// must, and nothing else is read). Off must be said where `listen` is no loopback address.
    tls: TlsMode = "off", ANY;
    /// File with the certificate for that, PEM, and those behind it up to the root's. It is looked at every 10 s and at a
    /// hangup, with the key; a pair that fits is used from then on.
    tls_certificate: Option<PathBuf> = "", ANY;
    /// File with its private key, PEM.
    tls_key: Option<PathBuf> = "", ANY;
    /// Where /metrics, /healthz, /readyz and /config are served, over plain HTTP and to everybody who can connect.
    admin: SocketAddr = "127.0.0.1:7401", ANY;
    /// Whether `admin` may be other than a loopback address.
    admin_allow_remote: bool = "false", ANY;
    /// Where business systems call over HTTP, with TLS if `tls` is not off. Empty: nowhere.
    api_listen: Option<SocketAddr> = "", ANY;
    /// File with what stands for their keys, as `gateway api-key` makes it; read again at a hangup. Empty: `api-keys` in
    /// `data_dir`.
    api_keys_file: Option<PathBuf> = "", ANY;
    /// Calls a second that a key may make, and messages that it may send to many, with bursts of twice as many. 0: no limit.
    api_rate: u32 = "1000", between(0, 1_000_000);
    /// The directory of the embedded store and of the key for trying out. Made at the first start.
    data_dir: PathBuf = "./longline-data", ANY;
    /// Cores to use: one executor and one shard each. 0: one for each CPU that this process may use. If there are just as
    /// many CPUs, each executor has one of its own; else the kernel spreads them over those that it may use.
    cores: u16 = "0", between(0, CORES_MAX as u64);
    /// Shards. 0: as many as the data directory was made with, or `cores` if it is new. A data directory
    /// keeps its number of shards for life, and the gateway runs one executor a shard.
    shards: u16 = "0", between(0, CORES_MAX as u64);
    /// Logic nodes to begin with, host:port,...; the others are learnt from them. Empty: this process has the shards
    /// itself. With nodes nothing of `data_dir` is used but the key for trying out.
    logic: Addresses = "", ANY;
    /// Where clients reach this gateway, as operators see it in the routes. Empty: where it listens.
    advertise: Option<SocketAddr> = "", ANY;
    /// The cluster that the nodes belong to.
    link_cluster: String = "longline", ANY;
    /// File with the secret that all processes of the cluster share, 16 bytes at least. Empty: none, which will do
    /// while all nodes are on loopback.
    link_secret_file: Option<PathBuf> = "", ANY;
    /// Connections that are open at once in this process, at most; more are told that it is busy, and closed.
    connections_max: u32 = "100000", between(1, 10_000_000);
    /// Heartbeat that clients are asked for. A connection that is silent for two of them is closed.
    heartbeat_ms: u64 = "60000", between(1_000, TIMER_MS_MAX);
    /// How long a new connection may take to log in.
    login_timeout_ms: u64 = "5000", between(100, 600_000);
    /// Messages a second that a user may send through this process, over all devices, with bursts of twice as many.
    /// 0: no limit.
    user_rate: u32 = "50", between(0, 1_000_000);
    /// Frames a second that a connection may send, with bursts of twice as many. 0: no limit.
    connection_rate: u32 = "200", between(0, 1_000_000);
    /// Devices of a user that are logged in at once, at most.
    devices_max: u16 = "8", between(1, 64);
    /// Users, chats and conversations that a core keeps in memory while nothing needs them, at about 200
    /// bytes each. Fewer are read from the store more often.
    cached_max: u32 = "400000", between(1_000, 100_000_000);
    /// File with the secret of HS256 tokens: its bytes without the line end at the end, 32 at least.
    /// Empty: none. With no key at all a key for trying out is made in `data_dir`.
    jwt_hs256_key_file: Option<PathBuf> = "", ANY;
    /// File with the public key of EdDSA (Ed25519) tokens, PEM. Empty: none.
    jwt_eddsa_public_key_file: Option<PathBuf> = "", ANY;
    /// The `iss` that a token must have. Empty: not looked at.
    jwt_issuer: Option<String> = "", ANY;
    /// The `aud` that a token must have, alone or among others. Empty: a token with an `aud` is refused,
    /// being meant for somebody else.
    jwt_audience: Option<String> = "", ANY;
    /// How far the clocks of the issuer and of this machine may be apart, in seconds.
    jwt_leeway_s: u64 = "30", between(0, 3_600);
    /// How long a stop may take: after it, connections that are left are closed at once.
    drain_timeout_ms: u64 = "10000", between(0, 600_000);
    /// Connections a second that are told to go while draining.
    drain_rate: u32 = "10000", between(1, 10_000_000);
    /// Bytes to leave free on the disk: with less, sends are refused as long as it lasts.
    store_reserve_bytes: u64 = "268435456", between(0, 1 << 50);
    /// Days for which a message is kept in the inboxes of those who have it. Histories of conversations keep it.
    inbox_days: u16 = "30", between(1, 36_500);
    /// Rows of an inbox that are kept, of those the newest. Histories of conversations keep all messages.
    inbox_rows_max: u64 = "1000000", between(1_000, 1 << 50);
    /// How often each core sends a message between two reserved users, unless clients' own are being delivered; the
    /// gateway is not ready while such a message does not arrive. 0: never.
    canary_ms: u64 = "15000", between(0, TIMER_MS_MAX);
    /// Where a receiver of offline push takes notifications, such as https://push.example.com/longline: docs/push.md. Users that
    /// are away are told through it. Empty: nobody is, and tokens for offline push are refused.
    push_endpoint: Option<String> = "", ANY;
    /// File with the secrets that requests to it are signed with: a line a secret, its name, a space, 32 bytes at least. Two while
    /// they change. It is read again at a hangup.
    push_secret_file: Option<PathBuf> = "", ANY;
    /// File with the certificates, PEM, of those who may sign for its certificate. Empty: those that this machine trusts.
    push_trust_file: Option<PathBuf> = "", ANY;
    /// How long a message waits for a device of its user that is logged in to acknowledge it, before the user is told.
    push_grace_ms: u64 = "5000", between(100, TIMER_MS_MAX);
    /// Whether the receiver is told the beginning of the newest message's text.
    push_preview: bool = "false", ANY;
    /// What is logged: off, error, warn, info, debug or trace, also per module (info,gateway::auth=debug).
    log: LogFilter = "info", ANY;
    /// How it is logged to stderr: text, or json with an object a line.
    log_format: LogFormat = "text", ANY;
    /// File to write when everything is served, with the lines `listen`, `admin`, `pid`. Empty: none.
    ready_file: Option<PathBuf> = "", ANY;
}

impl Config {
    /// Whether tokens are believed that the key for trying out signed: no other is configured.
    #[must_use]
    pub fn is_trying_out(&self) -> bool {
        self.jwt_hs256_key_file.is_none() && self.jwt_eddsa_public_key_file.is_none()
    }

    /// Whether the chat page is served.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        self.pages.unwrap_or_else(|| self.is_trying_out())
    }

    /// The address at which a person finds the chat page, of a gateway that listens here; none, if it has no pages.
    #[must_use]
    pub fn page_at(&self, listen: SocketAddr) -> Option<String> {
        let scheme = if self.tls == TlsMode::Off { "http" } else { "https" };
        let host = match listen.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        self.has_pages().then(|| format!("{scheme}://{host}:{}/", listen.port()))
    }

    fn together(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        let mut add = |name, advice: &str| problems.push((name, advice.to_owned()));
        if !self.admin.ip().is_loopback() && !self.admin_allow_remote {
            let advice = "is not a loopback address, and whoever reaches it reads the metrics: give a \
                          127.0.0.1 port, or set admin_allow_remote = true behind a firewall";
            add("admin", advice);
        }
        let is_typed = self.sources.contains_key("tls");
        match (self.tls, &self.tls_certificate, &self.tls_key) {
            (TlsMode::Off, None, None) if !self.listen.ip().is_loopback() && !is_typed => {
                let advice = "is not a loopback address, and tokens and messages go over it as they are: give tls = \"require\" \
                              with tls_certificate and tls_key, or tls = \"off\" if something in front speaks TLS";
                add("listen", advice);
            }
            (TlsMode::Off, Some(_), _) | (TlsMode::Off, _, Some(_)) => {
                add("tls", "has no use for tls_certificate and tls_key: give accept or require");
            }
            (TlsMode::Accept | TlsMode::Require, None, _) => {
                add("tls", "needs tls_certificate: give the file with the certificate");
            }
            (TlsMode::Accept | TlsMode::Require, _, None) => {
                add("tls", "needs tls_key: give the file with the certificate's key");
            }
            _ => {}
        }
        if let Some(api) = self.api_listen {
            if self.tls == TlsMode::Off && !api.ip().is_loopback() && !is_typed {
                let advice = "is not a loopback address, and keys go over it as they are: give tls = \"require\" with \
                              tls_certificate and tls_key, or tls = \"off\" if something in front speaks TLS";
                add("api_listen", advice);
            }
            if api.port() != 0 && (api == self.listen || api == self.admin) {
                add("api_listen", "is the same as listen or admin: give another port");
            }
        }
        match (&self.push_endpoint, &self.push_secret_file) {
            (Some(_), _) if !self.logic.0.is_empty() => {
                let advice = "works with the embedded store only: nodes of a cluster keep no tokens yet, and tell nobody";
                add("push_endpoint", advice);
            }
            (Some(_), None) => {
                let advice =
                    "needs push_secret_file: write one with `echo \"k1 $(openssl rand -hex 32)\"`";
                add("push_endpoint", advice);
            }
            _ => {}
        }
        if self.listen == self.admin && self.listen.port() != 0 {
            add("admin", "is the same as listen: give another port");
        }
        if self.shards != 0 && self.cores != 0 && self.shards != self.cores {
            let advice =
                "differs from cores, but each shard has one core: give only one of the two";
            add("shards", advice);
        }
        problems
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::defaults()
    }
}
