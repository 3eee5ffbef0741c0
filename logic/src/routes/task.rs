//! The one task that speaks to Redis: one pipeline after the other, over one connection, behind a
//! breaker.

use super::batch::{self, Batch, Job, Replies};
use super::layout::witness_key;
use super::limits::{
    BREAKER_OPENS_AFTER_MS, CONNECT_TIMEOUT_MS, PROBE_EVERY_MS, RESPONSE_TIMEOUT_MS,
    RETRY_FIRST_MS, RETRY_LONGEST_MS, ROUTE_TTL_S,
};
use super::state::{State, count};
use crate::backoff::Backoff;
use crate::breaker::{Breaker, Seen};
use crate::cluster::Moment;
use crate::fence::moment;
use flume::{Receiver, RecvError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Script};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

/// The task, with its jobs, its connection and its breaker.
pub struct Task {
    client: Client,
    jobs: Receiver<Job>,
    state: Arc<State>,
    script: Script,
    /// `None` before the first and after a failure.
    connection: Option<MultiplexedConnection>,
    breaker: Breaker,
    seen: Seen,
    backoff: Backoff,
    witness: Witness,
}

/// The waits between tries.
const BACKOFF: Backoff = Backoff::new(RETRY_FIRST_MS, RETRY_LONGEST_MS);

/// The key that is gone when Redis has lost what this process wrote.
struct Witness {
    key: String,
    is_written: bool,
    look_at: Moment,
}

impl Task {
    pub fn new(client: Client, jobs: Receiver<Job>, state: Arc<State>) -> Self {
        let key = witness_key(rand::random());
        Self {
            client,
            jobs,
            state,
            script: Script::new(include_str!("route.lua")),
            connection: None,
            breaker: Breaker::new(BREAKER_OPENS_AFTER_MS, PROBE_EVERY_MS, moment()),
            seen: Seen::default(),
            backoff: BACKOFF,
            witness: Witness { key, is_written: false, look_at: Moment(0) },
        }
    }

    /// Until every handle is dropped and what they asked for is done.
    pub async fn run(mut self) {
        let rest = Duration::from_millis(PROBE_EVERY_MS);
        loop {
            let first = match timeout(rest, self.jobs.recv_async()).await {
                Ok(Ok(job)) => Some(job),
                Ok(Err(RecvError::Disconnected)) => return,
                Err(_) => None,
            };
            let now = moment();
            self.breaker.look(self.seen, now);
            if !self.breaker.is_open() || self.breaker.probe(now) {
                let batch = Batch::gather(first, &self.jobs, &self.state.unsaid.1);
                self.deliver(batch).await;
            } else if let Some(job) = first {
                job.give_up(&self.state);
            }
        }
    }

    async fn deliver(&mut self, batch: Batch) {
        match self.try_deliver(&batch).await {
            Ok(replies) => {
                batch.finish(replies, &self.state);
                self.succeeded();
            }
            Err(error) => {
                self.failed(&error);
                batch.give_up(&self.state);
                if !self.breaker.is_open() {
                    let pause_ms = self.backoff.next_ms(&mut rand::rng());
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                }
            }
        }
    }

    async fn try_deliver(&mut self, batch: &Batch) -> RedisResult<Replies> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        if moment() >= self.witness.look_at {
            self.look(&mut connection).await?;
        }
        let replies = self.ask(batch, &mut connection).await?;
        self.connection = Some(connection);
        Ok(replies)
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_millis(CONNECT_TIMEOUT_MS)))
            .set_response_timeout(Some(Duration::from_millis(RESPONSE_TIMEOUT_MS)));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Looks for the witness, and writes it again if it is gone.
    async fn look(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let mut look = redis::cmd("GETEX");
        let seen: Option<u8> =
            look.arg(&self.witness.key).arg("EX").arg(ROUTE_TTL_S).query_async(connection).await?;
        if seen.is_none() {
            let mut write = redis::cmd("SET");
            write.arg(&self.witness.key).arg(1).arg("EX").arg(ROUTE_TTL_S);
            write.exec_async(connection).await?;
            if std::mem::replace(&mut self.witness.is_written, true) {
                self.state.has_lost.store(true, Ordering::Relaxed);
            }
        }
        self.witness.look_at = moment().after(PROBE_EVERY_MS);
        Ok(())
    }

    /// Sends the pipeline; once more if the server did not have the script, which a restart forgets.
    async fn ask(
        &self,
        batch: &Batch,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Replies> {
        let pipeline = batch.pipeline(&self.script);
        if pipeline.is_empty() {
            return Ok(Replies::new());
        }
        let mut replies: Replies = pipeline.query_async(connection).await?;
        if batch::failure(&replies).is_some_and(batch::is_without_script) {
            self.script.load_async(connection).await?;
            replies = pipeline.query_async(connection).await?;
        }
        batch::failure(&replies).map_or(Ok(()), |error| Err(error.clone()))?;
        Ok(replies)
    }

    fn succeeded(&mut self) {
        if self.breaker.is_open() {
            tracing::info!("Redis answers again: the routes are sent anew");
        }
        (self.seen, self.backoff) = (Seen { succeeded: moment(), is_missed: false }, BACKOFF);
        self.breaker.look(self.seen, moment());
        self.state.is_open.store(false, Ordering::Release);
        // While changes wait, a repair would only fill the queue.
        if self.jobs.is_empty() && self.state.has_lost.swap(false, Ordering::Relaxed) {
            self.state.ask_for_repair();
        }
    }

    fn failed(&mut self, error: &redis::RedisError) {
        let was_open = self.breaker.is_open();
        count(&self.state.counts.failures, 1);
        self.seen.is_missed = true;
        self.breaker.look(self.seen, moment());
        self.witness.look_at = Moment(0);
        self.state.is_open.store(self.breaker.is_open(), Ordering::Release);
        if self.breaker.is_open() && !was_open {
            tracing::warn!(%error, "could not keep the routes in Redis: going on without, and asking each second");
        }
    }
}
