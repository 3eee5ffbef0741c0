//! `cargo xtask operators`: what the environment and people do to a gateway and a node, one case after the other, each with
//! the exit code and the words that `docs/operations.md` promises.
//!
//! Cases are real processes on this machine, without a store of others.

mod place;
mod case;
mod cases;
mod moves;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::needs::{self, Need};
use crate::programs;
use case::Case;
use place::{Ended, Place};

/// Nothing can be chosen: it takes some seconds.
#[derive(clap::Args)]
pub struct Args {}

const NEEDS: &[Need] = &[
    Need { program: "strace", package: "strace", purpose: "refusing a system call" },
    Need { program: "unshare", package: "util-linux", purpose: "a disk and names of one's own" },
];

/// Runs every case. Exits with 0 only if all went as promised.
pub fn run(_: &Args) -> Result<ExitCode> {
    needs::install(NEEDS)?;
    programs::build()?;
    let mut failed = 0;
    for (number, case) in cases::ALL.iter().enumerate() {
        let begun = Instant::now();
        let place = Place::new(&format!("operators-{number}"))?;
        let seen = (case.run)(&place).and_then(|ended| judge(case, &ended));
        let took = begun.elapsed().as_secs_f64();
        match seen {
            Ok(()) => println!("ok ({took:.1} s): {}: {}", case.what, case.code),
            Err(error) => {
                failed += 1;
                println!("failed: {}: {error:#}; its log is in {}", case.what, place.dir.display());
            }
        }
    }
    let count = cases::ALL.len();
    println!("{} of {count} cases end as docs/operations.md says", count - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn judge(case: &Case, Ended { code, told }: &Ended) -> Result<()> {
    if *code != Some(case.code) {
        bail!("it ended with {code:?} instead of {}; it said: {told}", case.code);
    }
    if !told.contains(case.says) {
        bail!("it did not say {:?}; it said: {told}", case.says);
    }
    if told.contains("panicked") || told.contains(place::SECRET) {
        bail!("it said what it must not say: {told}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_docs_is_what_is_tried() {
        let docs = include_str!("../../../docs/operations.md");
        let heading = "| what happens | exit code | what it says |\n|---|---|---|\n";
        let (_, table) = docs.split_once(heading).expect("the docs have the table");
        let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        let cell = |case: &Case| match case.says {
            "" => "nothing".to_owned(),
            says => format!("`{says}`"),
        };
        let row = |case: &Case| format!("| {} | {} | {} |", case.what, case.code, cell(case));
        let tried: Vec<String> = cases::ALL.iter().map(row).collect();
        assert_eq!(rows, tried, "the docs should say:\n{}", tried.join("\n"));
    }
}
