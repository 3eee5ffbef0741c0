//! From a configuration to a served gateway: keys, numbers, the admin server, then the cores.

use crate::admin::{self, Seen};
use crate::api::{self, Desk, Keyring};
use crate::auth::Auth;
use crate::backend::remote::Cluster;
use crate::backend::{Backend, Local, Post, Remote};
use crate::config::Config;
use crate::core::{Core, Parts};
use crate::entry::rate::UserRates;
use crate::entry::shared::Shared;
use crate::limits::CLOSING_SLOTS;
use crate::metrics::Metrics;
use crate::pages::Pages;
use crate::questions::Question;
use crate::setup::Setup;
use crate::tls::{self, Opened, Watch};
use crate::webhook::{Line, Secrets, Target, Webhook};
use arc_swap::ArcSwap;
use flume::{Receiver, Sender};
use front::Security;
use service::clock::unix_ms;
use service::config::{self, Settings};
use service::cores::{self, Plan, RING_TICK};
use service::exit::Fatal;
use service::lifecycle::{Reload, Shutdown};
use service::mailbox::Directory;
use service::ready;
use service::server::Server;
use shard::command::Now;
use shard::host::Host;
use shard::notification::Notified;
use shard::partition::{ShardId, Share};
use shard::store::{DataDir, DataDirError, EmbeddedConfig, Retention};
use shard::{PushConfig, ShardConfig};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Serves until it is told to stop and has.
///
/// # Errors
/// Why it could not start or go on.
pub fn serve(config: Config) -> Result<(), Fatal> {
    tracing::info!(config = %config::line(&config), "starting");
    // The allocator asks for huge pages. One takes 2 MiB as soon as a byte of it is used, and the
    // allocator has some for each size and thread: at 38,000 connections 460 B more a connection,
    // and no less CPU for a message.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::warn!(%error, "could not refuse huge pages; the process takes more memory");
    }
    let config = Arc::new(config);
    let shutdown = Shutdown::default();
    let listens = shutdown.listen_for_signals();
    listens.map_err(|e| Fatal::Environment(format!("could not listen for signals: {e}")))?;
    let cluster = Cluster::open(&config)?;
    let (data, cores) = match &cluster {
        None => open_data_dir(&config).map(|(data, shards)| (Some(data), shards))?,
        Some(_) => (None, executors(&config)),
    };
    let auth = Arc::new(Auth::open(&config).map_err(|e| Fatal::Config(e.to_string()))?);
    let metrics = Arc::new(Metrics::new(cores.into()));
    let opened = tls::open(&config).map_err(|e| Fatal::Config(e.to_string()))?;
    let keyring = api::keyring(&config).map_err(Fatal::Config)?.map(Arc::new);
    let secrets = push_secrets(&config)?;
    let watch = watch(&config, opened.as_ref(), &metrics)?;
    shutdown.reload_by(reload((&auth, keyring.clone(), secrets.clone()), &config, watch));
    let (webhook, lines) = push_lines(&config, secrets, &metrics)?;
    let setup = Setup {
        config: config.clone(),
        pages: Pages::of(&config, &auth).map(Arc::new),
        auth,
        security: tls::security(&config, opened.as_ref()),
        metrics,
        shutdown,
        shared: Arc::new(shared(&config)),
        started: Instant::now(),
        quiet: Arc::default(),
        damage: (0..cores).map(|_| OnceLock::new()).collect(),
        clocks: Arc::default(),
    };
    let (questions, asked) = Directory::new(cores.into());
    let seen = Seen {
        config: config.clone(),
        certificates: opened.map(|opened| opened.certificates),
        metrics: setup.metrics.clone(),
        shutdown: setup.shutdown.clone(),
        damage: setup.damage.clone(),
        clocks: setup.clocks.clone(),
        questions: questions.clone(),
        names: cluster.as_ref().map(|cluster| cluster.names().clone()).unwrap_or_default(),
    };
    let api = open_api(&config, seen.clone(), (keyring, &setup))?;
    let admin = admin::start(seen).map_err(|e| taken("admin", config.admin, &e))?;
    let announce = |listen: SocketAddr| {
        let at = admin.address();
        let line = start_line(&config, listen, (at, api.as_ref().map(Server::address)));
        ready::announce(&line, listen, at, config.ready_file.as_deref())
            .map_err(|e| config.refuse("ready_file", &format!("could not be written: {e}")))
    };
    // An earlier process may have left one.
    ready::retract(config.ready_file.as_deref());
    let mut lines = lines.into_iter();
    let backend = |id: u16, directory: &Directory<Post>, mailbox| match (&data, &cluster) {
        (Some(data), _) => {
            let host = host(id, &setup, data, directory)?;
            let metrics = setup.metrics.core(id.into());
            let ids = (id, setup.shards());
            let local = Local::new(ids, host, directory.clone(), mailbox, metrics);
            let local = local.with_webhook(lines.next());
            Ok((Backend::Local(local), data.inbox_epoch()))
        }
        (None, Some(cluster)) => Ok((remote(cluster, id), 0)),
        (None, None) => unreachable!("the shards are here or in other processes"),
    };
    let served = run_cores(&setup, (questions, asked), (webhook, backend), announce);
    ready::retract(config.ready_file.as_deref());
    served
}

