//! `cargo xtask promises`: what a cluster promises where it is hard to keep, each shown by real processes on a Cassandra and
//! a Redis of its own. Ends by itself, with exit code 4 when a promise is seen broken.

pub mod place;
pub mod peer;
pub mod reader;
mod retries;
mod half_dead;
mod slow_store;
mod cql_durability;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::drill::seen::BROKEN;
use crate::programs;
use crate::servers::node::Commitlog;

/// Which, and with what.
#[derive(clap::Args)]
pub struct Args {
    /// By default all.
    #[arg(value_enum)]
    promises: Vec<Promise>,
    /// When Cassandra acknowledges, for cql-durability: with `periodic` it must lose something, or the drill proves nothing.
    #[arg(long, value_enum, default_value_t = Commitlog::Batch)]
    commitlog: Commitlog,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Promise {
    /// Many retries of one message through two gateways, while its owner changes: one message, one answer.
    Retries,
    /// A session that was replaced while its gateway stood still has no say any more.
    HalfDead,
    /// A store that is slow, then silent: bounded queues, quick refusals, soon well again.
    SlowStore,
    /// A kill of Cassandra loses nothing that was acknowledged.
    CqlDurability,
}

/// Shows them one after the other, up to the first that is broken.
pub fn run(args: &Args) -> Result<ExitCode> {
    programs::build()?;
    let all = [Promise::Retries, Promise::HalfDead, Promise::SlowStore, Promise::CqlDurability];
    let chosen = if args.promises.is_empty() { &all[..] } else { &args.promises };
    for promise in chosen {
        println!("== {promise:?}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let broken = match promise {
            Promise::Retries => retries::show(&runtime),
            Promise::HalfDead => half_dead::show(&runtime),
            Promise::SlowStore => slow_store::show(&runtime),
            Promise::CqlDurability => cql_durability::show(&runtime, args.commitlog),
        };
        if let Some(broken) = broken.with_context(|| format!("{promise:?} could not be shown"))? {
            println!("a promise was broken: {broken}");
            return Ok(BROKEN.into());
        }
        println!("kept: {promise:?}");
    }
    Ok(ExitCode::SUCCESS)
}
