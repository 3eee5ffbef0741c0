//! `cargo xtask push`: users that are away, users that acknowledge and users that do not, while the receiver of offline push is
//! slow, fails and is down, and the gateway is killed under load.
//!
//! Each message that had to be told is, under one id; nothing is that a device acknowledged in time. What comes again under its
//! id is counted.

mod judge;
mod receiver;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use client::{Client, Config, Position, Received};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wire::{ConversationId, DeviceId, Uid};

use crate::drill::rig::{Planted, Rig, Running};
use crate::drill::seen::BROKEN;
use crate::promises::peer::Peer;
use judge::{Judge, Kind};
use receiver::{Mood, Receiver};

/// How long, from which seed, and what is wrong on purpose.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds of each mood of the receiver.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// Kills of the gateway, each after another mood.
    #[arg(long, default_value_t = 3)]
    kills: u64,
    /// Seed of who writes to whom.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fault to plant in the gateway: exit code 4 says that it was seen.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
}

const SENDERS: std::ops::Range<u64> = 1..9;
const AWAY: std::ops::Range<u64> = 100..140;
const HERE: std::ops::Range<u64> = 200..220;
const DEAF: std::ops::Range<u64> = 300..310;
/// Between two messages of a sender.
const PAUSE: Duration = Duration::from_millis(40);
/// How long a device has for its ack, in ms. Clients come back within the settle time of two heartbeats.
const GRACE_MS: u64 = 1_500;
const HEARTBEAT_MS: u64 = 4_000;
/// All is told within so much time after the receiver takes everything again: the longest back-off of an outage of minutes, and
/// the time for sessions to come back.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the drill; 0: every promise was kept.
pub fn run(args: &Args) -> Result<ExitCode> {
    let rig = Rig::new("push", args.planted)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let judge = runtime.block_on(drill(args, &rig))?;
    println!("{judge}");
    if judge.is_broken() {
        println!("a promise was broken");
        return Ok(ExitCode::from(BROKEN));
    }
    println!("kept: Push");
    Ok(ExitCode::SUCCESS)
}

async fn drill(args: &Args, rig: &Rig) -> Result<Arc<Judge>> {
    let judge = Arc::new(Judge::default());
    let receiver = Receiver::start(judge.clone()).await?;
    let secrets = rig.out().with_file_name("secrets");
    std::fs::write(&secrets, "k1 the-secret-of-a-drill-of-32-bytes-at-least\n")?;
    let start = || start(rig, &receiver, &secrets);
    let mut gateway = start()?;
    let mut people = gather(rig, &judge).await?;
    let mut sending = JoinSet::new();
    let moods = [Mood::Takes, Mood::Slow, Mood::Fails, Mood::Down, Mood::Takes];
    let length = Duration::from_secs(args.seconds) * u32::try_from(moods.len())?;
    for uid in SENDERS {
        let (client, inbox) = client(rig, uid).await?;
        let (judge, random) = (judge.clone(), StdRng::seed_from_u64(args.seed ^ uid << 32));
        sending.spawn(async move {
            let _inbox = inbox;
            send(&client, random, &judge, length).await
        });
    }
    for (at, mood) in (0..).zip(moods) {
        println!("the receiver: {mood:?}");
        receiver.set(mood);
        sleep(Duration::from_secs(args.seconds) / 2).await;
        if at < args.kills {
            gateway.process.kill()?;
            gateway = start()?;
            println!("killed the gateway");
        }
        sleep(Duration::from_secs(args.seconds) / 2).await;
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    let begun = Instant::now();
    while !judge.is_all_told() && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(200)).await;
    }
    println!(
        "all was told, or waited for, {:.1} s after the last send",
        begun.elapsed().as_secs_f64()
    );
    people.abort_all();
    drop(gateway);
    Ok(judge)
}

/// Everybody to whom is sent: who is away, who is there, and who hears and acknowledges nothing.
async fn gather(rig: &Rig, judge: &Arc<Judge>) -> Result<JoinSet<()>> {
    let mut people = JoinSet::new();
    for uid in AWAY {
        let client = client(rig, uid).await?.0;
        client.set_push_token(2, &format!("token of {uid}")).await?;
        client.close().await;
        judge.add(uid, Kind::Away);
    }
    for uid in HERE {
        let (client, mut inbox) = client(rig, uid).await?;
        client.set_push_token(2, &format!("token of {uid}")).await?;
        judge.add(uid, Kind::Here);
        let judge = judge.clone();
        people.spawn(async move {
            let _client = client;
            while let Ok(received) = inbox.recv().await {
                if let Received::Message { message, .. } = received {
                    judge.on_received(uid, message.inbox_seq.0);
                }
            }
        });
    }
    for uid in DEAF {
        let client = client(rig, uid).await?.0;
        client.set_push_token(2, &format!("token of {uid}")).await?;
        client.close().await;
        judge.add(uid, Kind::Deaf);
        let (address, token) = (rig.address().parse()?, rig.token(uid)?);
        people.spawn(async move {
            while let Ok(mut peer) = Peer::login(address, &token, 2).await {
                while let Ok(Some(_)) = peer.next().await {}
                sleep(Duration::from_secs(1)).await;
            }
        });
    }
    Ok(people)
}

fn start(rig: &Rig, receiver: &Receiver, secrets: &std::path::Path) -> Result<Running> {
    let endpoint = format!("http://{}/longline", receiver.address);
    let secrets = secrets.to_str().context("a path is text")?;
    let (grace, heartbeat) = (GRACE_MS.to_string(), HEARTBEAT_MS.to_string());
    rig.start(&[
        "--push-endpoint",
        &endpoint,
        "--push-secret-file",
        secrets,
        "--push-grace-ms",
        &grace,
        "--heartbeat-ms",
        &heartbeat,
        "--canary-ms",
        "0",
    ])
}

async fn client(rig: &Rig, uid: u64) -> Result<(Client, client::Inbox)> {
    let (addresses, token) = (vec![rig.address()], rig.token(uid)?);
    let (device, position) = (DeviceId(1), Position::default());
    let config = Config { addresses, token, device, position, tls: None };
    let connected = timeout(Duration::from_secs(10), Client::connect(config)).await;
    Ok(connected.context("no login")??)
}

/// Writes to anybody, one message after the other.
async fn send(client: &Client, mut random: StdRng, judge: &Judge, length: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut number = 0;
    while begun.elapsed() < length {
        let to = match random.random_range(0..4) {
            0 | 1 => random.random_range(AWAY),
            2 => random.random_range(HERE),
            _ => random.random_range(DEAF),
        };
        let conversation = ConversationId::direct(client.uid(), Uid(to)).context("two users")?;
        number += 1;
        client.send(conversation, format!("message {number}")).await?;
        judge.on_sent(to);
        sleep(PAUSE).await;
    }
    Ok(())
}
