//! From what was typed to a served node: the store, the task that keeps the lease, the admin pages, then the cores.

use super::clocks;
use super::core::{Cluster, Core, Parts};
use super::limits::{CONTROL_MAX, LINKS_MAX, OWNERSHIP_INPUTS_MAX};
use super::links::Links;
use super::metrics::Metrics;
use super::owners::Owners;
use super::ownership::{self, Seen, Task, Told};
use super::pages::{self, Sources, router};
use super::post::{Control, Post};
use super::routing::Routing;
use super::settings::Config;
use super::slots::{Bounds, Slots};
use super::waits::Waits;
use crate::cluster;
use crate::cql::{CqlClient, CqlConfig, CqlError};
use crate::fence::Fence;
use crate::routes::{self, Routes};
use arc_swap::ArcSwap;
use flume::{Receiver, Sender};
use link::dial::Dialer;
use link::{Clocks, NodeAddress, PeerId, Terms};
use rand::random;
use service::admin;
use service::clock::unix_ms;
use service::config::{self, Settings};
use service::cores::{self, Plan, RING_TICK};
use service::environment;
use service::exit::Fatal;
use service::lifecycle::{Shutdown, State};
use service::mailbox::Directory;
use service::ready;
use service::server::Server;
use shard::ShardConfig;
use shard::command::Now;
use shard::host::Host;
use shard::limits::PARTITIONS;
use shard::owner::{Epoch, Holder, Incarnation, OwnerRow};
use shard::partition::{Partition, ShardId, Share};
use shard::store::{DataDir, EmbeddedConfig};
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What all cores of a node have in common.
struct Node {
    config: Arc<Config>,
    plan: Plan,
    terms: Terms,
    me: Holder,
    inbox_epoch: u64,
    metrics: Arc<Metrics>,
    fence: Arc<Fence>,
    directory: Directory<Post>,
    /// Links to entries of gateways, of all cores.
    entries: Arc<AtomicUsize>,
    /// What is not of a core: the store's driver, the task that keeps the lease.
    runtime: Runtime,
    truth: Truth,
    outside: Outside,
}

/// What is seen from outside, from the start on.
struct Outside {
    admin: Server,
    waits: Waits,
    cluster: Arc<OnceLock<pages::Cluster>>,
    clocks: Arc<ArcSwap<Clocks>>,
}

/// The receiving end of each core's mailbox.
type Mailboxes = Vec<Receiver<Vec<Post>>>;

/// Where the truth is.
enum Truth {
    /// In tables that all nodes share.
    Shared { client: Arc<CqlClient>, told: (Sender<Told>, Receiver<Told>), routes: Option<Routes> },
    /// In a directory of this node.
    Own(DataDir),
}

/// Serves until it is told to stop and has.
///
/// # Errors
/// Why it could not start or go on.
pub fn serve(config: Config) -> Result<(), Fatal> {
    tracing::info!(config = %config::line(&config), "starting");
    let config = Arc::new(config);
    let shutdown = Shutdown::default();
    shutdown
        .listen_for_signals()
        .map_err(|e| Fatal::Environment(format!("could not listen for signals: {e}")))?;
    let plan = Plan { count: config.cores()?, listen: config.listen, shutdown };
    ready::retract(config.ready_file.as_deref());
    let Some((node, mailboxes)) = Node::open(config.clone(), plan)? else { return Ok(()) };
    let served = node.run(mailboxes);
    ready::retract(config.ready_file.as_deref());
    served
}

pub(super) fn runtime() -> Result<Runtime, Fatal> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("beside")
        .enable_all()
        .build()
        .map_err(|e| Fatal::Environment(format!("could not start threads: {e}")))
}

/// The routes in Redis, if there is one. It need not be there yet.
fn open_routes(config: &Config, runtime: &Runtime) -> Option<Routes> {
    let server = routes::Config::new(&config.redis.as_ref()?.0).expect("checked when it was read");
    Some(Routes::start(server, runtime.handle()))
}

/// The store, and the epoch of the inboxes in it: waits until it is there. Nothing if the process was told to stop first.
fn connect(
    config: &Config,
    runtime: &Runtime,
    waits: &Waits,
) -> Result<Option<(Arc<CqlClient>, u64)>, Fatal> {
    let cql = CqlConfig::new(config.cql.0.clone(), config.keyspace.clone());
    let connected = || async {
        let client = CqlClient::connect(cql.clone(), runtime.handle()).await?;
        let inbox_epoch = client.inbox_epoch().await?;
        Ok((client, inbox_epoch))
    };
    let connected = runtime.block_on(waits.until(connected, CqlError::may_pass));
    connected.map_err(|error| Fatal::Config(error.to_string()))
}