fn remote(cluster: &Cluster, core: u16) -> Backend {
    Backend::Remote(Box::new(Remote::new(cluster, core, rand::make_rng())))
}

/// What a person and whoever started the process read at the start.
fn start_line(
    config: &Config,
    listen: SocketAddr,
    (admin, api): (SocketAddr, Option<SocketAddr>),
) -> String {
    let data_dir = config.data_dir.display();
    let page = config.page_at(listen).map(|page| format!("; chat at {page}")).unwrap_or_default();
    let api = api.map(|api| format!(", api on {api}")).unwrap_or_default();
    format!(
        "longline gateway listening on {listen}, admin on {admin}{api}, data in {data_dir}{page}"
    )
}

/// What the entries count together.
fn shared(config: &Config) -> Shared {
    let clients_max = usize::try_from(config.connections_max).unwrap_or(usize::MAX);
    Shared::new(clients_max, UserRates::new(config.user_rate, rand::random()))
}

/// The door for business systems, if there is to be one.
fn open_api(
    config: &Config,
    seen: Seen,
    (keyring, setup): (Option<Arc<Keyring>>, &Setup),
) -> Result<Option<Server>, Fatal> {
    let (Some(at), Some(keyring)) = (config.api_listen, keyring) else { return Ok(None) };
    let tls = match &setup.security {
        Security::Off => None,
        Security::Accept(tls) | Security::Require(tls) => Some(tls.clone()),
    };
    api::open(at, tls, Desk::new(seen, keyring)).map(Some).map_err(|e| taken("api_listen", at, &e))
}

fn taken(setting: &str, at: SocketAddr, error: &io::Error) -> Fatal {
    let flag = setting.replace('_', "-");
    let name = flag.trim_end_matches("-listen");
    Fatal::Environment(format!(
        "could not serve {name} on {at}: {error}; stop what uses it or give another --{flag}"
    ))
}

