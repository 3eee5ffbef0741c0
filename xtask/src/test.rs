//! `cargo xtask test`: every test, then the release build end to end, in a short form of each long run.
//!
//! To change what runs, edit the tables.

use std::process::ExitCode;

use anyhow::Result;

use crate::needs::{self, Need};
use crate::servers::Servers;
use crate::steps::{Step, Tally};

/// Nothing to choose.
#[derive(clap::Args)]
pub struct Args {}

const NEEDS: &[Need] = &[
    Need { program: "c++", package: "g++", purpose: "building libFuzzer" },
    Need { program: "valgrind", package: "valgrind", purpose: "counting instructions" },
];

const STEPS: &[Step] = &[
    Step { name: "tests", line: "cargo test --workspace --locked --no-fail-fast", exit: 0 },
    Step {
        name: "planted faults are caught",
        line: "cargo test -p logic --locked --features planted --test acked_is_in_both_inboxes_once \
               -- every_planted_fault_is_caught --nocapture",
        exit: 0,
    },
    Step {
        name: "release build",
        line: "cargo build --release --locked -p gateway -p logic -p loadgen",
        exit: 0,
    },
    Step {
        name: "a verified load",
        line: "release/loadgen run --serve --users 200 --window 4 --duration 5s",
        exit: 0,
    },
    Step { name: "kill and resume", line: "cargo xtask crash --cycles 2", exit: 0 },
    Step {
        name: "kill and resume sees an ack before the commit",
        line: "cargo xtask crash --cycles 1 --planted ack-before-commit",
        exit: 4,
    },
    Step {
        name: "kill and resume sees a retry taken for a new message",
        line: "cargo xtask crash --cycles 1 --planted skip-dedup",
        exit: 4,
    },
    Step {
        name: "a failed store stops the gateway",
        line: "cargo test --locked -p gateway --features planted --test a_failed_store_stops_the_gateway",
        exit: 0,
    },
    Step { name: "a bad network", line: "cargo xtask lossy --seconds 6", exit: 0 },
    Step { name: "hostile peers", line: "cargo xtask hostile --seconds 4", exit: 0 },
    Step { name: "a cluster", line: "cargo xtask cluster demo --seconds 8", exit: 0 },
    Step { name: "a node's death", line: "cargo xtask cluster takeover --times 1", exit: 0 },
    Step { name: "a cluster's faults", line: "cargo xtask cluster chaos --seconds 60", exit: 0 },
    Step {
        name: "a cluster's faults with leases that are ignored",
        line: "cargo xtask cluster chaos --seconds 20 --planted ignore-lease",
        exit: 4,
    },
    Step {
        name: "a cluster's faults with leases that others end too soon",
        line: "cargo xtask cluster chaos --seconds 20 --planted takeover-without-waiting",
        exit: 4,
    },
    Step { name: "instruction counts", line: "cargo xtask bench counts", exit: 0 },
    Step { name: "hostile bytes", line: "cargo xtask fuzz --seconds 10", exit: 0 },
];

/// Installs what is absent, starts the servers that tests of the cluster need, then runs every step.
pub fn run(_: &Args) -> Result<ExitCode> {
    needs::install(NEEDS)?;
    let servers = Servers::start()?;
    let mut tally = Tally::with(servers.variables());
    tally.run(STEPS);
    Ok(tally.finish())
}
