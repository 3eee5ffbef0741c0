//! What every core of a gateway is given. It does nothing.

use crate::auth::Auth;
use crate::config::Config;
use crate::entry::shared::Shared;
use crate::limits::CORE_CONNECTIONS_SPARE;
use crate::metrics::{FirstDamage, Metrics};
use crate::pages::Pages;
use arc_swap::ArcSwap;
use front::Security;
use link::Clocks;
use service::lifecycle::Shutdown;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

/// What every core is given.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// Verifies tokens.
    pub auth: Arc<Auth>,
    /// What a browser gets, if it gets anything.
    pub pages: Option<Arc<Pages>>,
    /// Whether clients speak TLS, and how.
    pub security: Security,
    /// The numbers; each core writes its own.
    pub metrics: Arc<Metrics>,
    /// The state of the process.
    pub shutdown: Shutdown,
    /// What the entries count together.
    pub shared: Arc<Shared>,
    /// When the clock of all cores began.
    pub started: Instant,
    /// Cores of a draining process that have nothing left to do.
    pub quiet: Arc<AtomicUsize>,
    /// What first could not be read of each core's store.
    pub damage: FirstDamage,
    /// How far the clocks of nodes are from this process's, as the first core hears them.
    pub clocks: Arc<ArcSwap<Clocks>>,
}

impl Setup {
    /// How many cores there are; each has a shard.
    pub(crate) fn shards(&self) -> u16 {
        u16::try_from(self.metrics.cores().len()).expect("at most 512")
    }

    /// Connections of one core, at most.
    pub(crate) fn connections_max(&self) -> usize {
        let connections = usize::try_from(self.config.connections_max).unwrap_or(usize::MAX);
        // The kernel spreads connections over the cores' listeners by chance: each core takes more
        // than the mean, so that the process is full before a core is.
        let share = connections.div_ceil(self.metrics.cores().len());
        connections.min(share + share / 8 + CORE_CONNECTIONS_SPARE)
    }
}
