//! The gateway's parts, each alone: configuration, keys, tokens, pages, metrics, signals, and what waits for logic nodes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tokens;
mod config;
mod keys;
mod limits;
mod token;
mod admin;
mod metrics;
mod signals;
mod remote_holds_back;
