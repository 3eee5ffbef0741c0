//! The Longline gateway: it holds connections, and hands what they say to shards.
//!
//! Modules in reading order: first what starts and stops a process, then what runs beside the
//! cores. Shards are here, over the embedded store, or in the nodes of a cluster; where those keep
//! rows and routes it does not know.

pub mod cli;
pub mod config;
mod small_file;
mod hex;
pub mod auth;
pub mod tls;
pub mod webhook;
pub mod metrics;
pub mod admin;
pub mod limits;
mod setup;
pub mod chunks;
pub mod core;
pub mod transport;
pub mod pages;
pub mod entry;
pub mod hear;
pub mod backend;
pub mod canary;
pub mod questions;
pub mod api;
pub mod serve;