/// What a hangup replaces: the keys of tokens and of business systems, the secrets of the webhook, and the certificate.
fn reload(
    (auth, keyring, secrets): (&Arc<Auth>, Option<Arc<Keyring>>, Option<PushSecrets>),
    config: &Arc<Config>,
    watch: Option<Watch>,
) -> Reload {
    let (auth, config) = (auth.clone(), config.clone());
    Box::new(move || {
        match auth.reload(&config) {
            Ok(()) => tracing::info!("hangup: the keys of tokens were read again"),
            Err(error) => tracing::error!(%error, "hangup: the keys of tokens stay as they were"),
        }
        match keyring.as_ref().map(|keyring| keyring.reload()) {
            Some(Ok(count)) => {
                tracing::info!(count, "hangup: the keys of business systems were read again")
            }
            Some(Err(error)) => {
                tracing::error!(error, "hangup: the keys of business systems stay as they were");
            }
            None => {}
        }
        watch.iter().for_each(Watch::look);
        let Some(secrets) = &secrets else { return };
        match read_secrets(&config) {
            Ok(read) => {
                secrets.store(Arc::new(read));
                tracing::info!("hangup: the secrets of the webhook were read again");
            }
            Err(error) => {
                tracing::error!(%error, "hangup: the secrets of the webhook stay as they were");
            }
        }
    })
}

type PushSecrets = Arc<ArcSwap<Secrets>>;

fn read_secrets(config: &Config) -> Result<Secrets, Fatal> {
    let path = config.push_secret_file.as_deref().unwrap_or(Path::new(""));
    let refuse = |why: String| config.refuse("push_secret_file", &why);
    Secrets::of_file(path).map_err(refuse)
}

/// The secrets of the webhook, if there is one.
fn push_secrets(config: &Config) -> Result<Option<PushSecrets>, Fatal> {
    let is_on = config.push_endpoint.is_some();
    is_on
        .then(|| read_secrets(config).map(|read| Arc::new(ArcSwap::from_pointee(read))))
        .transpose()
}

/// Begins to ask the receiver of offline push, if there is one: each shard's line to it.
fn push_lines(
    config: &Config,
    secrets: Option<PushSecrets>,
    metrics: &Arc<Metrics>,
) -> Result<(Option<Directory<Notified>>, Vec<Line>), Fatal> {
    let (Some(url), Some(secrets)) = (&config.push_endpoint, secrets) else {
        return Ok((None, Vec::new()));
    };
    let target = Target::of(url, config.push_trust_file.as_deref());
    let target = target.map_err(|e| config.refuse("push_endpoint", &e.to_string()))?;
    let lines = Webhook::start((target, secrets), metrics);
    let (webhook, lines) = lines.map_err(|e| {
        Fatal::Environment(format!("could not start the thread of the webhook: {e}"))
    })?;
    Ok((Some(webhook), lines))
}

/// How shards tell users that are away, if they do. Sessions have two heartbeats to come back to a shard that begins.
fn push_config(config: &Config) -> Option<PushConfig> {
    config.push_endpoint.as_ref().map(|_| PushConfig {
        grace_ms: config.push_grace_ms,
        settle_ms: 2 * config.heartbeat_ms,
        preview: config.push_preview,
    })
}

/// Looks after the files of the certificate, if there is one; else says who is to do so.
fn watch(
    config: &Config,
    opened: Option<&Opened>,
    metrics: &Metrics,
) -> Result<Option<Watch>, Fatal> {
    let Some(opened) = opened else {
        if !config.listen.ip().is_loopback() {
            tracing::warn!(
                listen = %config.listen,
                "tls = off: tokens and messages go over this address as they are, unless something in front speaks TLS"
            );
        }
        return Ok(None);
    };
    let could_not =
        |e| Fatal::Environment(format!("could not start the certificate's thread: {e}"));
    Watch::start(opened, metrics.core(0)).map(Some).map_err(could_not)
}

/// Opens the data directory. If the configuration leaves the number of shards open, it is the
/// directory's.
fn open_data_dir(config: &Config) -> Result<(DataDir, u16), Fatal> {
    let shards = executors(config);
    match DataDir::open(&config.data_dir, shards) {
        Err(DataDirError::OtherShards { found, .. }) if config.shards == 0 => {
            DataDir::open(&config.data_dir, found).map(|data| (data, found))
        }
        opened => opened.map(|data| (data, shards)),
    }
    .map_err(data_dir_failed)
}

