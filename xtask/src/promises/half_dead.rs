//! A device logs in at another gateway while its old one stands still: the old session can then neither deliver, nor
//! acknowledge, nor end the new one, whatever it still says; and it is told so.
//!
//! Once the gateway stands still for less than its links last, and once for more.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use client::{Client, Inbox, Received};
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};
use wire::{ClientMsgId, RefusalCode, encode, frames};

use super::peer::{Heard, Peer};
use super::place::{LEASE_MS, LOOK, Place};
use super::reader;
use crate::process::Guarded;
use crate::servers::node::Commitlog;

/// How long the old gateway stands still, and whether the old session logs out meanwhile. A link is given up after 3.5 s of
/// silence.
const STANDS_STILL: [(Duration, bool); 4] = [
    (Duration::from_millis(500), false),
    (Duration::from_millis(500), true),
    (Duration::from_secs(6), false),
    (Duration::from_secs(6), true),
];
/// Who writes, and the first of those who read: one for each time.
const SENDER: u64 = 1;
const READER: u64 = 2;
/// Messages at a time.
const MESSAGES: usize = 50;
/// What must happen may take this long on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// An inbox row beyond all that there are.
const BEYOND: u64 = 1_000_000;

/// Runs the drill. Returns what was broken, if anything was.
pub fn show(runtime: &Runtime) -> Result<Option<String>> {
    let place = Place::new("promise-half-dead", Commitlog::Batch)?;
    let mut logic = place.start_logic(1, &place.cassandra.address(), LEASE_MS)?;
    let old_gateway = place.start_gateway(1)?;
    let _new_gateway = place.start_gateway(2)?;
    place.wait_until_shared(&[1], &mut logic)?;
    for (reader, (stands_still, logs_out)) in (READER..).zip(STANDS_STILL) {
        println!("it stands still for {stands_still:?}; the old session logs out: {logs_out}");
        let scene = Scene { place: &place, old_gateway: &old_gateway, reader, logs_out };
        if let Some(broken) = runtime.block_on(scene.show(stands_still))? {
            return Ok(Some(format!("the gateway stood still for {stands_still:?}: {broken}")));
        }
    }
    Ok(None)
}

struct Scene<'a> {
    place: &'a Place,
    old_gateway: &'a Guarded,
    reader: u64,
    logs_out: bool,
}

