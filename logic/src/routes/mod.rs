//! Who is logged in where, in Redis: for operators, for whatever asks from outside, and for a new owner of a user.
//!
//! It holds no truth. Nothing on a message's way waits for it, and everything in it can be lost: the nodes send it
//! again. It does not know which users a node has; the node tells it, and is told when to tell it again.
//!
//! # Layout
//!
//! One hash a user, key `longline:route:{<uid>}`, as in `redis-cli hgetall 'longline:route:{7}'`. It ends 600 s
//! after its last change or refresh. Every device that is logged in has these fields, in decimal:
//!
//! | field | what |
//! |---|---|
//! | `<device>.entryIp` | address of the gateway that has the connection |
//! | `<device>.entryPort` | the port it listens at for clients |
//! | `<device>.loginTime` | when it logged in, Unix ms |
//! | `<device>.generation` | number of the login; a higher one of the same device is newer |
//! | `<device>.node` | number of the logic node that logged it in |
//!
//! Sets and removes are compare-and-set by generation in one script, so a stale session can neither cover nor delete
//! a newer one, whatever order they come in. A refresh writes a user's whole entry, and removes what is over: what a dead
//! node could not remove, or a dump that is old brought back. A remove that could not be said is said again.
//!
//! Each process has a key `longline:witness:<random>` that it writes once and looks for every second: if it is
//! gone, so is what was written, and [`Routes::wants_repair`] says so.
//!
//! The server is one Redis of version 7 or later (an earlier one hides which error a script ended with), or the primary
//! of several; `rediss://` is not built in.

pub mod limits;
mod layout;
mod state;
mod batch;
mod task;

pub use batch::FindError;
pub use layout::{Route, UserRoutes};
pub use state::Counts;

use self::batch::Job;
use self::limits::{REFRESH_USERS_MAX, REFRESHES_WAITING_MAX, ROUTE_JOBS_MAX};
use self::state::{State, count};
use flume::{Sender, TrySendError};
use redis::IntoConnectionInfo;
use redis::io::tcp::TcpSettings;
use shard::command::Login;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;
use wire::{DeviceId, Generation, Uid};

/// Which server.
#[derive(Clone, Debug)]
pub struct Config {
    client: redis::Client,
}

/// Why an address is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "not the address of a Redis server, such as redis://127.0.0.1:6379 or redis://:PASSWORD@HOST:6379/0"
)]
pub struct BadAddress(#[source] redis::RedisError);

impl Config {
    /// Reads an address, `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`. Does not connect.
    ///
    /// # Errors
    /// It is none.
    pub fn new(address: &str) -> Result<Self, BadAddress> {
        let info = address.into_connection_info().map_err(BadAddress)?;
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        redis::Client::open(info).map(|client| Self { client }).map_err(BadAddress)
    }
}

/// A core's handle. A clone is another core's: each is told of repairs.
///
/// No call waits but [`Routes::find`]. What cannot be taken is dropped and counted, and repaired later. The task ends
/// with the last handle.
#[derive(Clone, Debug)]
pub struct Routes {
    jobs: Sender<Job>,
    state: Arc<State>,
    repairs_seen: u64,
}

impl Routes {
    /// Starts the task that speaks to Redis. Redis need not be there.
    #[must_use]
    pub fn start(config: Config, runtime: &tokio::runtime::Handle) -> Self {
        let (jobs, taken) = flume::bounded(ROUTE_JOBS_MAX);
        let state = Arc::new(State::default());
        runtime.spawn(task::Task::new(config.client, taken, state.clone()).run());
        Self { jobs, state, repairs_seen: 0 }
    }

    /// The device is logged in there, unless a newer login of it is known.
    pub fn set(&self, route: Route) {
        self.put(Job::Set(route));
    }

    /// The device is not logged in any more, if its newest login is this one.
    pub fn remove(&self, uid: Uid, device: DeviceId, generation: Generation) {
        self.put(Job::Remove(Login { uid, device, generation }));
    }

    /// These users are there, with these devices and no others: due every [`limits::ROUTE_REFRESH_S`], a few of them each
    /// second.
    pub fn refresh(&self, mut users: Vec<UserRoutes>) {
        while !users.is_empty() {
            let rest = users.split_off(users.len().min(REFRESH_USERS_MAX));
            self.refresh_some(std::mem::replace(&mut users, rest));
        }
    }

    fn refresh_some(&self, users: Vec<UserRoutes>) {
        let waiting = &self.state.refreshes_waiting;
        if waiting.fetch_add(1, Ordering::Relaxed) < REFRESHES_WAITING_MAX {
            self.put(Job::Refresh(users));
        } else {
            // The next refresh is in time.
            count(&self.state.counts.dropped, users.len());
            waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether all users that this core knows are to be refreshed, once for each time that Redis lost some.
    /// [`Routes::room`] says how many now.
    pub fn wants_repair(&mut self) -> bool {
        let repairs = self.state.repairs();
        std::mem::replace(&mut self.repairs_seen, repairs) != repairs
    }

    /// How many refreshes of [`REFRESH_USERS_MAX`] users are taken now without a drop, if no other core makes any.
    #[must_use]
    pub fn room(&self) -> usize {
        let waiting = self.state.refreshes_waiting.load(Ordering::Relaxed);
        let room = REFRESHES_WAITING_MAX.saturating_sub(waiting);
        if self.breaker_is_open() { 0 } else { room.min(ROUTE_JOBS_MAX - self.jobs.len()) }
    }

    /// Where a user's devices are logged in. Sees every change that was taken before, through whatever handle.
    ///
    /// # Errors
    /// At once when the breaker is open, else after the time-outs and the wait of [`limits`] at the latest.
    pub async fn find(&self, uid: Uid) -> Result<Vec<Route>, FindError> {
        let (answer, answered) = oneshot::channel();
        self.put(Job::Find { uid, answer });
        answered.await.unwrap_or(Err(FindError::Unavailable))
    }

    /// Whether Redis is away.
    #[must_use]
    pub fn breaker_is_open(&self) -> bool {
        self.state.is_open.load(Ordering::Relaxed)
    }

    /// What happened since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state.counts.read()
    }

    fn put(&self, job: Job) {
        if self.breaker_is_open() {
            return job.give_up(&self.state);
        }
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) =
            self.jobs.try_send(job)
        {
            job.give_up(&self.state);
        }
    }
}
