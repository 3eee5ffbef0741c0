//! One session with the store a process: connects, bounds what is in flight, and repeats a statement until it is answered.
//!
//! The driver waits longer and longer before it connects again, up to 10 s. While the breaker is open a session of another
//! life is tried meanwhile, and takes the former's place as soon as the store answers it.

use super::bounds::Bounds;
use super::config::{BadRow, CqlConfig, CqlError, check_keyspace};
use super::places::{Pace, Places};
use super::schema;
use super::session::{backoff, may_pass, open};
use super::signs::Signs;
use super::stats::{Kind, Stats};
use super::texts::Texts;
use crate::breaker::Breaker;
use crate::fence::moment;
use arc_swap::ArcSwap;
use scylla::client::session::Session;
use scylla::errors::ExecutionError;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::serialize::batch::BatchValues;
use scylla::serialize::row::SerializeRow;
use scylla::statement::batch::Batch;
use scylla::statement::prepared::PreparedStatement;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// How often the breaker is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Without a success for so long, and a tick, are 2 s.
const BREAKER_OPENS_AFTER_MS: u64 = 1_900;
/// How often the store is asked for a sign of life while there is none.
const PROBE_EVERY_MS: u64 = 500;
/// Between two tries to connect again.
const CONNECT_EVERY: Duration = Duration::from_secs(1);
/// After one that was taken: a server that lets in and does not answer is not helped by more sessions.
const CONNECTED_PAUSE: Duration = Duration::from_secs(10);

/// The process's session, and what bounds its statements.
pub struct CqlClient {
    pub(super) config: CqlConfig,
    session: ArcSwap<Session>,
    pub(super) texts: Texts,
    runtime: Handle,
    places: Semaphore,
    pub(super) takeovers: Arc<Places>,
    pub(super) bounds: Bounds,
    signs: Signs,
    stats: Stats,
}

#[derive(Debug, thiserror::Error)]
enum TryError {
    #[error(transparent)]
    Execution(Box<ExecutionError>),
    #[error(transparent)]
    Row(#[from] BadRow),
}

impl From<ExecutionError> for TryError {
    fn from(error: ExecutionError) -> Self {
        Self::Execution(Box::new(error))
    }
}

impl CqlClient {
    /// Connects, checks the tables' version, prepares every statement. `runtime` is where the stores' other ends run; to be
    /// awaited on it.
    ///
    /// # Errors
    /// Nobody answers, or the tables are not those of this program: what to run is said.
    pub async fn connect(config: CqlConfig, runtime: &Handle) -> Result<Arc<Self>, CqlError> {
        check_keyspace(&config.keyspace)?;
        let session = open(&config).await?;
        schema::check(&session, &config).await?;
        let texts = Texts::prepare(&session, &config.keyspace).await?;
        let client = Arc::new(Self {
            places: Semaphore::new(config.in_flight_max),
            bounds: Bounds::default(),
            takeovers: Arc::default(),
            config,
            session: ArcSwap::from_pointee(session),
            texts,
            runtime: runtime.clone(),
            signs: Signs::default(),
            stats: Stats::default(),
        });
        runtime.spawn(watch(Arc::downgrade(&client)));
        Ok(client)
    }

    /// Whether the store does not answer at all. To be asked before something is taken that needs it.
    #[must_use]
    pub fn breaker_is_open(&self) -> bool {
        self.signs.is_open()
    }

    /// Statements sent.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Where the stores' other ends run.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The session of now. Statements that another one prepared are good on it.
    pub(super) fn session(&self) -> Arc<Session> {
        self.session.load_full()
    }

    /// Writes, until it is done: what became of a try that was not answered does not matter, the next carries the same
    /// bytes under the same timestamp. Whoever drops this gives up; tries that were sent may still land.
    pub(super) async fn put(
        &self,
        kind: Kind,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) {
        self.until_answered(kind, statement, &values, |_| Ok(())).await;
    }

    /// Reads, until it is answered.
    pub(super) async fn ask<T>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        decode: impl Fn(QueryRowsResult) -> Result<T, BadRow>,
    ) -> T {
        let decode = |result: QueryResult| {
            let rows = result.into_rows_result().map_err(|error| BadRow(error.to_string()))?;
            decode(rows)
        };
        self.until_answered(Kind::Read, statement, &values, decode).await
    }

