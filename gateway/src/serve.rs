//! From a configuration to a served gateway: keys, numbers, the admin server, then the cores.

use crate::admin::{Admin, Seen};
use crate::auth::Auth;
use crate::config::Config;
use crate::exit::Fatal;
use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use crate::ready;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;

/// What every core is given.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// Verifies tokens.
    pub auth: Arc<Auth>,
    /// The numbers; each core writes its own.
    pub metrics: Arc<Metrics>,
    /// The state of the process.
    pub shutdown: Shutdown,
}

/// Serves until it is told to stop and has.
///
/// # Errors
/// Why it could not start or go on.
pub fn serve(config: Config) -> Result<(), Fatal> {
    tracing::info!(config = %config.to_string().trim_end().replace('\n', ", "), "starting");
    let config = Arc::new(config);
    let shutdown = Shutdown::default();
    shutdown
        .listen_for_signals()
        .map_err(|e| Fatal::Environment(format!("could not listen for signals: {e}")))?;
    let auth = Auth::open(&config).map_err(|e| Fatal::Config(e.to_string()))?;
    let metrics = Arc::new(Metrics::new(executors(&config)));
    let setup = Setup { config: config.clone(), auth: Arc::new(auth), metrics, shutdown };
    let admin = Admin::start(Seen {
        config: config.clone(),
        metrics: setup.metrics.clone(),
        shutdown: setup.shutdown.clone(),
    })
    .map_err(|e| {
        let advice = "stop what uses it or give another --admin";
        Fatal::Environment(format!("could not serve admin on {}: {e}; {advice}", config.admin))
    })?;
    let announce = |listen: SocketAddr| {
        ready::announce(&config, listen, admin.address())
            .map_err(|e| Fatal::Config(format!("ready_file: could not be written: {e}")))
    };
    // An earlier process may have left one.
    ready::retract(&config);
    let served = run_cores(setup, announce);
    ready::retract(&config);
    served
}

/// Executors to run, of which each has one shard.
fn executors(config: &Config) -> usize {
    let available = std::thread::available_parallelism().map_or(1, NonZero::get);
    let asked = config.shards.max(config.cores);
    if asked == 0 { available } else { asked.into() }
}

/// Starts the cores, announces the address once all of them serve, and returns when all have stopped.
fn run_cores(
    _setup: Setup,
    _announce: impl FnOnce(SocketAddr) -> Result<(), Fatal>,
) -> Result<(), Fatal> {
    Err(Fatal::Environment("core not built yet".into()))
}
