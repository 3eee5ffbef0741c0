//! `cargo xtask cluster`: a whole cluster on this machine, under a load that verifies every message. It ends by itself and
//! leaves nothing running.

mod rig;
mod demo;
mod chaos;
mod takeover;
mod upgrade;
mod faults;
mod felt;
mod bystanders;
mod readiness;
mod links;
mod former;

use std::process::ExitCode;

use anyhow::Result;

/// What to do with it.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Load over both gateways, and nothing else.
    Demo(demo::Args),
    /// Every fault in turn, under load.
    Chaos(chaos::Args),
    /// A node's death, again and again, and what it costs.
    Takeover(takeover::Args),
    /// The next release instead of this one, process by process, and back.
    Upgrade(upgrade::Args),
}

/// Does it.
pub fn run(command: &Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Chaos(args) => chaos::run(args),
        Command::Takeover(args) => takeover::run(args),
        Command::Upgrade(args) => upgrade::run(args),
    }
}
