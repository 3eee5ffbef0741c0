//! The pages: what each says and with which status.

use super::health::Health;
use crate::config::Config;
use crate::metrics::{CoreMetrics, FirstDamage, Metrics};
use crate::questions::{self, Question, Unanswered};
use crate::tls::Certificates;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State as Given};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use link::{Clocks, Own};
use netring::names::Names;
use serde_json::json;
use service::admin::{prometheus, said, toml};
use service::clock::unix_ms;
use service::config::TlsMode;
use service::lifecycle::Shutdown;
use service::mailbox::Directory;
use service::metrics::Gauge;
use shard::command::{Answer, Command, DeviceState};
use shard::limits::PARTITIONS;
use shard::offline::DeadRow;
use shard::partition::Partition;
use std::net::SocketAddr;
use std::sync::Arc;
use wire::{DeviceId, Generation, PAGE_ROWS_MAX, RefusalCode, Uid};

/// What the pages read, and whom they tell.
#[derive(Clone)]
pub struct Seen {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// What clients are shown, if they may speak TLS.
    pub certificates: Option<Arc<Certificates>>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The state.
    pub shutdown: Shutdown,
    /// What first could not be read of each core's store.
    pub damage: FirstDamage,
    /// How far the clocks of nodes are from this process's.
    pub clocks: Arc<ArcSwap<Clocks>>,
    /// To the cores: what is asked of shards.
    pub questions: Directory<Question>,
    /// What nodes are called.
    pub names: Names,
}

const INDEX: &str = "/metrics /healthz /readyz /config /status /devices/{uid} /push/dead\n\
                     POST /kick/{uid} /kick/{uid}/{device} /revoke/{uid} /push/replay/{uid}\n";

pub fn router(seen: Seen) -> Router {
    let commands = Router::new()
        .route("/devices/{uid}", get(devices))
        .route("/kick/{uid}", post(kick_all))
        .route("/kick/{uid}/{device}", post(kick))
        .route("/revoke/{uid}", post(revoke))
        .route("/push/dead", get(dead))
        .route("/push/replay/{uid}", post(replay))
        .route_layer(from_fn(from_here));
    Router::new()
        .merge(commands)
        .route("/", get(|| async { INDEX }))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/config", get(config))
        .route("/status", get(status))
        .with_state(seen)
}