    async fn until_answered<T>(
        &self,
        kind: Kind,
        statement: &PreparedStatement,
        values: &impl SerializeRow,
        decode: impl Fn(QueryResult) -> Result<T, BadRow>,
    ) -> T {
        let _waiting = self.signs.begin();
        let mut backoff = backoff();
        loop {
            let place = self.places.acquire().await.expect("it is never closed");
            self.stats.count(kind);
            let begun = Instant::now();
            let result = self.session().execute_unpaged(statement, values).await;
            drop(place);
            if kind != Kind::Read {
                self.takeovers.wrote(begun.elapsed());
            }
            match result.map_err(TryError::from).and_then(|result| Ok(decode(result)?)) {
                Ok(answer) => {
                    self.signs.succeeded(moment());
                    return answer;
                }
                Err(error) => self.on_failed(statement, &error),
            }
            let pause_ms = backoff.next_ms(&mut rand::rng());
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    fn on_failed(&self, statement: &PreparedStatement, error: &TryError) {
        self.signs.failed();
        self.stats.count_failed();
        let statement = statement.get_statement();
        if matches!(error, TryError::Execution(error) if may_pass(error)) {
            tracing::debug!(%error, statement, "could not get an answer from the store");
        } else {
            tracing::error!(%error, statement, "could not use the store; it is tried again");
        }
    }

    /// One try of a statement that whoever asked for it judges itself.
    pub(super) async fn once(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<QueryRowsResult, CqlError> {
        self.judge(self.session().execute_unpaged(statement, values).await)
    }

    /// The same of statements that are done together or not at all.
    pub(super) async fn once_all(
        &self,
        batch: &Batch,
        values: impl BatchValues,
    ) -> Result<QueryRowsResult, CqlError> {
        self.judge(self.session().batch(batch, values).await)
    }

    fn judge(
        &self,
        result: Result<QueryResult, ExecutionError>,
    ) -> Result<QueryRowsResult, CqlError> {
        self.stats.count(Kind::Ownership);
        let failed = |reason: String| {
            self.stats.count_failed();
            CqlError::Statement { what: "read or change who owns what", reason }
        };
        let rows = result.map_err(|error| {
            self.signs.failed();
            failed(error.to_string())
        })?;
        self.signs.succeeded(moment());
        rows.into_rows_result().map_err(|error| failed(error.to_string()))
    }

    /// Tries a new session, once, and waits until another may be tried.
    async fn connect_again(&self) {
        let pause = match open(&self.config).await {
            // The former ends with the statements that wait in it; each is tried again in this one.
            Ok(session) if self.signs.is_open() => {
                self.session.store(Arc::new(session));
                self.probe().await;
                CONNECTED_PAUSE
            }
            Ok(_) => CONNECT_EVERY,
            Err(error) => {
                tracing::debug!(%error, "could not connect to the store again");
                CONNECT_EVERY
            }
        };
        tokio::time::sleep(pause).await;
    }

    async fn probe(&self) {
        self.stats.count(Kind::Probe);
        let statement = &self.texts.cluster_value;
        match self.session().execute_unpaged(statement, (schema::VERSION_NAME,)).await {
            Ok(_) => self.signs.succeeded(moment()),
            Err(error) => self.on_failed(statement, &error.into()),
        }
    }
}

/// Looks at the breaker and at the pace of takeovers, and asks for signs of life, as long as the client lives.
async fn watch(client: Weak<CqlClient>) {
    let (opens_after_ms, probe_every_ms) = (BREAKER_OPENS_AFTER_MS, PROBE_EVERY_MS);
    let mut breaker = Breaker::new(opens_after_ms, probe_every_ms, moment());
    let mut pace = Pace::default();
    let mut ticks = tokio::time::interval(TICK);
    let mut connecting: Option<JoinHandle<()>> = None;
    loop {
        ticks.tick().await;
        let Some(client) = client.upgrade() else { return };
        let is_idle = connecting.as_ref().is_none_or(JoinHandle::is_finished);
        if is_idle && breaker.is_open() {
            let client = Arc::clone(&client);
            connecting = Some(tokio::spawn(async move { client.connect_again().await }));
        }
        client.takeovers.keep_to(&mut pace);
        breaker.look(client.signs.seen(), moment());
        match (client.signs.set_open(breaker.is_open()), breaker.is_open()) {
            (false, true) => tracing::warn!("the store does not answer"),
            (true, false) => tracing::info!("the store answers again"),
            _ => {}
        }
        if breaker.probe(moment()) {
            tokio::spawn(async move { client.probe().await });
        }
    }
}
