//! The thread that asks the receiver: a task for each shard, so that one shard's poisoned request holds up no other.

use super::courier::Courier;
use super::events;
use super::outcome::Outcome;
use super::post::Connection;
use super::sign::Secrets;
use super::target::Target;
use crate::limits::WEBHOOK_MAILBOX_RETRY;
use crate::metrics::Metrics;
use arc_swap::ArcSwap;
use flume::{Receiver, RecvTimeoutError, Sender};
use service::clock::unix_ms;
use service::mailbox::Directory;
use shard::limits::NOTIFICATIONS_MAX;
use shard::notification::{Notification, Notified};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

/// A shard's way to the receiver, and back.
pub struct Line {
    /// What the receiver is asked: as many find room as a shard may have under way.
    pub asks: Sender<Notification>,
    /// What became of it.
    pub answers: Receiver<Vec<Notified>>,
}

/// What asks the receiver.
#[derive(Clone)]
pub struct Webhook {
    target: Target,
    secrets: Arc<ArcSwap<Secrets>>,
    metrics: Arc<Metrics>,
    answers: Directory<Notified>,
}

impl Webhook {
    /// Begins to ask the receiver, for so many shards; each one's line.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start(
        (target, secrets): (Target, Arc<ArcSwap<Secrets>>),
        metrics: &Arc<Metrics>,
    ) -> io::Result<(Directory<Notified>, Vec<Line>)> {
        let shards = metrics.cores().len();
        let (answers, receivers) = Directory::new(shards);
        let webhook = Self { target, secrets, metrics: metrics.clone(), answers: answers.clone() };
        let channels = (0..shards).map(|_| flume::bounded(NOTIFICATIONS_MAX));
        let (asks, asked): (Vec<_>, Vec<_>) = channels.unzip();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("webhook".into()).spawn(move || {
            let tasks = LocalSet::new();
            for (shard, asked) in asked.into_iter().enumerate() {
                tasks.spawn_local(webhook.clone().serve(shard, asked));
            }
            // Until every shard is gone; what is under way then is asked again by the next process.
            runtime.block_on(tasks);
        })?;
        let lines = asks.into_iter().zip(receivers);
        Ok((answers, lines.map(|(asks, answers)| Line { asks, answers }).collect()))
    }

    async fn serve(self, shard: usize, asked: Receiver<Notification>) {
        let (mut courier, started) = (Courier::default(), Instant::now());
        let mut connection = Connection::to(self.target.clone());
        let now_ms = || u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        loop {
            let patience_ms = courier.patience_ms(now_ms());
            if patience_ms != Some(0) {
                match within(&asked, patience_ms).await {
                    Ok(notification) => courier.take(notification, now_ms()),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
            asked.try_iter().for_each(|it| courier.take(it, now_ms()));
            self.show(shard, &courier, now_ms());
            if courier.patience_ms(now_ms()) == Some(0) {
                self.ask(shard, &mut courier, &mut connection, &now_ms).await;
                self.show(shard, &courier, now_ms());
            }
        }
    }

    /// One request, and what became of it.
    async fn ask(
        &self,
        shard: usize,
        courier: &mut Courier,
        connection: &mut Connection,
        now_ms: &impl Fn() -> u64,
    ) {
        let next = courier.next();
        let (count, body) = (next.len(), events::body(&next));
        let signatures = self.secrets.load().sign(unix_ms() / 1_000, &body);
        let asked = Instant::now();
        let outcome = connection.post(body, &signatures).await;
        let core = self.metrics.core(shard);
        let micros = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        core.push_request_seconds.observe_us(micros);
        if let Outcome::Failed(why) = &outcome {
            core.push_failures.inc();
            if !courier.is_broken() {
                tracing::warn!(shard, why, "the receiver of offline push takes nothing");
            }
        }
        let was_broken = courier.is_broken();
        let ended = courier.on_outcome(outcome, count, (now_ms(), rand::random()));
        if was_broken && !courier.is_broken() {
            tracing::info!(shard, "the receiver of offline push takes notifications again");
        }
        for notified in ended {
            let cell = if notified.is_taken { &core.pushes_taken } else { &core.pushes_dead };
            cell.inc();
            self.tell(shard, notified).await;
        }
    }

    /// A shard is told; it looks into its mailbox each turn.
    async fn tell(&self, shard: usize, notified: Notified) {
        while !self.answers.tell(shard, notified.clone()) {
            sleep(WEBHOOK_MAILBOX_RETRY).await;
        }
    }

    fn show(&self, shard: usize, courier: &Courier, now_ms: u64) {
        let core = self.metrics.core(shard);
        core.push_waiting.set(courier.len() as u64);
        core.push_oldest_ms.set(courier.oldest_ms(now_ms));
        core.push_broken.set(courier.is_broken().into());
    }
}

/// The next notification that a shard asks for, within so many ms; `None`: whenever it comes.
async fn within(
    asked: &Receiver<Notification>,
    patience_ms: Option<u64>,
) -> Result<Notification, RecvTimeoutError> {
    let next = asked.recv_async();
    let next = match patience_ms {
        None => next.await,
        Some(ms) => match timeout(Duration::from_millis(ms), next).await {
            Ok(next) => next,
            Err(_) => return Err(RecvTimeoutError::Timeout),
        },
    };
    next.map_err(|_| RecvTimeoutError::Disconnected)
}
