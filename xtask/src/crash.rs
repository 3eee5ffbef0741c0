//! `cargo xtask crash`: kills the gateway under load and starts it again; loadgen then tells what became of every message.
//!
//! Nothing acknowledged may be lost, doubled or out of order. With a planted fault the same drill must see one: a
//! judge that finds nothing in a broken gateway proves nothing of a sound one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process::{self, Guarded};

/// How long, from which seed, and what is wrong on purpose.
#[derive(clap::Args)]
pub struct Args {
    /// Runs of loadgen, each with kills and restarts in it.
    #[arg(long, default_value_t = 3)]
    cycles: u32,
    /// Seed of the moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fault to build into the gateway: exit code 4 says that it was seen.
    #[arg(long, value_enum)]
    planted: Option<Planted>,
}

/// The faults that logic's feature `planted` knows.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Planted {
    /// Acknowledges a message before it is stored.
    AckBeforeCommit,
    /// Takes the retry of a message for a new one.
    SkipDedup,
}

impl Planted {
    fn name(self) -> &'static str {
        match self {
            Self::AckBeforeCommit => "ack-before-commit",
            Self::SkipDedup => "skip-dedup",
        }
    }
}

/// What `summary.json` counts that must be zero.
const FAULTS: [&str; 8] = [
    "lost",
    "visible_duplicates",
    "reordered",
    "gaps",
    "phantoms",
    "leaked",
    "corrupt",
    "diverged",
];
/// Kills in a cycle: each in its own third of the sending, so that clients are back before the next.
const KILLS: u64 = 3;
/// After loadgen's start: it has logged in and sends.
const CALM_MS: u64 = 1_500;
/// The part of the sending that has one kill; with [`CALM_MS`] before, all lie within loadgen's 8 s.
const PART_MS: u64 = 2_000;
/// The gateway may take this long until it listens, its store recovered.
const START_MAX: Duration = Duration::from_secs(30);
/// loadgen may take this long from the last kill on: the sending, and reading everything back.
const VERDICT_MAX: Duration = Duration::from_secs(120);
/// The exit code for a broken promise, here and of loadgen.
const BROKEN: u8 = 4;

/// Counts over all cycles.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    acked: u64,
    faults: [u64; FAULTS.len()],
}

/// Runs every cycle on one data directory.
pub fn run(args: &Args) -> Result<ExitCode> {
    let dir = process::scratch_dir("crash")?;
    let gateway = build(args.planted, &dir)?;
    let rig = Rig { gateway, dir, port: process::free_port()?, planted: args.planted };
    let mut random = args.seed;
    let mut seen = Seen::default();
    for cycle in 1..=args.cycles {
        println!("== cycle {cycle} of {}, seed {}", args.cycles, args.seed);
        seen.add(&rig.cycle(&mut random)?)?;
    }
    println!("{} cycles, {} kills: {seen}", args.cycles, u64::from(args.cycles) * KILLS);
    if seen.faults.iter().any(|count| *count > 0) {
        println!(
            "a promise was broken; loadgen's report of the last cycle: {}",
            rig.out().display()
        );
        return Ok(BROKEN.into());
    }
    if seen.acked == 0 {
        bail!("nothing was acknowledged, so nothing was proven");
    }
    // Rule of three: no fault in n independent trials bounds its share below 3/n with 95 % confidence.
    println!("less than 1 fault in {} acknowledged messages, at 95 % confidence", seen.acked / 3);
    Ok(ExitCode::SUCCESS)
}

/// Builds what is needed; a copy of the gateway below `dir`. A planted one never stays among the release binaries.
fn build(planted: Option<Planted>, dir: &Path) -> Result<PathBuf> {
    let plain = ["build", "--release", "--locked", "-p", "gateway", "-p", "loadgen"];
    let copy = dir.join("gateway");
    let build_and_copy = |more: &[&str]| {
        process::run_ok(Command::new("cargo").args(plain).args(more).current_dir(process::root()))?;
        let built = process::release_binary("gateway");
        fs::copy(&built, &copy).with_context(|| format!("could not copy {}", built.display()))
    };
    if planted.is_none() {
        build_and_copy(&[])?;
        return Ok(copy);
    }
    let copied = build_and_copy(&["--features", "logic/planted"]);
    process::run_ok(Command::new("cargo").args(plain).current_dir(process::root()))?;
    copied?;
    Ok(copy)
}

