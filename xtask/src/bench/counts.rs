//! Instructions a call of each hot function, by callgrind, against `bench/baseline.toml`.
//!
//! Callgrind shows every program the same processor, so a count moves with the code and the
//! toolchain, not with the machine's load.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::needs::{self, Need};
use crate::process;

/// What to do with the baseline.
#[derive(clap::Args)]
pub struct Args {
    /// Writes the counts into the baseline instead of comparing.
    #[arg(long)]
    update: bool,
}

/// Instructions a call, by function.
type Counts = BTreeMap<String, u64>;

const VALGRIND: &[Need] =
    &[Need { program: "valgrind", package: "valgrind", purpose: "counting instructions" }];
/// Two numbers of calls; what comes before and after the loop is the same in both.
const CALLS: [u64; 2] = [1_000, 11_000];
/// How far a count may be above the baseline, in percent. One that is so far below is told, and no failure.
const TOLERANCE_PERCENT: u64 = 3;
/// Instructions that a count may move in any case: the allocator's rare turns do not divide evenly.
const TOLERANCE_MIN: u64 = 3;

const HEAD: &str =
    "# Instructions a call, by callgrind. Written by `cargo xtask bench counts --update`.\n";

/// Counts and compares.
pub fn run(args: &Args) -> Result<ExitCode> {
    needs::install(VALGRIND)?;
    process::run_ok(Command::new("cargo").current_dir(process::root()).args([
        "build",
        "--quiet",
        "--release",
        "--locked",
        "-p",
        "bench",
        "--bin",
        "hot",
    ]))?;
    let counts = count_all()?;
    let path = process::root().join("bench/baseline.toml");
    if args.update {
        fs::write(&path, to_toml(&counts))
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("wrote {} counts into bench/baseline.toml", counts.len());
        return Ok(ExitCode::SUCCESS);
    }
    let differences = compare(&read_baseline(&path)?, &counts);
    if differences.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        println!("{}", difference.text);
    }
    println!("if that is meant: cargo xtask bench counts --update, and commit bench/baseline.toml");
    let is_better = differences.iter().all(|it| it.is_faster);
    Ok(if is_better { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A count that is not as the baseline says.
struct Difference {
    text: String,
    is_faster: bool,
}

impl Difference {
    fn worse(text: String) -> Self {
        Self { text, is_faster: false }
    }
}

fn count_all() -> Result<Counts> {
    let hot = process::release_binary("hot");
    let listed = Command::new(&hot).output().context("could not start hot")?;
    let names = String::from_utf8(listed.stdout).context("hot lists no names")?;
    let scratch = process::scratch_dir("counts")?;
    let mut counts = Counts::new();
    for name in names.lines() {
        let [few, many] = CALLS.map(|calls| instructions(&hot, name, calls, &scratch));
        let (few, many) = (few?, many?);
        let count = many.saturating_sub(few) / (CALLS[1] - CALLS[0]);
        println!("{name}: {count} instructions");
        counts.insert(name.to_owned(), count);
    }
    Ok(counts)
}

/// Instructions of one whole run.
fn instructions(hot: &Path, name: &str, calls: u64, scratch: &Path) -> Result<u64> {
    let out: PathBuf = scratch.join(format!("{name}.{calls}"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]);
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    process::run_ok(valgrind.arg(hot).args([name, &calls.to_string()]))?;
    let text = fs::read_to_string(&out).context("callgrind wrote nothing")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.parse().ok());
    total.with_context(|| format!("{} has no totals", out.display()))
}

fn to_toml(counts: &Counts) -> String {
    let lines = counts.iter().map(|(name, count)| format!("{name} = {count}\n"));
    HEAD.to_owned() + &lines.collect::<String>()
}

fn read_baseline(path: &Path) -> Result<Counts> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("could not read {}; --update writes it", path.display()))?;
    parse(&text)
}

/// Reads `name = number` lines, all that this TOML has.
fn parse(text: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let entry = line.split_once(" = ").and_then(|(name, n)| Some((name, n.parse().ok()?)));
        let Some((name, count)) = entry else { bail!("bench/baseline.toml: no count in `{line}`") };
        counts.insert(name.to_owned(), count);
    }
    Ok(counts)
}

/// What is not as the baseline says.
fn compare(baseline: &Counts, counts: &Counts) -> Vec<Difference> {
    let gone = baseline.keys().filter(|name| !counts.contains_key(*name));
    let gone = gone.map(|name| format!("{name}: in the baseline, but not counted any more"));
    let mut differences: Vec<_> = gone.map(Difference::worse).collect();
    for (name, &count) in counts {
        let Some(&before) = baseline.get(name) else {
            let text = format!("{name}: {count} instructions, not in the baseline");
            differences.push(Difference::worse(text));
            continue;
        };
        let tolerance = (before * TOLERANCE_PERCENT / 100).max(TOLERANCE_MIN);
        if count.abs_diff(before) > tolerance {
            let is_faster = count < before;
            let way = if is_faster { "faster" } else { "slower" };
            let text = format!(
                "{name}: {way}: {count} instructions, {before} in the baseline (tolerance {tolerance})"
            );
            differences.push(Difference { text, is_faster });
        }
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        parse(text).unwrap()
    }

    #[test]
    fn a_baseline_is_read_as_written() {
        let written = counts("a = 1\nb = 200\n");
        assert_eq!(parse(&to_toml(&written)).unwrap(), written);
        assert!(parse("a = b").unwrap_err().to_string().ends_with("`a = b`"));
    }

    #[test]
    fn a_count_may_move_within_the_tolerance_and_only_faster_beyond_it() {
        let baseline = counts("a = 1000\nsmall = 10\n");
        for (now, faster, worse) in [
            ("a = 1030\nsmall = 13", 0, 0),
            ("a = 970\nsmall = 7", 0, 0),
            ("a = 1031\nsmall = 10", 0, 1),
            ("a = 969\nsmall = 14", 1, 1),
            ("a = 1000", 0, 1),
            ("a = 1000\nsmall = 10\nnew = 1", 0, 1),
        ] {
            let differences = compare(&baseline, &counts(now));
            let better = differences.iter().filter(|it| it.is_faster).count();
            assert_eq!((better, differences.len() - better), (faster, worse), "{now}");
        }
    }
}
