//! The Longline gateway: it holds connections, and hands what they say to the logic shards.
//!
//! Modules in reading order: first what starts and stops a process, then what runs beside the
//! cores. It knows neither which store the shards write to nor where routes are kept: logic does.

pub mod cli;
pub mod config;
pub mod auth;
pub mod metrics;
pub mod admin;
pub mod limits;
pub mod core;
pub mod transport;
pub mod entry;
pub mod backend;
pub mod canary;
pub mod serve;
