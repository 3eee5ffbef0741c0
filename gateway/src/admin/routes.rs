//! The pages: what each says and with which status.

use super::Seen;
use super::health::Health;
use axum::Router;
use axum::extract::State as Given;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use service::admin::{prometheus, said};

pub fn router(seen: Seen) -> Router {
    Router::new()
        .route("/", get(|| async { "/metrics /healthz /readyz /config\n" }))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/config", get(config))
        .with_state(seen)
}

impl Seen {
    fn health(&self) -> Health<'_> {
        let state = self.shutdown.state();
        Health { cores: self.metrics.cores(), state, age_ms: self.metrics.age_ms() }
    }
}

async fn metrics(Given(seen): Given<Seen>) -> Response {
    prometheus(seen.metrics.render())
}

async fn healthz(Given(seen): Given<Seen>) -> Response {
    said(seen.health().alive())
}

async fn readyz(Given(seen): Given<Seen>) -> Response {
    said(seen.health().ready())
}

async fn config(Given(seen): Given<Seen>) -> Response {
    ([(header::CONTENT_TYPE, "application/toml")], seen.config.to_string()).into_response()
}
