//! `cargo xtask check`: formatting, lints, docs and style. It builds, but runs nothing of Longline.

use std::process::ExitCode;

use anyhow::Result;

use crate::steps::{Step, Tally};

/// Nothing to choose.
#[derive(clap::Args)]
pub struct Args {}

const STEPS: &[Step] = &[
    Step::new("formatting", "cargo fmt --all --check"),
    Step::new(
        "formatting of the fuzz targets",
        "cargo fmt --manifest-path fuzz/Cargo.toml --check",
    ),
    // With the feature, so that the tests of planted faults are linted too; nothing is compiled only without it.
    Step::new(
        "lints",
        "cargo clippy --quiet --workspace --all-targets --locked --features planted -- -D warnings",
    ),
    // With it too: what the lints have compiled is not compiled again.
    Step::new(
        "docs",
        "RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --workspace --no-deps --locked --features planted",
    ),
    // Of the whole workspace, as `test` builds it: for `-p sim` its dependencies would be built once more.
    Step::new("style", "cargo test --quiet --workspace --locked --features planted --test style")
        .that_prints(&["test result: ok. 1 passed"]),
];

/// Runs every check.
pub fn run(_: &Args) -> Result<ExitCode> {
    let mut tally = Tally::new();
    tally.run(STEPS, &[]);
    Ok(tally.finish())
}
