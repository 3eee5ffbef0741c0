//! `cargo xtask deny`: licenses, sources and bans of every dependency, by cargo-deny and `deny.toml`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{needs, process};

/// Nothing to choose.
#[derive(clap::Args)]
pub struct Args {}

/// The version that deny.toml is written for.
const CARGO_DENY: &str = "0.20.2";

/// Runs cargo-deny, which it installs when there is none (some minutes).
pub fn run(_: &Args) -> Result<ExitCode> {
    let tool = needs::cargo_tool("cargo-deny", CARGO_DENY)?;
    let mut deny = Command::new(tool);
    deny.args(["--workspace", "check", "bans", "licenses", "sources"]).current_dir(process::root());
    Ok(if process::run(&mut deny)?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
