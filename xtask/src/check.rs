//! `cargo xtask check`: formatting, lints, docs and style. It builds, but runs nothing of Longline.

use std::process::ExitCode;

use anyhow::Result;

use crate::steps::{Step, Tally};

/// Nothing to choose.
#[derive(clap::Args)]
pub struct Args {}

const STEPS: &[Step] = &[
    Step { name: "formatting", line: "cargo fmt --all --check", exit: 0 },
    Step {
        name: "formatting of the fuzz targets",
        line: "cargo fmt --manifest-path fuzz/Cargo.toml --check",
        exit: 0,
    },
    Step {
        name: "lints",
        line: "cargo clippy --quiet --workspace --all-targets --locked -- -D warnings",
        exit: 0,
    },
    Step {
        name: "docs",
        line: "RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --workspace --no-deps --locked",
        exit: 0,
    },
    Step { name: "style", line: "cargo test --quiet -p sim --lib --test style --locked", exit: 0 },
];

/// Runs every check.
pub fn run(_: &Args) -> Result<ExitCode> {
    let mut tally = Tally::default();
    tally.run(STEPS);
    Ok(tally.finish())
}
