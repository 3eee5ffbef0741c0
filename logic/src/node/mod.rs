//! The logic process: cores with links to gateways and other nodes, a shard for each partition it
//! holds, and the task that keeps its lease.
//!
//! Modules in reading order. It does things and decides nothing: [`crate::cluster`] says what is
//! held, [`shard`] what a command does, [`link`] what a frame means.

pub mod cli;
pub mod limits;
pub mod settings;
pub mod metrics;
pub mod waits;
pub mod pages;
pub mod serve;
pub mod post;
pub mod core;
mod generations;
pub mod links;
pub mod slots;
pub mod rounds;
pub mod routing;
mod sessions;
mod reach;
mod clocks;
pub mod owners;
pub mod ownership;
