//! The interval logs of a run, read by the Java and the Python HdrHistogram: both must find what the summary says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::needs::{self, Need};
use crate::servers::maven;
use crate::{process, programs, summary};

const NEEDS: &[Need] = &[Need {
    program: "python3",
    package: "python3-venv",
    purpose: "reading distributions with the Python HdrHistogram",
}];
/// Of PyPI.
const PYTHON_READER: &str = "hdrhistogram==0.10.3";
/// Prints how many values a log has behind a time, and the largest.
const PYTHON: &str = "\
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
sum = HdrHistogram(1, 60_000_000_000, 3)
reader = HistogramLogReader(sys.argv[1], sum)
while reader.add_next_interval_histogram() is not None:
    pass
print(sum.get_total_count(), sum.get_max_value())
";

/// The distributions that a log and the summary have of the whole of a run without warm-up.
const NAMES: [&str; 4] = ["e2e", "ack", "held", "sched"];

/// Runs loadgen, and reads its logs.
pub fn agree() -> Result<()> {
    needs::install(NEEDS)?;
    let python = python()?;
    let class_path = maven::class_path()?;
    let out = process::scratch_dir("loadgen-truth")?;
    let mut run = Command::new(programs::path("loadgen"));
    run.args(["run", "--serve", "--users", "50", "--rate", "500", "--duration", "6s"]);
    // What the logs have of a warm-up the summary has not.
    run.args(["--warmup", "0s", "--out"]).arg(&out);
    // Whether this machine is too busy to measure on is not asked.
    process::run(&mut run)?;
    let summary = summary::read(&out)?;
    for name in NAMES {
        let log = out.join(format!("{name}.hlog"));
        let told = Told::of(&summary[format!("{name}_ns")])?;
        let by_python = by_python(&python, &log)?;
        let by_java = by_java(&class_path, (name, &log), &out)?;
        println!("{name}: {told:?} by loadgen, {by_python:?} by Python, {by_java:?} by Java");
        ensure!(told.is(by_python) && told.is(by_java), "{name}: they do not agree");
    }
    Ok(())
}

/// What a reader has of a distribution: how many values, and the largest in ns.
#[derive(Clone, Copy, Debug)]
struct Told {
    count: u64,
    max: f64,
}

impl Told {
    fn of(brief: &Value) -> Result<Self> {
        let number = |name: &str| brief[name].as_f64().with_context(|| format!("no {name}"));
        let count = brief["n"].as_u64().context("no n")?;
        Ok(Self { count, max: number("max")? })
    }

    /// A histogram keeps three digits; a log also has what came after the measured time.
    fn is(self, other: Self) -> bool {
        other.count >= self.count
            && other.count - self.count <= self.count / 20
            && (self.max / other.max - 1.0).abs() < 0.002
    }
}

/// A Python of its own below the target directory that has the reader.
fn python() -> Result<PathBuf> {
    let dir = process::target_dir().join("tools").join("hdrhistogram");
    let python = dir.join("bin").join("python");
    let has_reader = |python: &Path| {
        let mut tried = Command::new(python);
        tried.args(["-c", "import hdrh.log"]).output().is_ok_and(|output| output.status.success())
    };
    if !has_reader(&python) {
        process::run_ok(Command::new("python3").args(["-m", "venv"]).arg(&dir))
            .context("could not make a place for Python packages")?;
        process::run_ok(Command::new(&python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            PYTHON_READER,
        ]))
        .context("could not install the Python HdrHistogram")?;
    }
    Ok(python)
}

fn by_python(python: &Path, log: &Path) -> Result<Told> {
    let output = Command::new(python).args(["-c", PYTHON]).arg(log).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = said.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(count)), Some(Ok(max))) = (words.next(), words.next()) else {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(anyhow::anyhow!("Python could not read {}: {why}", log.display()));
    };
    #[allow(clippy::cast_precision_loss, reason = "ns of a run are below 2^53")]
    Ok(Told { count, max: max as f64 })
}

/// The reader that Cassandra has with it. It writes a table whose last line has the largest value and the count.
fn by_java(class_path: &str, (name, log): (&str, &Path), out: &Path) -> Result<Told> {
    let table = out.join("by-java");
    let mut java = Command::new("java");
    java.args(["-cp", class_path, "org.HdrHistogram.HistogramLogProcessor", "-tag", name]);
    java.arg("-i").arg(log);
    // In ns, as the log has it.
    java.args(["-outputValueUnitRatio", "1", "-o"]).arg(&table);
    process::run_ok(&mut java).context("Java could not read it")?;
    let written = fs::read_to_string(table.with_extension("hgrm"))
        .context("Java wrote no table beside the log")?;
    let line = written.lines().find(|line| line.starts_with("#[Max ")).context("no last line")?;
    let numbers: Vec<f64> = line
        .split(|it: char| !(it.is_ascii_digit() || it == '.'))
        .filter_map(|part| part.parse().ok())
        .collect();
    let [max, count] = numbers[..] else {
        return Err(anyhow::anyhow!("two numbers were expected: {line}"));
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    Ok(Told { count: count as u64, max })
}