/// One gateway's place: its program, data directory and port stay, its processes come and go.
struct Rig {
    gateway: PathBuf,
    dir: PathBuf,
    port: u16,
    planted: Option<Planted>,
}

impl Rig {
    /// One run of loadgen with its kills; what it says.
    fn cycle(&self, random: &mut u64) -> Result<Value> {
        let mut gateway = self.start()?;
        let mut loadgen = Guarded::spawn("loadgen", &mut self.loadgen())?;
        let mut passed_ms = 0;
        for part in 0..KILLS {
            let at_ms = CALM_MS + part * PART_MS + next(random) % PART_MS;
            if loadgen.ends_within(Duration::from_millis(at_ms - passed_ms)) {
                let status = loadgen.wait_exit(START_MAX)?;
                bail!("loadgen ended with {status} before the kill: see what it said above");
            }
            passed_ms = at_ms;
            gateway.kill()?;
            println!("killed the gateway {at_ms} ms after loadgen's start");
            gateway = self.start()?;
        }
        let status = loadgen.wait_exit(VERDICT_MAX)?;
        let path = self.out().join("summary.json");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("loadgen ended with {status} and left no summary.json"))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    }

    fn start(&self) -> Result<Guarded> {
        let mut command = Command::new(&self.gateway);
        command.arg("--data-dir").arg(self.dir.join("data"));
        command.args(["--listen", &self.address(), "--admin", "127.0.0.1:0", "--user-rate", "0"]);
        command.args(["--connection-rate", "0"]);
        command.envs(self.planted.map(|planted| ("PLANTED_FAULT", planted.name())));
        let mut gateway = Guarded::spawn("gateway", &mut command)?;
        gateway.wait_line(START_MAX, |line| line.contains(" listening on ").then_some(()))?;
        Ok(gateway)
    }

    /// 100 users, of its own uids each time; the report of the run before is replaced.
    fn loadgen(&self) -> Command {
        let mut loadgen = Command::new(process::release_binary("loadgen"));
        loadgen.args(["run", "--target", &self.address(), "--users", "100", "--rate", "2000"]);
        loadgen.args(["--warmup", "1s", "--duration", "8s", "--outage-max", "20s"]);
        loadgen.arg("--data-dir").arg(self.dir.join("data")).arg("--out").arg(self.out());
        loadgen.stdin(Stdio::null());
        loadgen
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn out(&self) -> PathBuf {
        self.dir.join("out")
    }
}

impl Seen {
    /// Adds the counts of one `summary.json`.
    fn add(&mut self, summary: &Value) -> Result<()> {
        let count = |name: &str| summary[name].as_u64().with_context(|| format!("no count {name}"));
        self.acked += count("acked")?;
        for (sum, name) in self.faults.iter_mut().zip(FAULTS) {
            *sum += count(name)?;
        }
        match count("unread_users")? {
            0 => Ok(()),
            unread => bail!("{unread} inboxes could not be read at the end: nothing is proven"),
        }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} acknowledged", self.acked)?;
        FAULTS.iter().zip(self.faults).try_for_each(|(name, n)| write!(f, ", {name} {n}"))
    }
}

/// SplitMix64, enough to choose moments.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(lost: u64, unread: u64) -> Value {
        let zero = |name: &&str| ((*name).to_owned(), Value::from(0));
        let mut summary: Value = FAULTS.iter().map(zero).collect();
        summary["acked"] = 7.into();
        summary["lost"] = lost.into();
        summary["unread_users"] = unread.into();
        summary
    }

    #[test]
    fn counts_add_up_and_a_missing_one_is_no_zero() {
        let mut seen = Seen::default();
        seen.add(&summary(0, 0)).unwrap();
        seen.add(&summary(2, 0)).unwrap();
        assert!(seen.to_string().starts_with("14 acknowledged, lost 2, visible_duplicates 0"));
        assert!(seen.add(&Value::Null).unwrap_err().to_string().contains("acked"));
    }

    #[test]
    fn an_inbox_that_was_not_read_proves_nothing() {
        assert!(Seen::default().add(&summary(0, 1)).is_err());
    }

    #[test]
    fn a_seed_gives_the_same_moments() {
        let mut states = (1, 1);
        for _ in 0..4 {
            assert_eq!(next(&mut states.0), next(&mut states.1));
        }
    }
}