impl Seen {
    fn health(&self) -> Health<'_> {
        let state = self.shutdown.state();
        let is_remote = !self.config.logic.0.is_empty();
        Health { cores: self.metrics.cores(), state, age_ms: self.metrics.age_ms(), is_remote }
    }

    /// Whether clients should be sent here.
    ///
    /// # Errors
    /// Why not.
    pub fn ready(&self) -> Result<(), String> {
        self.health().ready().map_err(|why| self.with_unknown(why))?;
        match self.certificate_over().filter(|_| self.config.tls == TlsMode::Require) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// No client that looks at it comes in with it.
    fn certificate_over(&self) -> Option<String> {
        let expires_unix_s = self.certificates.as_ref()?.expires_unix_s();
        let over_s = (unix_ms() / 1_000).checked_sub(expires_unix_s)?;
        Some(format!("the time of tls_certificate has been over for {over_s} s: give another"))
    }

    /// What is not served, while everything else is.
    #[must_use]
    pub fn degraded(&self) -> Option<String> {
        let unreached = self.health().degraded().map(|why| self.with_unknown(why));
        let others = || self.damaged().or_else(|| self.wrong_clock());
        unreached.or_else(others).or_else(|| self.certificate_over())
    }

    /// Tokens are judged by it, and nothing that is stored.
    fn wrong_clock(&self) -> Option<String> {
        match self.clocks.load().own() {
            Own::Unsuspected => None,
            wrong => Some(format!("this gateway's clock is {wrong}")),
        }
    }

    /// A name that is not known may be the reason.
    fn with_unknown(&self, why: String) -> String {
        let unknown = self.names.found().unknown.join(", ");
        if unknown.is_empty() { why } else { format!("{why}; names that are not known: {unknown}") }
    }

    /// What cannot be read, while everything else is served.
    fn damaged(&self) -> Option<String> {
        let texts =
            self.damage.iter().enumerate().filter_map(|(shard, text)| Some((shard, text.get()?)));
        let texts: Vec<String> =
            texts.map(|(shard, text)| format!("shard {shard} cannot read {text}")).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

async fn devices(Given(seen): Given<Seen>, Path(uid): Path<u64>) -> Response {
    let (after, limit) = (Generation(0), PAGE_ROWS_MAX as usize);
    let command = Command::Devices { uid: Uid(uid), after, limit };
    match ask(&seen, uid, command).await {
        Ok(Answer::Devices(devices)) => {
            let device = |state: &DeviceState| {
                json!({
                    "device": state.device.0.to_string(),
                    "generation": state.generation.0,
                    "platform": state.platform.to_string(),
                    "silent_s": state.silent_s,
                })
            };
            page(&json!(devices.iter().map(device).collect::<Vec<_>>()))
        }
        other => unanswered(other),
    }
}

async fn kick_all(given: Given<Seen>, Path(uid): Path<u64>) -> Response {
    end(given, Uid(uid), None).await
}

async fn kick(given: Given<Seen>, Path((uid, device)): Path<(u64, u64)>) -> Response {
    end(given, Uid(uid), Some(DeviceId(device))).await
}

async fn end(Given(seen): Given<Seen>, uid: Uid, device: Option<DeviceId>) -> Response {
    tracing::info!(%uid, ?device, "an operator ends sessions");
    let code = RefusalCode::Kicked;
    ended(ask(&seen, uid.0, Command::EndDevices { uid, device, code }).await)
}

async fn revoke(Given(seen): Given<Seen>, Path(uid): Path<u64>) -> Response {
    let (uid, tokens_s) = (Uid(uid), unix_ms() / 1_000);
    tracing::info!(%uid, "an operator takes tokens back");
    ended(ask(&seen, uid.0, Command::Revoke { uid, tokens_s }).await)
}

/// What the receiver of offline push did not take, of each shard the first page.
async fn dead(Given(seen): Given<Seen>) -> Response {
    let mut rows = Vec::new();
    let cores = u16::try_from(seen.questions.cores()).expect("at most 512");
    for core in 0..cores {
        let partition = Partition::all(PARTITIONS).find(|it| it.owner(cores).0 == core);
        let Some(partition) = partition else { continue };
        let command = Command::Dead { partition, after: Uid(0), limit: PAGE_ROWS_MAX as usize };
        match ask(&seen, core.into(), command).await {
            Ok(Answer::Dead(dead)) => rows.extend(dead),
            other => return unanswered(other),
        }
    }
    let row = |row: &DeadRow| {
        json!({
            "uid": row.uid.0.to_string(),
            "after": row.after.0,
            "through": row.through.0,
            "given_up_ms": row.unix_ms,
        })
    };
    page(&json!(rows.iter().map(row).collect::<Vec<_>>()))
}

async fn replay(Given(seen): Given<Seen>, Path(uid): Path<u64>) -> Response {
    let uid = Uid(uid);
    tracing::info!(%uid, "an operator has notifications told again");
    match ask(&seen, uid.0, Command::Replay { uid }).await {
        Ok(Answer::Replayed { count }) => page(&json!({ "replayed": count })),
        other => unanswered(other),
    }
}

fn ended(answer: Result<Answer, Unanswered>) -> Response {
    match answer {
        Ok(Answer::Ended { count }) => page(&json!({ "ended": count })),
        other => unanswered(other),
    }
}

/// Asks the shard that a user belongs to.
async fn ask(seen: &Seen, home: u64, command: Command) -> Result<Answer, Unanswered> {
    questions::ask(&seen.questions, (home, command)).await.map(|(answer, _)| answer)
}

/// What is said where no answer came, or another than was asked for.
fn unanswered(answer: Result<Answer, Unanswered>) -> Response {
    said(Err(match answer {
        Err(why) => why.to_string(),
        Ok(Answer::Refused { code, .. }) => {
            format!("refused ({code:?}); say it again")
        }
        Ok(other) => format!("answered with what was not asked for: {other:?}"),
    }))
}

fn page(page: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], page.to_string() + "\n").into_response()
}

/// Whoever may read the pages from afar may end no session, and is told of nobody.
async fn from_here(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    ask: Request,
    next: Next,
) -> Response {
    if peer.ip().to_canonical().is_loopback() {
        next.run(ask).await
    } else {
        (StatusCode::FORBIDDEN, "from this machine only\n").into_response()
    }
}

async fn metrics(Given(seen): Given<Seen>) -> Response {
    prometheus(seen.metrics.render())
}

async fn healthz(Given(seen): Given<Seen>) -> Response {
    said(seen.health().alive())
}

async fn readyz(Given(seen): Given<Seen>) -> Response {
    match (seen.ready(), seen.degraded()) {
        (Ok(()), Some(why)) => format!("ok, degraded: {why}\n").into_response(),
        (verdict, _) => said(verdict),
    }
}

async fn config(Given(seen): Given<Seen>) -> Response {
    toml(seen.config.to_string())
}

async fn status(Given(seen): Given<Seen>) -> Response {
    let cores = seen.metrics.cores();
    let sum = |cell: fn(&CoreMetrics) -> &Gauge| -> u64 {
        cores.iter().map(|core| cell(core).get()).sum()
    };
    let least = |cell: fn(&CoreMetrics) -> &Gauge| cores.iter().map(|core| cell(core).get()).min();
    let health = seen.health();
    page(&json!({
        "ready": seen.ready().err().unwrap_or_else(|| "yes".into()),
        "degraded": seen.degraded(),
        "cores": cores.len(),
        "connections": sum(|core| &core.connections),
        "users_online": sum(|core| &core.users_online),
        "in_flight": sum(|core| &core.shard_in_flight),
        "push": seen.config.push_endpoint.as_ref().map(|_| json!({
            "owing": sum(|core| &core.push_owing),
            "waiting": sum(|core| &core.push_waiting),
            "broken_shards": sum(|core| &core.push_broken),
            "oldest_s": cores.iter().map(|core| core.push_oldest_ms.get()).max().unwrap_or(0) / 1_000,
        })),
        "logic": seen.config.logic.0,
        "clock": seen.clocks.load().own().to_string(),
        "clocks": seen.clocks.load().to_json(),
        "partitions_reachable": least(|core| &core.partitions_reachable).filter(|_| health.is_remote),
    }))
}
