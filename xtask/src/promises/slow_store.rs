//! The store answers 200 ms late, then not at all, then well again: sends go on slowly, are refused quickly, and go on; what
//! was acknowledged is there; memory and what waits stay bounded.
//!
//! Some writers keep a window of sends out, as a busy gateway does; in the silence all of these wait. A prober says a send
//! every 50 ms whatever became of the others, and tells how soon each is refused.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wire::{Bytes, ClientMsgId, encode};

use super::peer::{self, Heard, Peer};
use super::place::{LOOK, Place};
use super::reader;
use crate::drill::relay::{Manner, Relay};
use crate::drill::watch::own_memory;
use crate::process::Guarded;
use crate::servers::node::Commitlog;

/// Users who write, and the one to whom each writes.
const WRITERS: std::ops::Range<u64> = 1..9;
const PROBER: u64 = 9;
const PEER_OF: u64 = 100;
/// Sends of a writer that are not answered.
const WINDOW: usize = 32;
/// How long each phase lasts.
const CALM: Duration = Duration::from_secs(3);
const SLOW: Duration = Duration::from_secs(6);
const SILENT: Duration = Duration::from_secs(10);
/// How late answers are when the store is slow.
const LATE: Duration = Duration::from_millis(200);
/// A refusal comes so soon once the breaker is open.
const REFUSED_MAX: Duration = Duration::from_millis(50);
/// After the heal there is an acknowledgement within this time.
const HEALED_MAX: Duration = Duration::from_secs(5);
/// The breaker opens after 2 s; a second for a busy machine.
const OPENED_MAX: Duration = Duration::from_secs(3);
/// A phase's last answers may take this long.
const DRAINED_MAX: Duration = Duration::from_secs(30);
/// Before a refused writer says the next, and between probes.
const AGAIN: Duration = Duration::from_millis(50);
/// Probes that are not answered: of all that the silence lasts.
const PROBES: usize = 256;
/// The lease of real clusters: a silent store outlasts it.
const LEASE_MS: u64 = 5_000;
/// What a process's memory may grow by from when the store is slow: some 500 sends wait, of a few kB with all they carry; the
/// rest is what an allocator keeps.
const GROWN_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What waits in a node at most: the windows, and probes until the breaker opens.
const IN_FLIGHT_MAX: u64 = (WINDOW * 8 + PROBES) as u64;

/// Where the drill is; senders look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Calm,
    Slow,
    /// The store is silent, and the breaker not seen open.
    Silent,
    /// The breaker is open.
    Open,
    Healed,
    Over,
}

/// One answer.
#[derive(Clone, Copy)]
struct Answer {
    /// In which the send was said, and in which it was answered.
    said: Phase,
    answered: Phase,
    at: Instant,
    took: Duration,
    is_ack: bool,
}

/// What a sender saw, and what was acknowledged: the id by its place.
#[derive(Default)]
struct Log {
    answers: Vec<Answer>,
    acked: HashMap<u64, ClientMsgId>,
}

/// Runs the drill. Returns what was broken, if anything was.
pub fn show(runtime: &Runtime) -> Result<Option<String>> {
    let place = Place::new("promise-slow-store", Commitlog::Batch)?;
    let proxy = Relay::start(place.cassandra.address().parse()?, &[])?;
    let mut logic = place.start_logic(1, &proxy.address.to_string(), LEASE_MS)?;
    let gateway = place.start_gateway(1)?;
    place.wait_until_shared(&[1], &mut logic)?;
    let drill = Drill { place: &place, proxy: &proxy, logic: &logic, gateway: &gateway };
    runtime.block_on(drill.run())
}

struct Drill<'a> {
    place: &'a Place,
    proxy: &'a Relay,
    logic: &'a Guarded,
    gateway: &'a Guarded,
}

