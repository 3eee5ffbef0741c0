//! `cargo xtask hostile`: peers that do not keep to the protocol, alone and beside normal users.
//!
//! Every one of them must be closed, for a counted reason, at little cost in memory that comes back; no normal user may
//! lose its connection or a message. What the normal users feel of it is printed as a ratio.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use client::{Client, Config, Position};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wire::{ConversationId, DeviceId, Uid};

use crate::drill::peers::{self, Manner, SLOW_BODY_BYTES};
use crate::drill::rig::{Rig, Running, START_MAX};
use crate::drill::seen::Seen;
use crate::drill::watch::{Metrics, own_memory};
use crate::process::Guarded;

/// How long, and from which seed.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds of sending, once alone and once beside the hostile peers.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// Seed of the noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Peers of each manner in a wave.
const WAVE: [(Manner, usize); 16] = [
    (Manner::Noise, 1_000),
    (Manner::Silence, 1_000),
    (Manner::Dribble, 100),
    (Manner::Tls, 100),
    (Manner::SlowHead, 100),
    (Manner::EndlessHead, 100),
    (Manner::SocketNoise, 500),
    (Manner::Fragments, 100),
    (Manner::Pings, 100),
    (Manner::JsonNoise, 500),
    (Manner::JsonDepth, 100),
    (Manner::JsonUnknown, 100),
    (Manner::JsonDribble, 100),
    (Manner::CallBody, 100),
    (Manner::CallNoise, 500),
    (Manner::CallDribble, 100),
];
/// What those do that are held to see what they cost.
const HELD_MANNERS: [Manner; 6] = [
    Manner::Silence,
    Manner::Dribble,
    Manner::SlowHead,
    Manner::Pings,
    Manner::JsonDribble,
    Manner::CallDribble,
];
/// Peers that log in, and then ask and do not read.
const SLOW_READERS: u64 = 20;
/// Their uids, and whose messages they do not read: far from loadgen's.
const SLOW_UID: u64 = 1_000;
const FEEDER_UID: u64 = 999;
/// A login may take this long here, so that a wave does.
const LOGIN_TIMEOUT_MS: &str = "2000";
/// A wave is over after the deadline; with a second for the wheel's step and more for a busy machine.
const CLOSED_MAX: Duration = Duration::from_secs(20);
/// Between looks at the metrics, which do not call back.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Memory that is the same for so long is at rest.
const REST: Duration = Duration::from_secs(1);
/// What a peer that has not logged in may cost in the gateway.
const PEER_BYTES_MAX: u64 = 8 * 1024;
/// Such peers at once, and how often.
const HELD: u64 = 2_000;
/// Such peers that make a fresh gateway touch what all need.
const FEW: u64 = 200;
const MEMORY_ROUNDS: u32 = 6;
/// Receive buffers of a core: they double when they run out, at whichever round that is, and stay.
const BUFFERS_BYTES_MAX: u64 = 512 * 4 * 1024;
/// How much more memory there may be after the last round than after the first, beside those buffers: 105 B a connection
/// would be a leak; with the buffers of two cores, 525 B.
const GROWN_BYTES_MAX: u64 = 1024 * 1024;

/// The gateway, and who talks to it.
struct Scene {
    rig: Rig,
    gateway: Running,
    server: SocketAddr,
    random: StdRng,
    runtime: Runtime,
}

/// Alone first, then beside normal users.
pub fn run(args: &Args) -> Result<ExitCode> {
    let rig = Rig::new("hostile", None)?;
    let gateway = rig.start(&["--login-timeout-ms", LOGIN_TIMEOUT_MS])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (server, random) = (rig.address().parse()?, StdRng::seed_from_u64(args.seed));
    let mut scene = Scene { rig, gateway, server, random, runtime };
    scene.memory()?;
    scene.wave()?;
    scene.slow_readers()?;
    let mut seen = Seen::default();
    let alone = scene.load(args.seconds, 0)?;
    seen.add(&alone)?;
    let beside = scene.load(args.seconds, args.seconds / 2)?;
    seen.add(&beside)?;
    let disconnects = beside["counters"]["disconnects"].as_u64().context("no count disconnects")?;
    ensure!(disconnects == 0, "{disconnects} connections of normal users were lost");
    let (alone, beside) = (e2e_p99_ms(&alone)?, e2e_p99_ms(&beside)?);
    println!(
        "e2e p99 of normal users: {alone:.2} ms alone, {beside:.2} ms beside hostile peers: {:.2} times",
        beside / alone
    );
    seen.conclude()
}

impl Scene {
    /// Peers of every manner at once, until all are closed and counted.
    fn wave(&mut self) -> Result<()> {
        let before = self.runtime.block_on(self.closed())?;
        let mut peers = JoinSet::new();
        let mut count = 0;
        let entered = self.runtime.enter();
        for (manner, number) in WAVE {
            for _ in 0..number {
                let random = StdRng::from_rng(&mut self.random);
                peers.spawn(peers::misbehave(self.server, manner, random));
                count += 1;
            }
        }
        drop(entered);
        let closed = async {
            while let Some(ended) = peers.join_next().await {
                ended.context("a peer panicked")?.context("a peer could not do its worst")?;
            }
            anyhow::Ok(())
        };
        let all = self.runtime.block_on(async { timeout(CLOSED_MAX, closed).await });
        all.context("hostile peers were not closed in time")??;
        self.wait_closed(before + count)
    }

    /// Closed because they said what may not be said, or nothing in time.
    async fn closed(&self) -> Result<u64> {
        let metrics = Metrics::of(&self.gateway.admin).await?;
        let reasons = ["protocol", "login_timeout", "tls", "http", "token"];
        reasons.iter().map(|reason| metrics.closed_for(reason)).sum()
    }