impl Scene<'_> {
    async fn show(&self, stands_still: Duration) -> Result<Option<String>> {
        let (old_at, new_at) = (self.place.gateway(1), self.place.gateway(2));
        let token = self.place.token(self.reader)?;
        let sender = self.place.token(SENDER)?;
        let (sender, _inbox) = reader::connect(new_at, &sender, self.reader).await?;
        let mut old = Peer::login(old_at, &token, 1).await?;
        self.write(&sender, 1).await?;
        self.hears_a_push(&mut old).await?;
        if !self.has_route(old_at).await? {
            return Ok(Some("no route to the old gateway".to_owned()));
        }

        self.old_gateway.signal(Signal::STOP)?;
        let stopped = Instant::now();
        let ack = frames::PushAck { inbox_seq: BEYOND };
        old.say(|out, id| encode(out, id, ack)).await?;
        if self.logs_out {
            let logout = frames::Logout { generation: old.generation };
            old.say(|out, id| encode(out, id, logout)).await?;
        }
        let (new, mut inbox) =
            timeout(PATIENCE, reader::connect(new_at, &token, 1)).await.context("no login")??;
        println!("a login at the other gateway took {:.3} s", stopped.elapsed().as_secs_f64());
        let mut sent = self.write(&sender, MESSAGES).await?;
        sleep(stands_still.saturating_sub(stopped.elapsed())).await;
        self.old_gateway.signal(Signal::CONT)?;

        let told = self.end_of(&mut old, &sent).await;
        sent.extend(self.write(&sender, MESSAGES).await?);
        let told = told?;
        if told.is_some() {
            return Ok(told);
        }
        // One more than the new device was there for.
        let heard = self.messages(&mut inbox, sent.len() + 1).await?;
        let ids: Vec<ClientMsgId> = heard.into_iter().skip(1).collect();
        if ids != sent {
            return Ok(Some(format!(
                "{} messages came of {}, or in disorder",
                ids.len(),
                sent.len()
            )));
        }
        let has_route = self.has_route(new_at).await?;
        new.close().await;
        println!("{} messages came to the new session, once and in order", sent.len());
        Ok((!has_route).then(|| "the route to the new gateway is gone".to_owned()))
    }

    async fn write(&self, sender: &Client, count: usize) -> Result<Vec<ClientMsgId>> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(
                sender.send(reader::with(sender, self.reader), vec![1; 16]).await?.client_msg_id,
            );
        }
        Ok(ids)
    }

    async fn hears_a_push(&self, old: &mut Peer) -> Result<()> {
        let pushed = async {
            loop {
                if let Heard::Pushed { inbox_seq, .. } = old.next().await?.context("closed")? {
                    return anyhow::Ok(inbox_seq);
                }
            }
        };
        let inbox_seq = timeout(PATIENCE, pushed).await.context("no push")??;
        let ack = frames::PushAck { inbox_seq };
        old.say(|out, id| encode(out, id, ack)).await?;
        Ok(())
    }

    /// The old session hears that it was replaced, and nothing of what came since.
    async fn end_of(&self, old: &mut Peer, since: &[ClientMsgId]) -> Result<Option<String>> {
        let since: HashSet<&ClientMsgId> = since.iter().collect();
        let went_on = Instant::now();
        let (mut is_told, mut delivered) = (false, 0);
        let heard = async {
            while let Some(heard) = old.next().await? {
                match heard {
                    Heard::Pushed { client_msg_id, .. } => {
                        delivered += usize::from(since.contains(&client_msg_id));
                    }
                    Heard::Ended { code: Some(RefusalCode::SessionReplaced) }
                    | Heard::Refused { code: Some(RefusalCode::SessionReplaced), .. } => {
                        is_told = true;
                    }
                    Heard::Refused { .. } | Heard::Acked { .. } | Heard::Ended { .. } => {}
                    Heard::LoggedIn { .. } | Heard::Other => {}
                }
            }
            anyhow::Ok(())
        };
        if timeout(PATIENCE, heard).await.is_err() {
            return Ok(Some("the old session is not closed".to_owned()));
        }
        let seconds = went_on.elapsed().as_secs_f64();
        println!("the old session was closed {seconds:.3} s after it went on; told why: {is_told}");
        if delivered > 0 {
            return Ok(Some(format!("the old session delivered {delivered} messages")));
        }
        // Who logs out is told nothing more.
        let is_told = is_told || self.logs_out;
        Ok((!is_told).then(|| "the old session was not told that it was replaced".to_owned()))
    }

    async fn messages(&self, inbox: &mut Inbox, count: usize) -> Result<Vec<ClientMsgId>> {
        let mut ids = Vec::new();
        let all = async {
            while ids.len() < count {
                if let Received::Message { message, .. } = inbox.recv().await? {
                    ids.push(message.client_msg_id);
                }
            }
            anyhow::Ok(())
        };
        if let Ok(ended) = timeout(PATIENCE, all).await {
            ended?;
        }
        // What comes twice comes late.
        if let Ok(Ok(Received::Message { message, .. })) = timeout(LOOK * 10, inbox.recv()).await {
            ids.push(message.client_msg_id);
        }
        Ok(ids)
    }

    /// Whether an operator sees the device at this gateway. Redis is told beside; it may take a moment.
    async fn has_route(&self, gateway: SocketAddr) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        let port = gateway.port().to_string();
        loop {
            let routes = self.place.routes_of(self.reader)?;
            if routes.lines().any(|line| line == port) {
                return Ok(true);
            }
            if Instant::now() > deadline {
                println!("redis-cli shows: {routes:?}");
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }
}