impl Drill<'_> {
    async fn run(&self) -> Result<Option<String>> {
        let (phase, seen) = watch::channel(Phase::Calm);
        let mut senders = JoinSet::new();
        for uid in WRITERS.chain([PROBER]) {
            let token = self.place.token(uid)?;
            let peer = Peer::login(self.place.gateway(1), &token, 1).await?;
            let (window, pace) =
                if uid == PROBER { (PROBES, AGAIN) } else { (WINDOW, Duration::ZERO) };
            senders.spawn(write(Writer { peer, uid, window, pace }, seen.clone()));
        }
        sleep(CALM).await;
        let calm = self.memory()?;
        println!("calm: {}", self.waits()?);
        phase.send_replace(Phase::Slow);
        self.proxy.set(Manner::Late(LATE));
        sleep(SLOW).await;
        println!("slow: {}, memory {}", self.waits()?, kib(self.memory()?));
        phase.send_replace(Phase::Silent);
        self.proxy.set(Manner::Still);
        let stood = Instant::now();
        let opened = self.until_open(true, OPENED_MAX).await?;
        phase.send_replace(Phase::Open);
        let mut most = (0, [0, 0]);
        while stood.elapsed() < SILENT {
            sleep(LOOK).await;
            let memory = self.memory()?;
            most.1 = [memory[0].max(most.1[0]), memory[1].max(most.1[1])];
            most.0 = self.in_flight()?.max(most.0);
        }
        println!("silent: {}, at most {} in flight, memory {}", self.waits()?, most.0, kib(most.1));
        let healed = Instant::now();
        phase.send_replace(Phase::Healed);
        self.proxy.set(Manner::CLEAR);
        let closed = self.until_open(false, HEALED_MAX).await?;
        sleep(HEALED_MAX.saturating_sub(healed.elapsed())).await;
        phase.send_replace(Phase::Over);
        println!("the breaker opened after {opened:?}, and closed {closed:?} after the heal");
        let logs =
            timeout(DRAINED_MAX, gather(&mut senders)).await.context("no last answers")??;
        let grown: u64 = most
            .1
            .iter()
            .zip(calm)
            .map(|(most, calm)| most.saturating_sub(calm))
            .max()
            .unwrap_or(0);
        if most.0 > IN_FLIGHT_MAX || grown > GROWN_BYTES_MAX {
            return Ok(Some(format!("{} in flight, memory grew by {grown} B", most.0)));
        }
        let broken = judge(&logs, healed);
        Ok(if broken.is_some() { broken } else { self.read_back(&logs).await? })
    }

    /// How long until the breaker is open, or closed.
    async fn until_open(&self, is_open: bool, within: Duration) -> Result<Duration> {
        let started = Instant::now();
        loop {
            let status = self.place.status(1)?;
            if status["cluster"]["cql_breaker_open"] == is_open {
                return Ok(started.elapsed());
            }
            if started.elapsed() > within {
                bail!("the breaker is not {is_open} within {within:?}: {status}");
            }
            sleep(LOOK).await;
        }
    }

    fn in_flight(&self) -> Result<u64> {
        self.place.status(1)?["in_flight"].as_u64().context("a status has in_flight")
    }

    fn waits(&self) -> Result<String> {
        let status = self.place.status(1)?;
        Ok(format!(
            "in_flight {}, store_in_flight {}, acks {}",
            status["in_flight"], status["store_in_flight"], status["acks"]
        ))
    }

    /// Of the node and of the gateway, in bytes.
    fn memory(&self) -> Result<[u64; 2]> {
        Ok([own_memory(self.logic.pid())?, own_memory(self.gateway.pid())?])
    }

    /// Everything acknowledged is in its conversation, where it was said to be.
    async fn read_back(&self, logs: &[(u64, Log)]) -> Result<Option<String>> {
        let mut acked = 0;
        for (uid, log) in logs {
            let token = self.place.token(*uid)?;
            let (client, _inbox) = reader::connect(self.place.gateway(1), &token, 2).await?;
            let history = reader::history(&client, PEER_OF + uid).await?;
            let found: HashMap<u64, ClientMsgId> =
                history.iter().map(|it| (it.seq.0, it.client_msg_id)).collect();
            let lost = log.acked.iter().filter(|(seq, id)| found.get(seq) != Some(id)).count();
            if lost > 0 || history.iter().zip(1..).any(|(it, seq)| it.seq.0 != seq) {
                return Ok(Some(format!("{lost} of {} acked of user {uid} lost", log.acked.len())));
            }
            acked += log.acked.len();
        }
        println!("{acked} acknowledged, all of them read back in their places");
        Ok(None)
    }
}

fn kib(bytes: [u64; 2]) -> String {
    format!("{} KiB in the node, {} KiB in the gateway", bytes[0] / 1024, bytes[1] / 1024)
}

async fn gather(senders: &mut JoinSet<Result<(u64, Log)>>) -> Result<Vec<(u64, Log)>> {
    let mut logs = Vec::new();
    while let Some(log) = senders.join_next().await {
        logs.push(log.context("a sender panicked")??);
    }
    Ok(logs)
}