    /// A count may come a moment after the close that it counts.
    fn wait_closed(&self, expected: u64) -> Result<()> {
        let deadline = Instant::now() + CLOSED_MAX;
        self.runtime.block_on(async {
            loop {
                let closed = self.closed().await?;
                if closed == expected {
                    return Ok(());
                }
                ensure!(Instant::now() < deadline, "{closed} closed for a reason, not {expected}");
                sleep(LOOK_EVERY).await;
            }
        })
    }

    /// What peers cost that have not logged in, beyond what the first few make a fresh gateway touch: its receive buffers.
    /// The most that there were at once may stay for the next; more must not gather.
    fn memory(&mut self) -> Result<()> {
        self.hold(FEW)?;
        let few = self.memory_at_rest()?;
        let mut left = Vec::new();
        for round in 1..=MEMORY_ROUNDS {
            let each = self.hold(HELD)?.saturating_sub(few) / HELD;
            left.push(own_memory(self.gateway.process.pid())?);
            println!("round {round}: {HELD} peers without a login, {each} B of user memory each");
            ensure!(each <= PEER_BYTES_MAX, "{each} B each is over {PEER_BYTES_MAX}");
        }
        let grown = left[left.len() - 1].saturating_sub(left[0]);
        println!("memory grew by {grown} B from the first round to the last");
        let cores = available_parallelism().context("could not count the cores")?;
        let grown_max = cores.get() as u64 * BUFFERS_BYTES_MAX + GROWN_BYTES_MAX;
        ensure!(grown <= grown_max, "it grew by over {grown_max} B");
        Ok(())
    }

    /// Memory of the gateway when it does not change any more: a store makes itself ready behind the start.
    fn memory_at_rest(&self) -> Result<u64> {
        let deadline = Instant::now() + CLOSED_MAX;
        let mut before = 0;
        loop {
            let now = own_memory(self.gateway.process.pid())?;
            if now == before {
                return Ok(now);
            }
            ensure!(Instant::now() < deadline, "its memory does not come to rest");
            before = now;
            self.runtime.block_on(async { sleep(REST).await });
        }
    }

    /// Memory of the gateway while so many peers are there; returns when they are closed.
    fn hold(&mut self, count: u64) -> Result<u64> {
        let (pid, server) = (self.gateway.process.pid(), self.server);
        let (admin, random) = (&self.gateway.admin, &mut self.random);
        let held = usize::try_from(count).context("so many fit no memory")?;
        self.runtime.block_on(async {
            let mut peers = JoinSet::new();
            for manner in HELD_MANNERS.into_iter().cycle().take(held) {
                peers.spawn(peers::misbehave(server, manner, StdRng::from_rng(random)));
            }
            let held = async {
                while Metrics::of(admin).await?.sum("longline_connections{")? < count {
                    sleep(LOOK_EVERY).await;
                }
                own_memory(pid)
            };
            let most = timeout(CLOSED_MAX, held).await.context("they did not all connect")??;
            while peers.join_next().await.is_some() {}
            Ok(most)
        })
    }

    /// Peers that log in and do not read are closed as well.
    fn slow_readers(&self) -> Result<()> {
        let tokens: Vec<String> =
            (0..SLOW_READERS).map(|nth| self.rig.token(SLOW_UID + nth)).collect::<Result<_>>()?;
        let feeder = self.rig.token(FEEDER_UID)?;
        let count = |metrics: &Metrics| {
            anyhow::Ok(metrics.closed_for("silent")? + metrics.closed_for("unresponsive")?)
        };
        self.runtime.block_on(async {
            self.feed(feeder).await?;
            let before = count(&Metrics::of(&self.gateway.admin).await?)?;
            let mut readers: Vec<TcpStream> = Vec::new();
            for token in &tokens {
                readers.push(peers::read_nothing(self.server, token).await?);
            }
            let started = Instant::now();
            loop {
                let closed = count(&Metrics::of(&self.gateway.admin).await?)? - before;
                if closed == SLOW_READERS {
                    let seconds = started.elapsed().as_secs_f64();
                    println!("{closed} peers that do not read: closed within {seconds:.1} s");
                    return Ok(());
                }
                if started.elapsed() > CLOSED_MAX {
                    bail!("{closed} of {SLOW_READERS} peers that do not read were closed");
                }
                sleep(LOOK_EVERY).await;
            }
        })
    }

    /// Fills the inboxes of the slow readers.
    async fn feed(&self, token: String) -> Result<()> {
        let (client, _inbox) = Client::connect(Config {
            addresses: vec![self.rig.address()],
            token,
            device: DeviceId(1),
            position: Position::default(),
            tls: None,
        })
        .await?;
        for nth in 0..SLOW_READERS {
            let conversation = ConversationId::direct(client.uid(), Uid(SLOW_UID + nth));
            let conversation = conversation.expect("two users");
            client.send(conversation, vec![0; SLOW_BODY_BYTES]).await?;
        }
        client.close().await;
        Ok(())
    }

    /// A verified load of normal users, beside so many waves.
    fn load(&mut self, seconds: u64, waves: u64) -> Result<Value> {
        let mut command = self.rig.loadgen(&self.rig.address());
        command.args(["--users", "200", "--rate", "2000", "--warmup", "1s"]);
        command.args(["--duration", &format!("{seconds}s")]);
        let mut loadgen = Guarded::spawn("loadgen", &mut command)?;
        loadgen.wait_line(START_MAX, |line| line.contains("sent ").then_some(()))?;
        for _ in 0..waves {
            self.wave()?;
        }
        self.rig.summary(&mut loadgen)
    }
}

fn e2e_p99_ms(summary: &Value) -> Result<f64> {
    Ok(summary["e2e_ns"]["p99"].as_f64().context("no e2e p99")? / 1e6)
}
