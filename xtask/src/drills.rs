//! `cargo xtask drills`: Longline's processes end to end, each drill as long as it takes to measure something, or all of
//! them in a short form.
//!
//! To change what runs, edit the table.

use std::process::ExitCode;

use anyhow::Result;

use crate::needs::{self, Need};
use crate::programs;
use crate::steps::{Step, Tally};

/// How long.
#[derive(clap::Args)]
pub struct Args {
    /// Each drill's short form, as CI runs them.
    #[arg(long)]
    short: bool,
}

const NEEDS: &[Need] = &[
    Need { program: "c++", package: "g++", purpose: "building libFuzzer" },
    Need { program: "valgrind", package: "valgrind", purpose: "counting instructions" },
];

/// A step in its two forms. Both end with the same codes and print the same.
struct Drill {
    name: &'static str,
    short: &'static str,
    long: &'static str,
    exits: &'static [i32],
    prints: &'static [&'static str],
}

/// Codes of a load that broke no promise: its verdict may say that this machine is too slow or too busy to measure on.
const UNBROKEN: &[i32] = &[0, 5, 8, 9];
/// Of groups: those who read everything back at the end are refused for a while where too many do, which counts as the
/// server's limit.
const UNBROKEN_GROUPS: &[i32] = &[0, 5, 7, 8, 9];
/// What such a load prints.
const NOTHING_BROKEN: &[&str] =
    &["broken       lost 0  visible duplicates 0  reordered 0  gaps 0  phantoms 0  leaked 0"];
/// What a drill prints that verified messages, and saw none lost.
const SOUND: &[&str] = &["less than 1 fault in "];
/// What a drill prints that saw a promise broken: it must, when a fault is planted.
const BROKEN: &[&str] = &["a promise was broken"];

const DRILLS: &[Drill] = &[
    Drill {
        name: "a verified load",
        short: "debug/loadgen run --serve --users 200 --window 4 --duration 5s",
        long: "debug/loadgen run --serve --users 1000 --window 4 --duration 60s",
        exits: UNBROKEN,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "a verified load over WebSocket",
        short: "debug/loadgen run --serve --carrier ws --users 200 --window 4 --duration 5s",
        long: "debug/loadgen run --serve --carrier ws --users 1000 --window 4 --duration 60s",
        exits: UNBROKEN,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "a verified load over WebSocket as JSON",
        short: "debug/loadgen run --serve --carrier json --users 200 --window 4 --duration 5s",
        long: "debug/loadgen run --serve --carrier json --users 1000 --window 4 --duration 60s",
        exits: UNBROKEN,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "a verified load over WebSocket in TLS",
        short: "debug/loadgen run --serve --carrier wss --users 200 --window 4 --duration 5s",
        long: "debug/loadgen run --serve --carrier wss --users 1000 --window 4 --duration 60s",
        exits: UNBROKEN,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "a verified load over HTTP",
        short: "debug/loadgen run --serve --carrier poll --users 100 --window 4 --duration 5s",
        long: "debug/loadgen run --serve --carrier poll --users 500 --window 4 --duration 60s",
        exits: UNBROKEN,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "a verified load of groups",
        short: "debug/loadgen run --serve --users 200 --window 4 --duration 5s --groups 20 --group-size 3..100 \
                --group-share 0.3 --membership-changes 5 --read-share 0.1",
        long: "debug/loadgen run --serve --users 1000 --window 4 --duration 60s --groups 100 --group-size 3..200 \
               --group-share 0.3 --membership-changes 10 --read-share 0.1",
        exits: UNBROKEN_GROUPS,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "a verified load of groups over WebSocket",
        short: "debug/loadgen run --serve --carrier json --users 100 --window 4 --duration 3s --groups 8 \
                --group-size 3..40 --group-share 0.5 --membership-changes 5",
        long: "debug/loadgen run --serve --carrier wss --users 500 --window 4 --duration 30s --groups 50 \
               --group-size 3..100 --group-share 0.5 --membership-changes 10",
        exits: UNBROKEN_GROUPS,
        prints: NOTHING_BROKEN,
    },
    Drill {
        name: "kill and resume",
        short: "debug/xtask crash --cycles 2",
        long: "debug/xtask crash --cycles 20",
        exits: &[0],
        prints: SOUND,
    },
    Drill {
        name: "kill and resume sees an ack before the commit",
        short: "debug/xtask crash --cycles 1 --planted ack-before-commit",
        long: "debug/xtask crash --cycles 3 --planted ack-before-commit",
        exits: &[4],
        prints: BROKEN,
    },
    Drill {
        name: "kill and resume sees a retry taken for a new message",
        short: "debug/xtask crash --cycles 1 --planted skip-dedup",
        long: "debug/xtask crash --cycles 3 --planted skip-dedup",
        exits: &[4],
        prints: BROKEN,
    },
    Drill {
        name: "damaged data directories",
        short: "debug/xtask damage --seeds 12 --large 2000",
        long: "debug/xtask damage --seeds 200",
        exits: &[0],
        prints: &["otherwise 0", "kept: Damage"],
    },
    Drill {
        name: "copies that are put back",
        short: "debug/xtask restore --times 1",
        long: "debug/xtask restore",
        exits: &[0],
        prints: &["faults 0", "kept: Restore"],
    },
    Drill {
        name: "a bad network",
        short: "debug/xtask lossy --seconds 6",
        long: "debug/xtask lossy --seconds 60",
        exits: &[0],
        prints: SOUND,
    },
    Drill {
        name: "offline push",
        short: "debug/xtask push --seconds 8 --kills 2",
        long: "debug/xtask push",
        exits: &[0],
        prints: &["untold 0, told needlessly 0", "kept: Push"],
    },
    Drill {
        name: "offline push sees that nothing is left of what a killed gateway owed",
        short: "debug/xtask push --seconds 6 --kills 1 --planted notify-no-mark",
        long: "debug/xtask push --seconds 10 --planted notify-no-mark",
        exits: &[4],
        prints: BROKEN,
    },
    Drill {
        name: "hostile peers",
        short: "debug/xtask hostile --seconds 4",
        long: "debug/xtask hostile",
        exits: &[0],
        prints: SOUND,
    },
    Drill {
        name: "calls of business systems",
        short: "debug/xtask api",
        long: "debug/xtask api --long",
        exits: &[0],
        prints: &[" answers are as documented"],
    },
    Drill {
        name: "what operators meet",
        short: "debug/xtask operators",
        long: "debug/xtask operators",
        exits: &[0],
        prints: &[" cases end as docs/operations.md says"],
    },
    Drill {
        name: "a cluster",
        short: "debug/xtask cluster demo --seconds 8",
        long: "debug/xtask cluster demo",
        exits: &[0],
        prints: SOUND,
    },
    Drill {
        name: "a node's death",
        short: "debug/xtask cluster takeover --times 1",
        long: "debug/xtask cluster takeover",
        exits: &[0],
        prints: SOUND,
    },
    Drill {
        name: "a cluster's faults",
        short: "debug/xtask cluster chaos --seconds 40",
        long: "debug/xtask cluster chaos",
        exits: &[0],
        prints: SOUND,
    },
    Drill {
        name: "a cluster's faults with leases that are ignored",
        short: "debug/xtask cluster chaos --seconds 20 --planted ignore-lease",
        long: "debug/xtask cluster chaos --seconds 20 --planted ignore-lease",
        exits: &[4],
        prints: BROKEN,
    },
    Drill {
        name: "retries through two gateways",
        short: "debug/xtask promises retries",
        long: "debug/xtask promises retries",
        exits: &[0],
        prints: &["kept: Retries"],
    },
    Drill {
        name: "a session that was replaced",
        short: "debug/xtask promises half-dead",
        long: "debug/xtask promises half-dead",
        exits: &[0],
        prints: &["kept: HalfDead"],
    },
    Drill {
        name: "instruction counts",
        short: "debug/xtask bench counts",
        long: "debug/xtask bench counts",
        exits: &[0],
        prints: &[" instructions"],
    },
    Drill {
        name: "hostile bytes",
        short: "debug/xtask fuzz --seconds 10",
        long: "debug/xtask fuzz --seconds 300",
        exits: &[0],
        prints: &["no bad input found"],
    },
];

