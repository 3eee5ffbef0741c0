//! `cargo xtask damage`: damages data directories at random, and starts a gateway on each.
//!
//! It must refuse with a text that names what is wrong and what to do; or serve, with nothing missing that was acknowledged and
//! no place given twice; or serve in part, refusing what cannot be read and naming it. Everything else is a broken promise. The
//! directories are of gateways that were killed under load, stopped with a large index, and killed right after a start.

mod harm;
mod history;
mod judge;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::drill::seen::BROKEN;
use crate::{process, programs};
use history::{History, Kind};
use judge::Verdict;

/// How many, and which.
#[derive(clap::Args)]
pub struct Args {
    /// Directories to damage; each seed damages another history in another way.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Messages in the large index; with few, it has one table of each kind.
    #[arg(long, default_value_t = 14_000)]
    large: u64,
}

/// What became of the damaged directories.
#[derive(Default)]
struct Counts {
    refused: u64,
    whole: u64,
    in_part: u64,
    broken: u64,
    by_harm: BTreeMap<&'static str, [u64; 3]>,
}

/// Makes the histories once, then damages a copy for each seed.
pub fn run(args: &Args) -> Result<ExitCode> {
    let scratch = process::scratch_dir("damage")?;
    programs::build()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut histories = Vec::new();
    for kind in Kind::ALL {
        let history = runtime.block_on(History::make(kind, &scratch, args.large))?;
        println!("{kind:?}: {} messages were acknowledged", history.sent.len());
        histories.push(history);
    }
    let mut counts = Counts::default();
    for seed in args.from..args.from + args.seeds {
        let mut random = StdRng::seed_from_u64(seed);
        let history = &histories[random.random_range(0..histories.len())];
        let dir = scratch.join("damaged");
        copy(&history.dir, &dir)?;
        as_if_it_stayed(&dir)?;
        let (harm, what) = harm::harm(&dir, &mut random)?;
        let verdict = runtime.block_on(judge::judge(&dir, history, &scratch))?;
        println!("seed {seed}: {:?}, {what}: {verdict}", history.kind);
        if counts.add(harm, &verdict) {
            println!("run it again: cargo xtask damage --seeds 1 --from {seed}");
            let kept = scratch.join(format!("broken-{seed}"));
            fs::rename(&dir, &kept)?;
            println!("the directory is kept: {}", kept.display());
        }
    }
    Ok(counts.conclude())
}

impl Counts {
    /// Whether it is a broken promise.
    fn add(&mut self, harm: &'static str, verdict: &Verdict) -> bool {
        let (count, column) = match verdict {
            Verdict::Refused(_) => (&mut self.refused, Some(0)),
            Verdict::Whole => (&mut self.whole, Some(1)),
            Verdict::InPart(_) => (&mut self.in_part, Some(2)),
            Verdict::Broken(_) => (&mut self.broken, None),
        };
        *count += 1;
        if let Some(column) = column {
            self.by_harm.entry(harm).or_default()[column] += 1;
        }
        column.is_none()
    }

    fn conclude(&self) -> ExitCode {
        println!("harm: refused, served whole, served in part");
        for (harm, [refused, whole, in_part]) in &self.by_harm {
            println!("  {harm}: {refused}, {whole}, {in_part}");
        }
        let Self { refused, whole, in_part, broken, .. } = self;
        println!(
            "damaged directories: refused {refused}, served whole {whole}, served in part {in_part}, otherwise {broken}"
        );
        if *broken > 0 {
            println!("a promise was broken");
            return BROKEN.into();
        }
        println!("kept: Damage");
        ExitCode::SUCCESS
    }
}

/// As if it were no copy: without the time at which the original was made, which would make it begin anew.
fn as_if_it_stayed(dir: &Path) -> Result<()> {
    let path = dir.join("BOOT");
    let text = fs::read_to_string(&path)?;
    Ok(fs::write(&path, text.lines().next().unwrap_or_default())?)
}

/// A copy of a directory, in the place of what is there.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("could not empty {}", to.display()))?;
    }
    process::run_ok(Command::new("cp").args(["-a", "--sparse=always"]).arg(from).arg(to))
}