impl Outside {
    fn open(config: &Arc<Config>, plan: &Plan, metrics: &Arc<Metrics>) -> Result<Self, Fatal> {
        let (waits, cluster) = (Waits::new(&plan.shutdown), Arc::new(OnceLock::new()));
        let clocks = Arc::<ArcSwap<Clocks>>::default();
        let sources = Sources {
            config: config.clone(),
            metrics: metrics.clone(),
            shutdown: plan.shutdown.clone(),
            waits: waits.clone(),
            cluster: cluster.clone(),
            clocks: clocks.clone(),
        };
        let admin = admin::start(config.admin, router(sources))
            .map_err(|e| Fatal::Environment(format!("could not serve {}: {e}", config.admin)))?;
        Ok(Self { admin, waits, cluster, clocks })
    }
}

impl Node {
    /// Nothing if the process was told to stop while it waited for its store.
    fn open(config: Arc<Config>, plan: Plan) -> Result<Option<(Self, Mailboxes)>, Fatal> {
        environment::prepare()?;
        let runtime = runtime()?;
        let terms = config.terms()?;
        let metrics = Arc::new(Metrics::new(plan.count.into()));
        let outside = Outside::open(&config, &plan, &metrics)?;
        let me = Holder { node: config.node(), incarnation: Incarnation(random()) };
        let (truth, inbox_epoch, fence) = if let Some(dir) = &config.data_dir {
            let data = DataDir::open(dir, plan.count).map_err(|e| Fatal::Store(e.to_string()))?;
            let inbox_epoch = data.inbox_epoch();
            (Truth::Own(data), inbox_epoch, Fence::always_open())
        } else {
            let routes = open_routes(&config, &runtime);
            let Some((client, inbox_epoch)) = connect(&config, &runtime, &outside.waits)? else {
                return Ok(None);
            };
            let told = flume::bounded(OWNERSHIP_INPUTS_MAX);
            (Truth::Shared { client, told, routes }, inbox_epoch, Fence::default())
        };
        let (directory, mailboxes) = Directory::new(plan.count.into());
        let (entries, fence) = (Arc::default(), Arc::new(fence));
        let node = Self {
            config,
            plan,
            terms,
            me,
            inbox_epoch,
            metrics,
            fence,
            directory,
            entries,
            runtime,
            truth,
            outside,
        };
        Ok(Some((node, mailboxes)))
    }

    fn run(self, mailboxes: Mailboxes) -> Result<(), Fatal> {
        let count = usize::from(self.plan.count);
        let (controls, controlled): (Vec<_>, Vec<_>) =
            (0..count).map(|_| flume::bounded(CONTROL_MAX)).unzip();
        let (shown, seen) = watch::channel(Seen::default());
        if let Truth::Shared { client, routes, .. } = &self.truth {
            let (client, routes) = (client.clone(), routes.clone());
            let shown = self.outside.cluster.set(pages::Cluster { client, seen, routes });
            assert!(shown.is_ok(), "a node connects once");
        }
        let mut ends = mailboxes.into_iter().zip(controlled);
        let core = |id| {
            let parts = self.parts(id, ends.next().expect("one a core"))?;
            let plan = self.plan.clone();
            Ok(move |listen, started| run_core(parts, plan, listen, started))
        };
        let announce = |listen: SocketAddr| {
            self.join(listen, controls, shown);
            let (node, at) = (self.config.node, self.outside.admin.address());
            let line = format!("longline logic node {node} listening on {listen}, admin on {at}");
            ready::announce(&line, listen, at, self.config.ready_file.as_deref()).map_err(|e| {
                self.config.refuse("ready_file", &format!("could not be written: {e}"))
            })
        };
        cores::run(&self.plan, core, announce)
    }

