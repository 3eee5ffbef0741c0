//! One message said a hundred times at once, over twenty connections to two gateways, while the owner of its conversation
//! changes: by a drain, then by a kill. It is stored once, and every answer is the same.
//!
//! Rounds of such retries follow each other until the change is over, so that some are in the midst of it. A node that
//! had acknowledged some before it went is the proof that the owner did change.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wire::{Bytes, ClientMsgId, encode, frames};

use super::peer::{self, Heard, Peer, Place as Stored};
use super::place::{LEASE_MS, Place};
use super::reader;
use crate::servers::node::Commitlog;

/// The sender, whose uid is the smallest: a conversation belongs to its recipient's partition.
const SENDER: u64 = 1;
/// Recipients: each in a partition of its own, so that both nodes have some of them.
const RECIPIENTS: std::ops::Range<u64> = 11..19;
/// Connections, half of them at each gateway ...
const PEERS: u64 = 20;
/// ... and how often each says one message.
const COPIES: usize = 5;
/// Rounds before the owner changes, and after.
const CALM_ROUNDS: usize = 3;
/// All answers of a round may take this long: a takeover, and much room for a busy machine.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// Before a refused send is said again.
const AGAIN: Duration = Duration::from_millis(20);
/// A node that was asked to may take this long to hand everything over and end.
const LEAVE_MAX: Duration = Duration::from_secs(30);

/// The messages of one round: what each is, and for whom.
type Round = Vec<(ClientMsgId, u64)>;

/// What is known of all messages that were said.
#[derive(Default)]
struct Told {
    places: HashMap<ClientMsgId, (u64, Stored)>,
    answers: u64,
    refusals: u64,
    rounds: u32,
    longest: Duration,
    conflicts: Vec<String>,
}

/// Runs the drill. Returns what was broken, if anything was.
pub fn show(runtime: &Runtime) -> Result<Option<String>> {
    let place = Place::new("promise-retries", Commitlog::Batch)?;
    let cql = place.cassandra.address();
    let mut first = place.start_logic(1, &cql, LEASE_MS)?;
    let mut second = place.start_logic(2, &cql, LEASE_MS)?;
    let _gateways = [place.start_gateway(1)?, place.start_gateway(2)?];
    place.wait_until_shared(&[1, 2], &mut second)?;
    let mut sayers = Sayers::connect(&place, runtime)?;
    let mut told = Told::default();

    sayers.rounds(runtime, &mut told, CALM_ROUNDS)?;
    let moved = place.acks(1)?;
    ensure!(moved > 0, "node 1 owned none of the conversations: nothing would change");
    sayers.rounds_while(runtime, &mut told, || {
        first.signal(Signal::TERM)?;
        ensure!(first.wait_exit(LEAVE_MAX)?.success(), "node 1 did not leave well");
        Ok(())
    })?;
    println!("node 1 acknowledged {moved}, drained and left");

    let mut first = place.start_logic(1, &cql, LEASE_MS)?;
    place.wait_until_shared(&[1, 2], &mut first)?;
    let before = place.acks(2)?;
    sayers.rounds(runtime, &mut told, CALM_ROUNDS)?;
    let moved = place.acks(2)? - before;
    ensure!(moved > 0, "node 2 owned none of the conversations: nothing would change");
    sayers.rounds_while(runtime, &mut told, || {
        second.kill()?;
        place.wait_until_shared(&[1], &mut first)
    })?;
    println!("node 2 acknowledged {moved}, was killed, and node 1 took over");
    sayers.all_again(runtime, &mut told)?;
    told.print();
    runtime.block_on(told.check(&place))
}

/// Twenty devices of the sender.
struct Sayers {
    peers: Vec<Peer>,
    random: u128,
}

impl Sayers {
    fn connect(place: &Place, runtime: &Runtime) -> Result<Self> {
        let token = place.token(SENDER)?;
        let mut peers = Vec::new();
        for device in 1..=PEERS {
            let server = place.gateway(if device % 2 == 0 { 1 } else { 2 });
            peers.push(runtime.block_on(Peer::login(server, &token, device))?);
        }
        Ok(Self { peers, random: 0 })
    }

    fn rounds(&mut self, runtime: &Runtime, told: &mut Told, count: usize) -> Result<()> {
        (0..count).try_for_each(|_| self.new_round(runtime, told))
    }

    /// Rounds until `change` is through, and some more.
    fn rounds_while(
        &mut self,
        runtime: &Runtime,
        told: &mut Told,
        change: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let rounds = scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    self.new_round(runtime, told)?;
                }
                anyhow::Ok(())
            });
            let changed = change();
            is_over.store(true, Relaxed);
            rounds.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
            changed
        })?;
        self.rounds(runtime, told, CALM_ROUNDS)
    }

    /// A new message to everybody, said by all.
    fn new_round(&mut self, runtime: &Runtime, told: &mut Told) -> Result<()> {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let mut id = |to| {
            self.random += 1;
            (ClientMsgId::new(u64::try_from(unix.as_millis()).unwrap_or(0), self.random), to)
        };
        let round: Round = RECIPIENTS.map(&mut id).collect();
        told.rounds += 1;
        runtime.block_on(self.say(&round, COPIES, told))
    }

    /// Every message of all rounds, whose conversations have other owners now, once more.
    fn all_again(&mut self, runtime: &Runtime, told: &mut Told) -> Result<()> {
        let all: Round = told.places.iter().map(|(id, (to, _))| (*id, *to)).collect();
        all.chunks(RECIPIENTS.count() * COPIES)
            .try_for_each(|part| runtime.block_on(self.say(&part.to_vec(), 1, told)))
    }

    /// Everybody says these so often; until all are answered.
    async fn say(&mut self, round: &Round, copies: usize, told: &mut Told) -> Result<()> {
        let started = Instant::now();
        let mut saying = JoinSet::new();
        for mut peer in self.peers.drain(..) {
            let round = round.clone();
            saying.spawn(async move {
                let heard = timeout(ROUND_MAX, retry(&mut peer, &round, copies)).await;
                (peer, heard)
            });
        }
        while let Some(said) = saying.join_next().await {
            let (peer, heard) = said.context("a sender panicked")?;
            let (places, refusals) = heard.context("not all retries were answered")??;
            told.refusals += refusals;
            places.into_iter().for_each(|(id, to, place)| told.add(id, to, place));
            self.peers.push(peer);
        }
        told.longest = told.longest.max(started.elapsed());
        Ok(())
    }
}

