//! What was done with a data directory before it is damaged, and what was acknowledged.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use client::{Client, Position};
use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wire::{ConversationId, Uid};

use crate::drill::alone::{Alone, connect};

/// Users; each writes to the next.
pub const USERS: u64 = 6;
/// Messages of a small history.
const FEW: u64 = 400;
/// Sends of one user under way.
const WINDOW: usize = 16;
/// Bytes of a body in a large index: with 14,000 messages it is filled before the stop and at it.
const LARGE_BYTES: usize = 2_000;
const SMALL_BYTES: usize = 300;
/// All of it may take this long.
const SENDING_MAX: Duration = Duration::from_secs(120);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Killed while messages were under way.
    KilledUnderLoad,
    /// Stopped in order, with several tables of each kind in the index.
    StoppedLarge,
    /// Stopped in order, started, and killed before anything was said.
    KilledAtOnce,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::KilledUnderLoad, Self::StoppedLarge, Self::KilledAtOnce];
}

/// A message that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub from: u64,
    pub seq: u64,
    pub message_id: u64,
    /// What its body says.
    pub number: u64,
}

/// A data directory, and what must be in it.
pub struct History {
    pub kind: Kind,
    pub dir: PathBuf,
    pub sent: Vec<Sent>,
    /// Of each user, from uid 1 on.
    pub tokens: Vec<String>,
}

/// The conversation in which a user writes.
pub fn conversation(from: u64) -> ConversationId {
    ConversationId::direct(Uid(from), Uid(from % USERS + 1)).expect("two users")
}

/// A body that says its number.
pub fn body(number: u64, bytes: usize) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    // Not all alike, or compression and luck would hide what is damaged.
    body.extend(
        (0..bytes).map(|at| number.wrapping_mul(31).wrapping_add(at as u64).to_le_bytes()[0]),
    );
    body
}

/// The number that a body says, if it is whole.
pub fn number(found: &[u8]) -> Option<u64> {
    let number = u64::from_le_bytes(*found.first_chunk()?);
    (body(number, found.len() - 8) == found).then_some(number)
}

impl History {
    /// Makes it in `scratch`.
    pub async fn make(kind: Kind, scratch: &Path, large: u64) -> Result<Self> {
        let dir = scratch.join(format!("{kind:?}"));
        let mut gateway = Alone::start(&dir, scratch)?;
        let tokens: Result<Vec<_>> = (1..=USERS).map(|uid| gateway.token(uid)).collect();
        let mut history = Self { kind, dir: dir.clone(), sent: Vec::new(), tokens: tokens? };
        let (count, bytes) = match kind {
            Kind::StoppedLarge => (large, LARGE_BYTES),
            Kind::KilledUnderLoad | Kind::KilledAtOnce => (FEW, SMALL_BYTES),
        };
        let sending = history.send(&mut gateway, count, bytes);
        timeout(SENDING_MAX, sending).await.context("the messages take too long")??;
        if kind != Kind::KilledUnderLoad {
            gateway.process.signal(Signal::TERM)?;
            let status = gateway.process.wait_exit(SENDING_MAX)?;
            ensure!(status.success(), "the gateway ended with {status}");
        }
        if kind == Kind::KilledAtOnce {
            Alone::start(&dir, scratch)?.process.kill()?;
        }
        Ok(history)
    }

    /// Sends until so many are acknowledged; then kills the gateway, if that is how it ends, while others are under way.
    async fn send(&mut self, gateway: &mut Alone, count: u64, bytes: usize) -> Result<()> {
        let (told, mut acked) = mpsc::channel(1024);
        let mut sending = JoinSet::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let (client, _inbox) = connect(&gateway.listen, token, 1, Position::default()).await?;
            for lane in 0..WINDOW {
                let first = (at * WINDOW + lane) as u64;
                sending.spawn(say(client.clone(), (first, bytes), told.clone()));
            }
        }
        while (self.sent.len() as u64) < count {
            self.sent.push(acked.recv().await.context("the senders ended")?);
        }
        if self.kind == Kind::KilledUnderLoad {
            gateway.process.kill()?;
        }
        sending.shutdown().await;
        // What was acknowledged before the end, and not told yet.
        acked.close();
        while let Some(sent) = acked.recv().await {
            self.sent.push(sent);
        }
        Ok(())
    }
}

/// One of a user's lanes: a message after the other, until it is ended. Numbers of different lanes differ.
async fn say(client: Client, (first, bytes): (u64, usize), told: mpsc::Sender<Sent>) {
    let from = client.uid().0;
    let mut number = first;
    while let Ok(ack) = client.send(conversation(from), body(number, bytes)).await {
        let (seq, message_id) = (ack.seq.0, ack.message_id.0);
        if told.send(Sent { from, seq, message_id, number }).await.is_err() {
            return;
        }
        number += USERS * WINDOW as u64;
    }
}