/// Not for CI, whose time is bounded: drills with a Cassandra of their own, a next release, the build of what people run.
const LONG_ONLY: &[Step] = &[
    Step::new("clocks that are wrong", "debug/xtask clocks").that_prints(&["kept: Clocks"]),
    Step::new("a slow store", "debug/xtask promises slow-store").that_prints(&["kept: SlowStore"]),
    Step::new("a kill of Cassandra", "debug/xtask promises cql-durability")
        .that_prints(&["kept: CqlDurability"]),
    Step::new("a rolling upgrade", "debug/xtask cluster upgrade").that_prints(SOUND),
    // The short form plants one fault in a cluster: it proves that its judge finds one.
    Step {
        name: "a cluster's faults with leases that others end too soon",
        line: "debug/xtask cluster chaos --seconds 20 --planted takeover-without-waiting",
        exits: &[4],
        prints: BROKEN,
    },
    Step::new("release build", "cargo build --release --locked -p gateway -p logic -p loadgen"),
    Step {
        name: "a verified load of the release",
        line: "release/loadgen run --serve --users 200 --window 4 --duration 5s",
        exits: UNBROKEN,
        prints: NOTHING_BROKEN,
    },
];

/// Installs what is absent, builds the programs, then runs every drill.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut tally = Tally::new();
    tally.prepare("tools", || needs::install(NEEDS))?;
    tally.run(&[Step::new("build of the programs", programs::BUILD)], &[]);
    let step = |drill: &Drill| Step {
        name: drill.name,
        line: if args.short { drill.short } else { drill.long },
        exits: drill.exits,
        prints: drill.prints,
    };
    tally.run(&DRILLS.iter().map(step).collect::<Vec<_>>(), &[]);
    if !args.short {
        tally.run(LONG_ONLY, &[]);
    }
    Ok(tally.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Command;
    use clap::Parser;

    #[test]
    fn every_drill_of_the_tables_can_be_typed() {
        let long_only = LONG_ONLY.iter().map(|step| step.line);
        let lines = DRILLS.iter().flat_map(|drill| [drill.short, drill.long]).chain(long_only);
        for line in lines {
            let Some(words) = line.strip_prefix("debug/xtask ") else { continue };
            let words = ["xtask"].into_iter().chain(words.split_whitespace());
            assert!(Command::try_parse_from(words).is_ok(), "{line}");
        }
    }

    #[test]
    fn every_drill_has_a_proof_that_it_ran() {
        assert!(DRILLS.iter().all(|drill| !drill.prints.is_empty()));
    }
}
