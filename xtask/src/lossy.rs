//! `cargo xtask lossy`: a network that eats acks, doubles sends and cuts connections stands before the gateway, which is
//! killed and restarted in the middle: as many rows are stored as there were ids.
//!
//! Counted twice, each knowing nothing of the other: by loadgen, which knows what each user must have, and here, by
//! the ids that the network saw and the histories of all conversations.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::{Client, Config, Position};
use wire::{ClientMsgId, ConversationId, DeviceId, PAGE_ROWS_MAX, Seq};

use crate::drill::network::Network;
use crate::drill::rig::{Planted, Rig};
use crate::drill::seen::{BROKEN, Seen};
use crate::process::Guarded;

/// How long, from which seed, and what is wrong on purpose.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds of sending.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=600))]
    seconds: u64,
    /// Seed of the network's losses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fault to plant in the gateway: exit code 4 says that it was seen.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
}

/// Users, from [`FIRST_UID`] on.
const USERS: u64 = 40;
const FIRST_UID: u64 = 1_000;
/// The device that reads the histories; loadgen's are others.
const READER: DeviceId = DeviceId(2_000);

/// What the histories of all conversations hold.
#[derive(Default)]
struct Stored {
    rows: usize,
    ids: HashSet<ClientMsgId>,
}

/// Sends through the network, then counts.
pub fn run(args: &Args) -> Result<ExitCode> {
    let rig = Rig::new("lossy", args.planted)?;
    let gateway = rig.start(&[])?;
    let network =
        Network::start(rig.address().parse()?, args.seed, Duration::from_secs(args.seconds))?;
    let mut command = rig.loadgen(&network.address);
    command.args(["--users", &USERS.to_string(), "--uid-base", &FIRST_UID.to_string()]);
    command.args(["--rate", "500", "--warmup", "0s", "--duration", &format!("{}s", args.seconds)]);
    let mut loadgen = Guarded::spawn("loadgen", &mut command)?;
    if loadgen.ends_within(Duration::from_millis(args.seconds * 500)) {
        bail!("loadgen ended before the restart: see what it said above");
    }
    drop(gateway);
    println!("killed the gateway in the middle");
    let _gateway = rig.start(&[])?;
    let summary = rig.summary(&mut loadgen)?;
    let passed = network.take_down()?;
    let unknown = summary["unknown"].as_u64().context("no count unknown")?;
    if unknown > 0 {
        bail!("{unknown} sends had no answer at the end: what is stored of them may be either");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stored = runtime.block_on(read_all(&rig))?;
    println!("the network: {passed}");
    println!("stored: {} rows of {} ids", stored.rows, stored.ids.len());
    let mut seen = Seen::default();
    seen.add(&summary)?;
    let concluded = seen.conclude()?;
    if stored.rows == passed.ids.len() && stored.ids == passed.ids {
        return Ok(concluded);
    }
    println!("a promise was broken: rows and ids differ");
    Ok(BROKEN.into())
}

/// Reads the history of every conversation, once.
async fn read_all(rig: &Rig) -> Result<Stored> {
    let mut stored = Stored::default();
    for uid in FIRST_UID..FIRST_UID + USERS {
        let (client, _inbox) = Client::connect(Config {
            addresses: vec![rig.address()],
            token: rig.token(uid)?,
            device: READER,
            position: Position::default(),
            tls: None,
        })
        .await?;
        let mut after = None;
        loop {
            let page = client.chats(after, PAGE_ROWS_MAX).await?;
            let all = page.chats.iter().filter_map(|chat| chat.state.conversation);
            for conversation in all.filter(|conversation| conversation.home() == uid) {
                read_history(&client, conversation, &mut stored).await?;
            }
            after = page.next_after;
            if after.is_none() {
                break;
            }
        }
        client.close().await;
    }
    Ok(stored)
}

async fn read_history(
    client: &Client,
    conversation: ConversationId,
    stored: &mut Stored,
) -> Result<()> {
    let mut before = Seq(0);
    loop {
        let messages = client.history(conversation, before, PAGE_ROWS_MAX).await?;
        let Some(first) = messages.first() else { return Ok(()) };
        before = first.seq;
        stored.rows += messages.len();
        stored.ids.extend(messages.iter().map(|message| message.client_msg_id));
        if before == Seq(1) {
            return Ok(());
        }
    }
}
