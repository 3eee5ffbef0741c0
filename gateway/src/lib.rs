//! The Longline gateway: it holds connections, and hands what they say to the logic shards.
//!
//! Modules in reading order: first what starts and stops a process, then what runs beside the cores.
//! It knows neither which store the shards write to nor where routes are kept: logic does.

pub mod cli;
pub mod config;
pub mod auth;
pub mod metrics;
pub mod admin;
pub mod limits;
pub mod core;
pub mod entry;
pub mod conn;
pub mod connections;
pub mod session;
pub mod rate;
pub mod delivery;
pub mod post;
pub mod away;
pub mod canary;
pub mod serve;
