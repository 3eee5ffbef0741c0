//! The pages: what each says and with which status.

use super::health::Health;
use crate::config::Config;
use crate::metrics::{CoreMetrics, FirstDamage, Metrics};
use axum::Router;
use axum::extract::State as Given;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use service::admin::{prometheus, said, toml};
use service::lifecycle::Shutdown;
use service::metrics::Gauge;
use std::sync::Arc;

/// What the pages read.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The state.
    pub shutdown: Shutdown,
    /// What first could not be read of each core's store.
    pub damage: FirstDamage,
}

pub fn router(seen: Seen) -> Router {
    Router::new()
        .route("/", get(|| async { "/metrics /healthz /readyz /config /status\n" }))
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

    /// What cannot be read, while everything else is served.
    fn damaged(&self) -> Option<String> {
        let texts =
            self.damage.iter().enumerate().filter_map(|(shard, text)| Some((shard, text.get()?)));
        let texts: Vec<String> =
            texts.map(|(shard, text)| format!("shard {shard} cannot read {text}")).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

async fn metrics(Given(seen): Given<Seen>) -> Response {
    prometheus(seen.metrics.render())
}

async fn healthz(Given(seen): Given<Seen>) -> Response {
    said(seen.health().alive())
}

async fn readyz(Given(seen): Given<Seen>) -> Response {
    match (seen.health().ready(), seen.damaged()) {
        (Ok(()), Some(damage)) => format!("ok, in part: {damage}\n").into_response(),
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
    let page = json!({
        "ready": health.ready().err().unwrap_or_else(|| "yes".into()),
        "damaged": seen.damaged(),
        "cores": cores.len(),
        "connections": sum(|core| &core.connections),
        "users_online": sum(|core| &core.users_online),
        "in_flight": sum(|core| &core.shard_in_flight),
        "logic": seen.config.logic.0,
        "partitions_reachable": least(|core| &core.partitions_reachable).filter(|_| health.is_remote),
    });
    ([(header::CONTENT_TYPE, "application/json")], page.to_string() + "\n").into_response()
}