    /// Starts to take part in the cluster, once it is known where others reach it. A node of its own just ends when it is
    /// told to.
    fn join(&self, bound: SocketAddr, controls: Vec<Sender<Control>>, shown: watch::Sender<Seen>) {
        let shutdown = self.plan.shutdown.clone();
        let Truth::Shared { client, told, .. } = &self.truth else {
            let stop = shutdown.clone();
            return shutdown.subscribe(Arc::new(move || stop.stop()));
        };
        let (first, directory) = (controls[0].clone(), self.directory.clone());
        self.runtime.spawn(clocks::watch_store(client.clone(), first, directory));
        let parts = ownership::Parts {
            node: self.config.node(),
            address: bound.to_string(),
            settings: self.config.ownership(),
            client: client.clone(),
            fence: self.fence.clone(),
            controls,
            directory: self.directory.clone(),
            inputs: told.clone(),
            entries: self.entries.clone(),
            seen: shown,
        };
        let (name, waits) = (self.config.advertise.0.first().cloned(), self.outside.waits.clone());
        let ended: JoinHandle<()> = self.runtime.spawn(async move {
            let address = match name {
                Some(name) => waits.look_up(&name).await,
                None => Some(bound),
            };
            // Without one the process was told to stop first.
            if let Some(address) = address {
                Task::new(ownership::Parts { address: address.to_string(), ..parts }).run().await;
            }
        });
        let leave = told.0.clone();
        let watched = shutdown.clone();
        shutdown.subscribe(Arc::new(move || {
            if watched.state() == State::Draining {
                // Full only if the task has ended.
                let _ = leave.try_send(Told::unasked(cluster::Input::Leave));
            }
        }));
        self.runtime.spawn(async move {
            if let Err(error) = ended.await {
                tracing::error!(%error, "the task that keeps the lease failed");
            }
            shutdown.stop();
        });
    }

    fn parts(
        &self,
        id: u16,
        (mailbox, controls): (Receiver<Vec<Post>>, Receiver<Control>),
    ) -> Result<Parts, Fatal> {
        let bounds = Bounds {
            cached_max: self.config.cached_max(),
            devices_max: self.config.devices_max.into(),
            inbox_epoch: self.inbox_epoch,
        };
        let mut owners = Owners::default();
        let (slots, cluster) = match &self.truth {
            Truth::Shared { client, told, routes } => {
                let (client, told) = (client.clone(), told.0.clone());
                let routing = routes.clone().map(|routes| Routing::new(routes, self.config.node()));
                let ready = flume::bounded(2 * usize::from(PARTITIONS));
                (Slots::new(bounds), Some(Cluster { client, controls, told, ready, routing }))
            }
            Truth::Own(data) => {
                let epoch = Epoch(data.boot());
                owners.learn(&self.own_all(epoch));
                (Slots::whole(self.host(id, data)?, epoch, bounds), None)
            }
        };
        Ok(Parts {
            id,
            cores: self.plan.count,
            node: self.config.node(),
            inbox_epoch: self.inbox_epoch,
            directory: self.directory.clone(),
            mailbox,
            links: Links::new(self.terms.clone(), self.me, id, rand::make_rng()),
            dialer: Dialer::new(
                self.terms.clone(),
                PeerId::Logic { node: self.me.node, incarnation: self.me.incarnation, core: id },
                rand::make_rng(),
            ),
            slots,
            owners,
            metrics: self.metrics.clone(),
            shutdown: self.plan.shutdown.clone(),
            fence: self.fence.clone(),
            entries: self.entries.clone(),
            clocks: self.outside.clocks.clone(),
            cluster,
        })
    }

    /// Every partition, as the only node has them.
    fn own_all(&self, epoch: Epoch) -> Vec<OwnerRow> {
        let row = |partition| OwnerRow { partition, epoch, holder: self.me };
        Partition::all(PARTITIONS).map(row).collect()
    }

    fn host(&self, id: u16, data: &DataDir) -> Result<Host, Fatal> {
        let wake = self.directory.clone();
        let config = EmbeddedConfig::new(data.home(id));
        let share = Share::Of { id: ShardId(id), shards: self.plan.count };
        let shard = ShardConfig {
            devices_max: self.config.devices_max.into(),
            cached_max: self.config.cached_max(),
            ..ShardConfig::new(share, data.boot(), self.inbox_epoch)
        };
        let now = Now { unix_ms: unix_ms(), mono_ms: 0 };
        Host::open(config, Arc::new(move || wake.wake(id.into())), shard, now)
            .map_err(|e| Fatal::Store(e.to_string()))
    }
}

async fn run_core(
    mut parts: Parts,
    plan: Plan,
    listen: SocketAddr,
    started: Sender<SocketAddr>,
) -> Result<(), Fatal> {
    let config = netring::Config {
        connections_max: LINKS_MAX,
        tick: RING_TICK,
        ..netring::Config::default()
    };
    let (ring, bound) = cores::listen(parts.id, config, listen, &plan)?;
    parts.directory.set_waker(parts.id, ring.waker());
    if parts.cluster.is_none() {
        parts.owners.set_nodes(&[NodeAddress { node: parts.node, address: bound.to_string() }]);
    }
    let core = Core::new(parts, ring);
    // The starter waits for this; if it is gone, the process is ending.
    let _ = started.send(bound);
    core.run().await
}
