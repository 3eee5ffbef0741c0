//! A node's pages: metrics, health, readiness and status. They only read.

use super::metrics::{Metrics, ProcessCells};
use super::ownership::Seen;
use super::settings::Config;
use super::waits::Waits;
use crate::cql::CqlClient;
use crate::routes::Routes;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Path, State as Given};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use link::{Clocks, Own};
use serde_json::json;
use service::admin::{TICK_AGE_MS_MAX, prometheus, said, toml};
use service::lifecycle::{Shutdown, State};
use service::metrics::Cells;
use shard::partition::Partition;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use wire::Uid;

/// What the pages read.
#[derive(Clone)]
pub struct Sources {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// The numbers of all cores.
    pub metrics: Arc<Metrics>,
    /// The state of the process.
    pub shutdown: Shutdown,
    /// What it waits for before it serves.
    pub waits: Waits,
    /// What makes it part of a cluster; nothing before it has its store.
    pub cluster: Arc<OnceLock<Cluster>>,
    /// How far the clocks of others are from this node's.
    pub clocks: Arc<ArcSwap<Clocks>>,
}

/// What makes it part of a cluster.
#[derive(Clone)]
pub struct Cluster {
    /// The store.
    pub client: Arc<CqlClient>,
    /// The lease.
    pub seen: watch::Receiver<Seen>,
    /// The routes, if Redis has them.
    pub routes: Option<Routes>,
}

/// The pages.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { "/metrics /healthz /readyz /config /status /users/{uid},...\n" }),
        )
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/config", get(config))
        .route("/status", get(status))
        .route("/users/{uids}", get(users))
        .with_state(sources)
}

impl Sources {
    fn alive(&self) -> Result<(), String> {
        let age_ms = self.metrics.age_ms();
        for (core, cells) in self.metrics.cores().iter().enumerate() {
            let silent_ms = age_ms.saturating_sub(cells.last_tick_ms.get());
            if silent_ms > TICK_AGE_MS_MAX && cells.ready.get() == 1 {
                return Err(format!("core {core} has not gone round for {silent_ms} ms"));
            }
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), String> {
        if self.shutdown.state() != State::Running {
            return Err("leaving".into());
        }
        if let Some(why) = self.waits.why() {
            return Err(format!("waiting: {why}"));
        }
        if self.metrics.cores().iter().any(|cells| cells.ready.get() != 1) {
            return Err("starting".into());
        }
        if let Some(Cluster { client, seen, .. }) = self.cluster.get() {
            let seen = seen.borrow();
            if seen.lease_valid_ms == 0 {
                return Err("no valid lease".into());
            }
            if client.breaker_is_open() {
                return Err("the CQL store does not answer".into());
            }
            if seen.is_alone {
                return Err("no gateway has a link to this node, and others have".into());
            }
            if !seen.had_its_share {
                return Err("its share of the partitions is not all here yet".into());
            }
        }
        self.alive()?;
        match self.clocks.load().own() {
            Own::Unsuspected => Ok(()),
            wrong => Err(format!("this node's clock is {wrong}")),
        }
    }
}

async fn metrics(Given(sources): Given<Sources>) -> Response {
    let mut text = sources.metrics.render();
    let cells = ProcessCells::default();
    cells.cpu_milliseconds.set(cpu_ms());
    if let Some(Cluster { client, seen, routes }) = sources.cluster.get() {
        cells.lease_valid_ms.set(seen.borrow().lease_valid_ms);
        cells.breaker_open.set(client.breaker_is_open().into());
        let routes_open = routes.as_ref().is_some_and(Routes::breaker_is_open);
        cells.routes_breaker_open.set(routes_open.into());
        cells.cql_statements.set(client.stats().all());
    }
    ProcessCells::render_all(&[Arc::new(cells)], &mut text);
    prometheus(text)
}

async fn healthz(Given(sources): Given<Sources>) -> Response {
    said(sources.alive())
}

async fn readyz(Given(sources): Given<Sources>) -> Response {
    said(sources.ready())
}

async fn config(Given(sources): Given<Sources>) -> Response {
    toml(sources.config.to_string())
}

async fn status(Given(sources): Given<Sources>) -> Response {
    let cores = sources.metrics.cores();
    let cluster = sources.cluster.get().map(|Cluster { client, seen, routes }| {
        let seen = seen.borrow();
        let mut partitions = BTreeMap::<u16, usize>::new();
        for row in seen.owners.iter().flatten() {
            *partitions.entry(row.holder.node.0).or_default() += 1;
        }
        let nodes: Vec<_> =
            seen.nodes.iter().map(|it| json!({"node": it.node.0, "address": it.address})).collect();
        json!({
            "lease_valid_ms": seen.lease_valid_ms,
            "lives": seen.lives,
            "gateway_links": seen.entries,
            "partitions_by_node": partitions,
            "nodes": nodes,
            "cql_breaker_open": client.breaker_is_open(),
            "cql_statements": client.stats().all(),
            "routes_breaker_open": routes.as_ref().map(Routes::breaker_is_open),
        })
    });
    let page = json!({
        "node": sources.config.node,
        "ready": sources.ready().err().unwrap_or_else(|| "yes".into()),
        "partitions": cores.iter().map(|cells| cells.partitions.get()).sum::<u64>(),
        "links": cores.iter().map(|cells| cells.links.get()).sum::<u64>(),
        "store_in_flight": cores.iter().map(|cells| cells.store_in_flight.get()).sum::<u64>(),
        "in_flight": cores.iter().map(|cells| cells.in_flight.get()).sum::<u64>(),
        "acks": cores.iter().map(|cells| cells.acks.get()).sum::<u64>(),
        "clock": sources.clocks.load().own().to_string(),
        "clocks": sources.clocks.load().to_json(),
        "cluster": cluster,
    });
    ([(header::CONTENT_TYPE, "application/json")], page.to_string() + "\n").into_response()
}

/// Where users belong: their partition, and the node that owns it as far as this one knows.
async fn users(Given(sources): Given<Sources>, Path(uids): Path<String>) -> Response {
    let Ok(uids) = uids.split(',').map(str::parse).collect::<Result<Vec<u64>, _>>() else {
        let why = "/users/ takes uids: decimal numbers, with commas between\n";
        return (StatusCode::BAD_REQUEST, why).into_response();
    };
    let owners = sources.cluster.get().map(|cluster| cluster.seen.borrow().owners.clone());
    let place = |uid| {
        let partition = Partition::of_user(Uid(uid));
        let row = owners.as_ref().and_then(|rows| *rows.get(usize::from(partition.number()))?);
        // Without a cluster the node owns them all, and there are no epochs.
        let node = if owners.is_some() {
            row.map(|row| row.holder.node.0)
        } else {
            Some(sources.config.node)
        };
        let epoch = row.map(|row| row.epoch.0);
        json!({"uid": uid, "partition": partition.number(), "node": node, "epoch": epoch})
    };
    let page = uids.into_iter().map(place).collect::<Vec<_>>();
    ([(header::CONTENT_TYPE, "application/json")], json!(page).to_string() + "\n").into_response()
}

/// CPU time of this process so far, in ms.
fn cpu_ms() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * 1_000 + time.tv_nsec / 1_000_000).unwrap_or(0)
}
