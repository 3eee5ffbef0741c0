//! Cassandra is killed under load and started again, and then the node, which may have remembered: every message that was
//! acknowledged is read back. With a commit log that is synced every 10 s some must be missing.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use client::{Ack, Client};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use wire::{ClientMsgId, MessageId};

use super::place::{LEASE_MS, Place};
use super::reader;
use crate::servers::node::Commitlog;

/// Users who write, and the one to whom each writes.
const WRITERS: std::ops::Range<u64> = 1..9;
const PEER_OF: u64 = 100;
/// Sends of a writer that are not acknowledged.
const WINDOW: usize = 16;
/// How often Cassandra is killed.
const KILLS: u32 = 2;
/// Load before each kill.
const LOAD: Duration = Duration::from_secs(4);
/// The last sends may take this long, the store back; what is not acknowledged then never counts.
const ACKED_MAX: Duration = Duration::from_secs(20);
/// Acks of all writers that are not counted yet: while the drill waits for Cassandra, no more come.
const ACKS_MAX: usize = 1_024;

/// What was acknowledged: to whom, and where it is.
type Acked = Vec<(u64, Ack)>;

/// Runs the drill. Returns what was broken, if anything was.
pub fn show(runtime: &Runtime, commitlog: Commitlog) -> Result<Option<String>> {
    let mut place = Place::new("promise-cql-durability", commitlog)?;
    let gateway = place.start_gateway(1)?;
    let mut logic = place.start_logic(1, &place.cassandra.address(), LEASE_MS)?;
    place.wait_until_shared(&[1], &mut logic)?;
    let mut acked = Acked::new();
    for kill in 1..=KILLS {
        let mut load = runtime.block_on(Load::start(&place))?;
        runtime.block_on(load.take(LOAD, &mut acked));
        let before = acked.len();
        place.cassandra.kill_and_restart()?;
        load.stop();
        runtime.block_on(load.take(ACKED_MAX, &mut acked));
        drop(load);
        println!("kill {kill}: {before} acknowledged so far, {} after it", acked.len() - before);
        logic.kill()?;
        logic = place.start_logic(1, &place.cassandra.address(), LEASE_MS)?;
        place.wait_until_shared(&[1], &mut logic)?;
    }
    let broken = runtime.block_on(read_back(&place, &acked));
    drop(gateway);
    broken
}

/// Writers, each with a window of sends out.
struct Load {
    acks: mpsc::Receiver<(u64, Ack)>,
    stop: watch::Sender<bool>,
    _writers: JoinSet<()>,
}

impl Load {
    async fn start(place: &Place) -> Result<Self> {
        let (sender, acks) = mpsc::channel(ACKS_MAX);
        let (stop, stopped) = watch::channel(false);
        let mut writers = JoinSet::new();
        for uid in WRITERS {
            let token = place.token(uid)?;
            let (client, inbox) = reader::connect(place.gateway(1), &token, 1).await?;
            for _ in 0..WINDOW {
                writers.spawn(write(client.clone(), uid, sender.clone(), stopped.clone()));
            }
            // Nobody writes to a writer.
            drop(inbox);
        }
        Ok(Self { acks, stop, _writers: writers })
    }

    /// Takes acks for so long, or until all writers have ended.
    async fn take(&mut self, time: Duration, acked: &mut Acked) {
        let all = async {
            while let Some(ack) = self.acks.recv().await {
                acked.push(ack);
            }
        };
        // Writers that have not ended go on.
        let _ = timeout(time, all).await;
    }

    /// No more sends than those that are out.
    fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// One send after the other.
async fn write(
    client: Client,
    uid: u64,
    acks: mpsc::Sender<(u64, Ack)>,
    stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        let Ok(ack) = client.send(reader::with(&client, PEER_OF + uid), vec![7; 100]).await else {
            return;
        };
        if acks.send((uid, ack)).await.is_err() {
            return;
        }
    }
}

/// Counts what was acknowledged and is not there.
async fn read_back(place: &Place, acked: &Acked) -> Result<Option<String>> {
    let (mut lost, mut missing) = (0, 0);
    for uid in WRITERS {
        let token = place.token(uid)?;
        let (client, _inbox) = reader::connect(place.gateway(1), &token, 2).await?;
        let history = reader::history(&client, PEER_OF + uid).await?;
        let found: HashMap<u64, (ClientMsgId, MessageId)> =
            history.iter().map(|it| (it.seq.0, (it.client_msg_id, it.message_id))).collect();
        let inbox = reader::inbox(place.gateway(1), &place.token(PEER_OF + uid)?, 1).await?;
        let came: HashMap<ClientMsgId, u64> =
            inbox.iter().map(|it| (it.client_msg_id, it.seq.0)).collect();
        for (_, ack) in acked.iter().filter(|(from, _)| *from == uid) {
            let (seq, id) = (ack.seq.0, ack.client_msg_id);
            lost += u64::from(found.get(&seq) != Some(&(id, ack.message_id)));
            missing += u64::from(came.get(&id) != Some(&seq));
        }
    }
    let total = acked.len();
    println!(
        "{KILLS} kills, {total} acknowledged: {lost} not in their history, {missing} in no inbox"
    );
    anyhow::ensure!(total > 0, "nothing was acknowledged, so nothing was proven");
    Ok((lost + missing > 0).then(|| format!("{lost} and {missing} of {total} were lost")))
}