/// Who writes, and how.
struct Writer {
    peer: Peer,
    uid: u64,
    /// Sends that are not answered, at most.
    window: usize,
    /// Between two sends.
    pace: Duration,
}

/// Says sends until all is over, and waits for the last answers.
async fn write(mut writer: Writer, phase: watch::Receiver<Phase>) -> Result<(u64, Log)> {
    let (mut log, mut waiting, mut nth) = (Log::default(), HashMap::new(), 0);
    let mut next = Instant::now();
    loop {
        let is_over = *phase.borrow() == Phase::Over;
        if is_over && waiting.is_empty() {
            return Ok((writer.uid, log));
        }
        let may_say = !is_over && waiting.len() < writer.window;
        let heard = tokio::select! {
            heard = writer.peer.next() => heard?.context("the gateway closed")?,
            () = sleep_until(next), if may_say => {
                nth += 1;
                next = Instant::now() + writer.pace;
                let id = new_id(writer.uid, nth)?;
                let body = Bytes::copy_from_slice(&id.0);
                let send = peer::message(writer.uid, PEER_OF + writer.uid, id, body);
                let request = writer.peer.say(|out, id| encode(out, id, send)).await?;
                waiting.insert(request, (id, *phase.borrow(), Instant::now()));
                continue;
            }
        };
        let (request_id, place) = match heard {
            Heard::Acked { request_id, place } => (request_id, Some(place)),
            Heard::Refused { request_id, .. } => (request_id, None),
            Heard::LoggedIn { .. } | Heard::Pushed { .. } => continue,
            Heard::Ended { .. } | Heard::Other => continue,
        };
        let (id, said, since) = waiting.remove(&request_id).context("an answer to no request")?;
        let (at, answered) = (Instant::now(), *phase.borrow());
        log.answers.push(Answer { said, answered, at, took: at - since, is_ack: place.is_some() });
        if let Some(place) = place {
            log.acked.insert(place.seq, id);
        } else {
            next = next.max(at + AGAIN);
        }
    }
}

fn new_id(uid: u64, nth: u64) -> Result<ClientMsgId> {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    Ok(ClientMsgId::new(u64::try_from(unix)?, u128::from(uid) << 32 | u128::from(nth)))
}

/// Prints what came of sends, phase by phase; what was broken.
fn judge(logs: &[(u64, Log)], healed: Instant) -> Option<String> {
    let all = || logs.iter().flat_map(|(uid, log)| log.answers.iter().map(move |it| (*uid, *it)));
    let took = |is_wanted: &dyn Fn(u64, Answer) -> bool| {
        let mut took: Vec<Duration> =
            all().filter(|(uid, it)| is_wanted(*uid, *it)).map(|(_, it)| it.took).collect();
        took.sort_unstable();
        took
    };
    for phase in [Phase::Calm, Phase::Slow] {
        let acks = took(&|_, it| it.said == phase && it.answered == phase && it.is_ack);
        println!("{phase:?}: {} acks, {}", acks.len(), spread(&acks));
    }
    let refused = took(&|_, it| it.said == Phase::Open && it.answered == Phase::Open && !it.is_ack);
    println!("breaker open: {} refusals, {}", refused.len(), spread(&refused));
    let hung = took(&|_, it| it.said == Phase::Open && it.answered != Phase::Open);
    println!("said while the breaker was open, answered after: {}, {}", hung.len(), spread(&hung));
    let slow_acks = took(&|_, it| it.said == Phase::Slow && it.is_ack).len();
    let first =
        all().filter(|(_, it)| it.is_ack && it.at > healed).map(|(_, it)| it.at - healed).min();
    println!("the first ack came {first:?} after the heal");
    let late = refused.iter().filter(|took| **took > REFUSED_MAX).count();
    if slow_acks == 0 {
        return Some("a slow store took nothing".to_owned());
    }
    if refused.is_empty() || late * 100 > refused.len() {
        return Some(format!("{late} of {} refusals took over {REFUSED_MAX:?}", refused.len()));
    }
    let probes = took(&|uid, it| uid == PROBER && it.said == Phase::Open && it.took > REFUSED_MAX);
    // One probe may have been on its way when the store came back.
    if probes.len() > 1 {
        return Some(format!("{} probes had no answer within {REFUSED_MAX:?}", probes.len()));
    }
    first.is_none_or(|first| first > HEALED_MAX).then(|| "no ack soon after the heal".to_owned())
}

fn spread(sorted: &[Duration]) -> String {
    let at = |percent: usize| {
        let nth = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(nth).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    format!("p50 {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(50), at(99), at(100))
}
