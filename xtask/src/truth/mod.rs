//! `cargo xtask loadgen-truth`: whether loadgen says what is so, of the server and of itself. Each verdict, exit code and count
//! against a server that is wrong in one known way; and its files, as others read them.

mod readers;

use std::process::ExitCode;

use anyhow::Result;

use crate::programs;
use crate::steps::{Step, Tally};

/// Nothing to choose.
#[derive(clap::Args)]
pub struct Args {}

const fn tests(name: &'static str, line: &'static str) -> Step {
    Step::new(name, line).that_prints(&["test result: ok. "])
}

/// Against the fake server of `loadgen/tests/fake`.
const STEPS: &[Step] = &[
    tests(
        "faults of the server, and of a generator that is stopped",
        "cargo test --workspace --locked --features planted --test verdicts_are_right",
    ),
    tests(
        "faults in messages",
        "cargo test --workspace --locked --features planted --test planted_faults_are_found",
    ),
    tests(
        "faults in groups",
        "cargo test --workspace --locked --features planted --test faults_in_groups_are_found",
    ),
    tests(
        "exit codes",
        "cargo test --workspace --locked --features planted --test exit_codes_say_why",
    ),
    tests(
        "files of others",
        "cargo test --workspace --locked --features planted --test files_of_others_stay",
    ),
    tests(
        "what is left behind",
        "cargo test --workspace --locked --features planted --test nothing_is_left_behind",
    ),
    tests(
        "comparisons",
        "cargo test --workspace --locked --features planted --test what_differs_is_found",
    ),
    tests(
        "searches",
        "cargo test --workspace --locked --features planted --test the_highest_rate_is_found",
    ),
    tests(
        "several processes",
        "cargo test --workspace --locked --features planted --test processes_make_one_run",
    ),
    tests(
        "the schema of summaries",
        "cargo test --workspace --locked --features planted --test a_summary_fits_its_schema",
    ),
];

/// Runs every test of it, then has others read what a run wrote.
pub fn run(_: &Args) -> Result<ExitCode> {
    let mut tally = Tally::new();
    tally.run(STEPS, &[]);
    tally.run(&[Step::new("build of the programs", programs::BUILD)], &[]);
    tally.judge("distributions, as two other readers have them", readers::agree);
    Ok(tally.finish())
}
