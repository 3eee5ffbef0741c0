//! What the docs show: each line of `docs/api.md` that is for a shell, and the backend in `examples/`, as they stand.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::ask::Tally;
use super::place::Place;
use crate::needs::{self, Need};
use crate::process;

const NEEDS: &[Need] = &[
    Need { program: "curl", package: "curl", purpose: "the examples of docs/api.md" },
    Need { program: "python3", package: "python3", purpose: "examples/backend.py" },
];
const PAGE: &str = include_str!("../../../docs/api.md");
/// The page shows at least so many.
const BLOCKS_MIN: usize = 4;

/// Runs all of them.
pub fn run(place: &Place, tally: &mut Tally) -> Result<()> {
    needs::install(NEEDS)?;
    let blocks: Vec<&str> =
        PAGE.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect();
    ensure!(blocks.len() >= BLOCKS_MIN, "docs/api.md shows no calls");
    for block in blocks {
        tally.count(block, said(place, &["bash", "-ec", block]).map(drop));
    }
    let backend = ["python3", "examples/backend.py", "21", "22"];
    let judged = said(place, &backend).and_then(|said| {
        let once = said.lines().filter(|line| line.ends_with(": 1 unread")).count();
        ensure!(once == 2, "each is told once: {said}");
        Ok(())
    });
    tally.count("examples/backend.py", judged);
    Ok(())
}

/// What a command says that ends well.
fn said(place: &Place, line: &[&str]) -> Result<String> {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).current_dir(process::root());
    command.env("API", format!("http://{}", place.api)).env("KEY", place.key("all"));
    let output = command.output().with_context(|| format!("could not start {}", line[0]))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}{told}", output.status);
    Ok(said)
}