/// Says each message so often, and again what was refused for the moment; the answers, and how many refusals.
async fn retry(
    peer: &mut Peer,
    round: &Round,
    copies: usize,
) -> Result<(Vec<(ClientMsgId, u64, Stored)>, u64)> {
    let (mut waiting, mut places, mut refusals) = (HashMap::new(), Vec::new(), 0);
    for (id, to) in round.iter().cycle().take(round.len() * copies) {
        waiting.insert(say_send(peer, *id, *to).await?, (*id, *to));
    }
    while !waiting.is_empty() {
        match peer.next().await?.context("a gateway closed a connection")? {
            Heard::Acked { request_id, place } => {
                let (id, to) = waiting.remove(&request_id).context("an answer to no request")?;
                places.push((id, to, place));
            }
            Heard::Refused { request_id, code, .. } => {
                let (id, to) = waiting.remove(&request_id).context("a refusal of no request")?;
                if !code.is_some_and(|code| code.is_retryable()) {
                    bail!("a retry was refused for good: {code:?}");
                }
                refusals += 1;
                sleep(AGAIN).await;
                waiting.insert(say_send(peer, id, to).await?, (id, to));
            }
            Heard::Pushed { inbox_seq, .. } => {
                let ack = frames::PushAck { inbox_seq };
                peer.say(|out, id| encode(out, id, ack)).await?;
            }
            Heard::LoggedIn { .. } | Heard::Ended { .. } | Heard::Other => {}
        }
    }
    Ok((places, refusals))
}

async fn say_send(peer: &mut Peer, client_msg_id: ClientMsgId, to: u64) -> Result<u64> {
    let body = Bytes::copy_from_slice(&client_msg_id.0);
    let send = peer::message(SENDER, to, client_msg_id, body);
    peer.say(|out, id| encode(out, id, send)).await
}

impl Told {
    fn add(&mut self, id: ClientMsgId, to: u64, place: Stored) {
        self.answers += 1;
        let known = self.places.entry(id).or_insert((to, place));
        if known.1 != place {
            self.conflicts.push(format!("{id:?} is {:?} and {place:?}", known.1));
        }
    }

    fn print(&self) {
        let (messages, longest) = (self.places.len(), self.longest.as_secs_f64());
        println!(
            "{messages} messages in {} rounds, each said {} times at once and {PEERS} times later: \
             {} answers, {} refusals before, {} different answers, longest round {longest:.2} s",
            self.rounds,
            PEERS * COPIES as u64,
            self.answers,
            self.refusals,
            self.conflicts.len(),
        );
    }

    /// What is stored is what was told, once.
    async fn check(&self, place: &Place) -> Result<Option<String>> {
        if let Some(conflict) = self.conflicts.first() {
            return Ok(Some(conflict.clone()));
        }
        let (server, token) = (place.gateway(1), place.token(SENDER)?);
        let (client, _inbox) = reader::connect(server, &token, PEERS + 1).await?;
        for to in RECIPIENTS {
            let expected: HashMap<u64, ClientMsgId> = self
                .places
                .iter()
                .filter(|(_, known)| known.0 == to)
                .map(|(id, known)| (known.1.seq, *id))
                .collect();
            let history = reader::history(&client, to).await?;
            let found = history.iter().map(|it| (it.seq.0, it.client_msg_id));
            if history.len() != expected.len() || found.collect::<HashMap<_, _>>() != expected {
                let (stored, told) = (history.len(), expected.len());
                return Ok(Some(format!("to {to}: {stored} rows stored, {told} told of")));
            }
            if history.iter().zip(1..).any(|(it, seq)| it.seq.0 != seq) {
                return Ok(Some(format!("to {to}: the seqs are not 1 to {}", history.len())));
            }
            let inbox = reader::inbox(server, &place.token(to)?, 1).await?;
            let ids: HashSet<ClientMsgId> = inbox.iter().map(|it| it.client_msg_id).collect();
            if inbox.len() != history.len() || ids.len() != history.len() {
                let (rows, sent) = (inbox.len(), history.len());
                return Ok(Some(format!("the inbox of {to} has {rows} rows of {sent} messages")));
            }
        }
        let inbox = reader::inbox(server, &token, PEERS + 2).await?;
        let ids: HashSet<ClientMsgId> = inbox.iter().map(|it| it.client_msg_id).collect();
        if inbox.len() != self.places.len() || ids.len() != inbox.len() {
            let (rows, sent) = (inbox.len(), self.places.len());
            return Ok(Some(format!("the sender's inbox has {rows} rows of {sent} messages")));
        }
        println!("stored once each: every history without a hole, both inboxes");
        Ok(None)
    }
}
