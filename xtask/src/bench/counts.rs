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
/// How far a count may move from the baseline, up or down, in percent.
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
    let problems = compare(&read_baseline(&path)?, &counts);
    if problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for problem in problems {
        println!("{problem}");
    }
    println!("if that is meant: cargo xtask bench counts --update, and commit bench/baseline.toml");
    Ok(ExitCode::FAILURE)
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

/// One line for each count that is not as the baseline says.
fn compare(baseline: &Counts, counts: &Counts) -> Vec<String> {
    let gone = baseline.keys().filter(|name| !counts.contains_key(*name));
    let mut problems: Vec<String> =
        gone.map(|name| format!("{name}: in the baseline, but not counted any more")).collect();
    for (name, &count) in counts {
        match baseline.get(name) {
            None => problems.push(format!("{name}: {count} instructions, not in the baseline")),
            Some(&before) => {
                let tolerance = (before * TOLERANCE_PERCENT / 100).max(TOLERANCE_MIN);
                if count.abs_diff(before) > tolerance {
                    let way = if count > before { "slower" } else { "faster" };
                    problems.push(format!(
                        "{name}: {way}: {count} instructions, {before} in the baseline \
                         (tolerance {tolerance})"
                    ));
                }
            }
        }
    }
    problems
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
    fn a_count_may_move_within_the_tolerance_both_ways() {
        let baseline = counts("a = 1000\nsmall = 10\n");
        for (now, problems) in [
            ("a = 1030\nsmall = 13", 0),
            ("a = 970\nsmall = 7", 0),
            ("a = 1031\nsmall = 10", 1),
            ("a = 969\nsmall = 14", 2),
            ("a = 1000", 1),
            ("a = 1000\nsmall = 10\nnew = 1", 1),
        ] {
            assert_eq!(compare(&baseline, &counts(now)).len(), problems, "{now}");
        }
    }
}
