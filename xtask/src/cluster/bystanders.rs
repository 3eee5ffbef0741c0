//! Users whom the death of a node does not concern: all of theirs belongs to another node, and they are at another gateway.
//! How long their sends take tells what a takeover costs the others.
//!
//! Sends are due at a steady rate whether or not earlier ones were answered, and each is timed from when it was due.

use std::net::SocketAddr;
use std::ops::Range;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use client::{Client, Config, Position};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::interval;
use wire::{ConversationId, DeviceId, Uid};

use super::felt::unix_ms;

/// Between two sends of a user.
const PACE: Duration = Duration::from_millis(100);

/// A user with a token, and to whom it writes.
#[derive(Clone, Debug)]
pub struct Bystander {
    pub uid: u64,
    pub token: String,
    pub to: u64,
}

/// A send: when it was due, in Unix ms, and how long after that it was acknowledged.
type Took = (u64, Duration);

/// Users on a thread of their own, who write until they are asked how long it took.
pub struct Bystanders {
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<Vec<Took>>>,
}

impl Bystanders {
    /// All at one gateway.
    pub fn start(gateway: SocketAddr, users: Vec<Bystander>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, write(gateway, users, stopped))
        });
        Self { stop, thread }
    }

    /// What became of all their sends.
    pub fn stop(self) -> Result<Times> {
        self.stop.send_replace(true);
        let took = self.thread.join().map_err(|_| anyhow::anyhow!("a bystander panicked"))??;
        Ok(Times(took))
    }
}

/// How long sends took.
pub struct Times(Vec<Took>);

impl Times {
    /// How many were due in these times, Unix ms, and which time 99 of 100 of them did not exceed.
    pub fn p99_within(&self, times: &[Range<u64>]) -> (usize, Duration) {
        let is_within = |due_ms: &u64| times.iter().any(|time| time.contains(due_ms));
        let within = self.0.iter().filter(|(due_ms, _)| is_within(due_ms));
        let mut took: Vec<Duration> = within.map(|(_, took)| *took).collect();
        took.sort_unstable();
        let rank = (took.len() * 99).div_ceil(100);
        (took.len(), took.get(rank.saturating_sub(1)).copied().unwrap_or_default())
    }
}

async fn write(
    gateway: SocketAddr,
    users: Vec<Bystander>,
    stopped: watch::Receiver<bool>,
) -> Result<Vec<Took>> {
    let mut writers = JoinSet::new();
    for user in users {
        writers.spawn_local(write_as(gateway, user, stopped.clone()));
    }
    let mut all = Vec::new();
    while let Some(took) = writers.join_next().await {
        all.extend(took??);
    }
    Ok(all)
}

async fn write_as(
    gateway: SocketAddr,
    Bystander { uid, token, to }: Bystander,
    mut stopped: watch::Receiver<bool>,
) -> Result<Vec<Took>> {
    let config = Config {
        addresses: vec![gateway.to_string()],
        token,
        device: DeviceId(1),
        position: Position::default(),
        tls: None,
    };
    let conversation = ConversationId::direct(Uid(uid), Uid(to)).expect("two users");
    let (client, mut inbox) = Client::connect(config).await.context("could not log in")?;
    let reader = tokio::task::spawn_local(async move { while inbox.recv().await.is_ok() {} });
    let mut sends = JoinSet::new();
    let mut due = interval(PACE);
    loop {
        let at = tokio::select! {
            at = due.tick() => at,
            _ = stopped.wait_for(|stopped| *stopped) => break,
        };
        let due_ms = unix_ms().saturating_sub(at.elapsed().as_millis().try_into()?);
        let client = client.clone();
        sends.spawn_local(async move {
            let acked = client.send(conversation, &b"a bystander's"[..]).await;
            acked.map(|_| (due_ms, at.elapsed())).with_context(|| format!("a send of user {uid}"))
        });
    }
    let took = sends.join_all().await.into_iter().collect();
    client.close().await;
    reader.abort();
    took
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_seen() {
        let took = |n: u64| (n, Duration::from_millis(n));
        let times = Times((1..=200).map(took).collect());
        assert_eq!(times.p99_within(&[1..51, 101..151]), (100, Duration::from_millis(149)));
        assert_eq!(times.p99_within(&[0..101, 101..1_000]), (200, Duration::from_millis(198)));
        assert_eq!(times.p99_within(&[]), (0, Duration::ZERO));
    }
}
