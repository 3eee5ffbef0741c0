//! `cargo xtask bench`: what Longline costs, each figure by one command. A missed bar is printed, not an error.

mod counts;
mod figures;
mod load;
mod against;
mod path;
mod remote;
mod idle;
mod stage_tables;
mod stages;

use std::process::ExitCode;

use anyhow::Result;

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// A message's whole path, under closed and open loads, against the relay floor or another build.
    Path(path::Args),
    /// Memory and CPU of connections that only stay.
    Idle(idle::Args),
    /// Where the gateway's CPU time goes, by stage.
    Stages(stages::Args),
    /// What shards in another process and a CQL store cost, beside all in one.
    Remote(remote::Args),
    /// Instructions of the hot pure functions against the committed baseline; fails where there are more, beyond the tolerance.
    Counts(counts::Args),
}

/// Measures what was asked for.
pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.what {
        What::Path(args) => path::run(args),
        What::Idle(args) => idle::run(args),
        What::Stages(args) => stages::run(args),
        What::Remote(args) => remote::run(args),
        What::Counts(args) => counts::run(args),
    }
}
