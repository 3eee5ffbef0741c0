//! `cargo xtask test`: every test, those of planted faults among them, in one build.

use std::process::{Command, ExitCode, Stdio};

use anyhow::Result;

use crate::needs::{self, Need};
use crate::servers::Servers;
use crate::steps::{Step, Tally};

/// Nothing to choose.
#[derive(clap::Args)]
pub struct Args {}

const NEEDS: &[Need] = &[
    Need { program: "openssl", package: "openssl", purpose: "a TLS client that is none of ours" },
    Need {
        program: "python3",
        package: "python3",
        purpose: "the receiver of offline push in deploy/",
    },
];

/// Alone, so that its time is seen.
const BUILD: &[Step] = &[Step::new(
    "build of the tests",
    "cargo test --workspace --locked --features planted --no-run",
)];

/// Tests that are there with the feature only. Without it they would be missed by nobody.
const OF_PLANTED_FAULTS: &[&str] =
    &["every_planted_fault_is_caught", "what_was_acked_is_there_after_it_stopped_with_74"];

const BY_CARGO: &[Step] =
    &[Step::new("tests", "cargo test --workspace --locked --features planted --no-fail-fast")
        .that_prints(OF_PLANTED_FAULTS)];

/// `.config/nextest.toml` has its time limits. It runs no tests of docs.
const BY_NEXTEST: &[Step] = &[
    Step::new("tests", "cargo nextest run --workspace --locked --features planted --no-fail-fast")
        .that_prints(OF_PLANTED_FAULTS),
    Step::new("tests of docs", "cargo test --workspace --locked --features planted --doc"),
];

/// Starts the servers that tests of the cluster need, then runs every test.
pub fn run(_: &Args) -> Result<ExitCode> {
    let mut tally = Tally::new();
    tally.prepare("tools", || needs::install(NEEDS))?;
    let servers = tally.prepare("servers", Servers::start)?;
    tally.run(BUILD, servers.variables());
    tally.run(runner(), servers.variables());
    Ok(tally.finish())
}

/// nextest where it is installed: it ends tests that hang, and lists those that are slow.
fn runner() -> &'static [Step] {
    let mut asked = Command::new("cargo");
    asked.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if asked.status().is_ok_and(|status| status.success()) { BY_NEXTEST } else { BY_CARGO }
}