pub(crate) fn data_dir_failed(error: DataDirError) -> Fatal {
    let text = error.to_string();
    if matches!(error, DataDirError::Locked(_)) {
        Fatal::Locked(text)
    } else if error.is_of_the_disk() {
        Fatal::Store(text)
    } else {
        Fatal::Config(text)
    }
}

/// How many executors to run; each has one shard.
fn executors(config: &Config) -> u16 {
    cores::count(config.shards.max(config.cores))
}

/// Runs the cores until all have stopped.
fn run_cores(
    setup: &Setup,
    (questions, asked): (Directory<Question>, Vec<Receiver<Vec<Question>>>),
    (webhook, mut backend): (
        Option<Directory<Notified>>,
        impl FnMut(u16, &Directory<Post>, Receiver<Vec<Post>>) -> Result<(Backend, u64), Fatal>,
    ),
    announce: impl FnOnce(SocketAddr) -> Result<(), Fatal>,
) -> Result<(), Fatal> {
    let plan = Plan {
        count: setup.shards(),
        listen: setup.config.listen,
        shutdown: setup.shutdown.clone(),
    };
    let (directory, mailboxes) = Directory::new(plan.count.into());
    let mut mailboxes = mailboxes.into_iter().zip(asked);
    let core = |id| {
        let (mailbox, asked) = mailboxes.next().expect("one a core");
        let (backend, inbox_epoch) = backend(id, &directory, mailbox)?;
        let (setup, directory) = (setup.clone(), directory.clone());
        let parts = Parts { id, setup, backend, inbox_epoch, directory, questions: asked };
        let (plan, from_beside) = (plan.clone(), (questions.clone(), webhook.clone()));
        Ok(move |listen, started| run_core(parts, from_beside, plan, (listen, started)))
    };
    cores::run(&plan, core, announce)
}

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// The shard of a core, with its store.
fn host(
    id: u16,
    setup: &Setup,
    data: &DataDir,
    directory: &Directory<Post>,
) -> Result<Host, Fatal> {
    let wake = directory.clone();
    let embedded = EmbeddedConfig {
        reserve_bytes: setup.config.store_reserve_bytes,
        retention: Retention {
            inbox_age_ms: u64::from(setup.config.inbox_days) * DAY_MS,
            inbox_rows_max: setup.config.inbox_rows_max,
        },
        ..EmbeddedConfig::new(data.home(id))
    };
    let share = Share::Of { id: ShardId(id), shards: setup.shards() };
    let config = ShardConfig {
        devices_max: setup.config.devices_max.into(),
        cached_max: usize::try_from(setup.config.cached_max).expect("32 bits fit"),
        push: push_config(&setup.config),
        ..ShardConfig::new(share, data.boot(), data.inbox_epoch())
    };
    let now = Now { unix_ms: unix_ms(), mono_ms: 0 };
    Host::open(embedded, Arc::new(move || wake.wake(id.into())), config, now)
        .map_err(|e| Fatal::Store(e.to_string()))
}

async fn run_core(
    parts: Parts,
    (questions, webhook): (Directory<Question>, Option<Directory<Notified>>),
    plan: Plan,
    (listen, started): (SocketAddr, Sender<SocketAddr>),
) -> Result<(), Fatal> {
    let connections_max = parts.setup.connections_max() + CLOSING_SLOTS;
    let config = netring::Config {
        connections_max,
        // A client that has said everything may still wait for its answers.
        keeps_half_open: true,
        tick: RING_TICK,
        ..netring::Config::default()
    };
    let (ring, bound) = cores::listen(parts.id, config, listen, &plan)?;
    parts.directory.set_waker(parts.id, ring.waker());
    questions.set_waker(parts.id, ring.waker());
    if let Some(webhook) = webhook {
        webhook.set_waker(parts.id, ring.waker());
    }
    let core = Core::new(parts, (ring, bound));
    // The starter waits for this; if it is gone, the process is ending.
    let _ = started.send(bound);
    core.run().await
}
