//! `cargo xtask with-servers -- COMMAND`: runs one command beside a Cassandra and a Redis of its own, which it finds by
//! `LONGLINE_CQL` and `LONGLINE_REDIS`. It leaves nothing running.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process;
use crate::servers::Servers;

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Ends with the command's exit code.
pub fn run(args: &Args) -> Result<ExitCode> {
    let servers = Servers::start()?;
    let (program, arguments) = args.command.split_first().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(servers.variables().iter().map(|(name, value)| (name, value)));
    let status = process::run(&mut command)?;
    let code = status.code().with_context(|| format!("{program} was killed: {status}"))?;
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}
