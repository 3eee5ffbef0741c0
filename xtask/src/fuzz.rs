//! `cargo xtask fuzz`: builds the targets of `fuzz/` with coverage on the stable toolchain and runs each for a while.
//!
//! `cargo fuzz run -s none <target>` does the same by hand. Sanitizers need a nightly and find little here: no
//! `unsafe` is behind the targets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::process;

/// How long, and what.
#[derive(clap::Args)]
pub struct Args {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// One target of fuzz/fuzz_targets; all without it.
    target: Option<String>,
}

/// What cargo-fuzz 0.13 passes to rustc on stable, without the sanitizer: libFuzzer's edge counters and
/// comparisons (clang's SanitizerCoverage).
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    -Ccodegen-units=1";

/// One input may take this many seconds.
const INPUT_SECONDS_MAX: u32 = 5;
/// One target may take this much memory.
const MEMORY_MIB_MAX: u32 = 1024;

/// Runs every target, or the one asked for; each gets its time whatever the others found.
pub fn run(args: &Args) -> Result<ExitCode> {
    let fuzz = process::root().join("fuzz");
    let targets = targets(&fuzz, args.target.as_deref())?;
    let binaries = build(&fuzz, &targets)?;
    let mut failed = Vec::new();
    for target in &targets {
        println!("== {target}: {} s", args.seconds);
        if !run_target(&fuzz, &binaries, target, args.seconds)? {
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        println!("{} targets, no bad input found", targets.len());
        return Ok(ExitCode::SUCCESS);
    }
    for target in failed {
        println!("bad input in fuzz/artifacts/{target}/; replay it with");
        println!("  {} fuzz/artifacts/{target}/<file>", binaries.join(target).display());
    }
    Ok(ExitCode::FAILURE)
}

fn targets(fuzz: &Path, wanted: Option<&str>) -> Result<Vec<String>> {
    let dir = fuzz.join("fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("could not read {}", dir.display()))? {
        let path = entry?.path();
        if let Some(stem) = path.extension().filter(|e| *e == "rs").and(path.file_stem()) {
            targets.push(stem.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    let all = targets.join(", ");
    targets.retain(|target| wanted.is_none_or(|wanted| wanted == target));
    if targets.is_empty() {
        bail!("no such target in {}; there are: {all}", dir.display());
    }
    Ok(targets)
}

/// Builds the targets; the directory of their binaries.
fn build(fuzz: &Path, targets: &[String]) -> Result<PathBuf> {
    // Naming the platform keeps the flags away from build scripts, which cannot be linked with them.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let target_dir = process::target_dir().join("fuzz");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--target", &platform, "--manifest-path"]);
    cargo.arg(fuzz.join("Cargo.toml")).arg("--target-dir").arg(&target_dir);
    cargo.args(targets.iter().flat_map(|target| ["--bin", target]));
    process::run_ok(cargo.env("RUSTFLAGS", RUSTFLAGS)).context(
        "could not build the fuzz targets; each file in fuzz_targets needs its [[bin]] in fuzz/Cargo.toml",
    )?;
    Ok(target_dir.join(platform).join("release"))
}

/// Whether `target` found nothing bad in its time. What it learns stays in `fuzz/corpus`.
fn run_target(fuzz: &Path, binaries: &Path, target: &str, seconds: u32) -> Result<bool> {
    let corpus = fuzz.join("corpus").join(target);
    let artifacts = fuzz.join("artifacts").join(target);
    for dir in [&corpus, &artifacts] {
        fs::create_dir_all(dir).with_context(|| format!("could not make {}", dir.display()))?;
    }
    let mut fuzzer = Command::new(binaries.join(target));
    fuzzer.arg(corpus).arg(format!("-artifact_prefix={}/", artifacts.display())).args([
        format!("-max_total_time={seconds}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
        "-print_final_stats=1".to_owned(),
    ]);
    Ok(process::run(&mut fuzzer)?.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_files_and_a_wrong_name_lists_them() {
        let fuzz = process::scratch_dir("fuzz-targets").unwrap();
        fs::create_dir(fuzz.join("fuzz_targets")).unwrap();
        for file in ["b.rs", "a.rs", "notes.md"] {
            fs::write(fuzz.join("fuzz_targets").join(file), "").unwrap();
        }
        assert_eq!(targets(&fuzz, None).unwrap(), ["a", "b"]);
        assert_eq!(targets(&fuzz, Some("b")).unwrap(), ["b"]);
        assert!(targets(&fuzz, Some("c")).unwrap_err().to_string().ends_with("a, b"));
    }
}
