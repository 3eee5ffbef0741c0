//! Runs a list of steps, all of them whatever fails, and counts.
//!
//! A step is a line that a person could type at the root. It does not know what the steps do.

use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::process;

/// One line to run and how it must end.
pub struct Step {
    /// What it proves, in a few words.
    pub name: &'static str,
    /// Words parted by spaces, no quotes; `NAME=value` words first go into the environment, and a first word
    /// `release/x` is the release binary `x`.
    pub line: &'static str,
    /// The exit code it must have. A step that must fail names its own code, so that no other failure passes for it.
    pub exit: i32,
}

/// What has passed and failed so far: each test of a `cargo test`, and each other step.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u32,
    failed: u32,
    failures: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Tally {
    /// One whose steps have these variables in their environment.
    pub fn with(variables: &[(&'static str, String)]) -> Self {
        Self { variables: variables.to_vec(), ..Self::default() }
    }

    /// Runs every step.
    pub fn run(&mut self, steps: &[Step]) {
        for step in steps {
            println!("\n== {}\n$ {}", step.name, step.line);
            let started = Instant::now();
            let (mut passed, mut failed) = (0, 0);
            let end = run_line(step.line, &self.variables, |line| {
                let (more_passed, more_failed) = test_counts(line).unwrap_or_default();
                passed += more_passed;
                failed += more_failed;
            });
            let seconds = started.elapsed().as_secs_f64();
            let problem = match end {
                Ok(code) if code == step.exit => None,
                Ok(code) => Some(format!("exit {code} instead of {}", step.exit)),
                Err(error) => Some(format!("{error:#}")),
            };
            println!("== {}: {} ({seconds:.1} s)", step.name, problem.as_deref().unwrap_or("ok"));
            self.count(step.name, problem, passed, failed);
        }
    }

    /// Adds one step: its tests when it ran some, else itself.
    fn count(&mut self, name: &str, problem: Option<String>, passed: u32, failed: u32) {
        let alone = passed + failed == 0;
        self.passed += if alone && problem.is_none() { 1 } else { passed };
        self.failed += if failed == 0 && problem.is_some() { 1 } else { failed };
        self.failures.extend(problem.map(|problem| format!("{name}: {problem}")));
    }

    /// Prints what failed and the counts; the exit code of the whole.
    pub fn finish(&self) -> ExitCode {
        println!();
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.failures.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

fn run_line(
    line: &str,
    given: &[(&'static str, String)],
    on_line: impl FnMut(&str),
) -> Result<i32> {
    let mut words = line.split_whitespace().peekable();
    let mut variables = Vec::new();
    while let Some(variable) = words.peek().and_then(|word| word.split_once('=')) {
        variables.push(variable);
        words.next();
    }
    let program = words.next().context("an empty line")?;
    let mut command = match program.strip_prefix("release/") {
        Some(binary) => Command::new(process::release_binary(binary)),
        None => Command::new(program),
    };
    command.envs(given.iter().map(|(name, value)| (name, value)));
    command.args(words).envs(variables).current_dir(process::root());
    let status = process::run_lines(&mut command, on_line)?;
    status.code().with_context(|| format!("killed: {status}"))
}

/// Passed and failed, from a line `test result: ok. 5 passed; 0 failed; ...` of a test binary.
fn test_counts(line: &str) -> Option<(u32, u32)> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let passed = counts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = counts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(line: &'static str, exit: i32) -> (u32, u32) {
        let mut tally = Tally::default();
        tally.run(&[Step { name: "a step", line, exit }]);
        assert_eq!(tally.failures.is_empty(), tally.failed == 0);
        (tally.passed, tally.failed)
    }

    #[test]
    fn a_step_passes_by_its_own_exit_code_only() {
        assert_eq!(tally("true", 0), (1, 0));
        assert_eq!(tally("false", 0), (0, 1));
        assert_eq!(tally("false", 1), (1, 0));
        assert_eq!(tally("false", 3), (0, 1));
        assert_eq!(tally("no-such-program-of-longline", 1), (0, 1));
    }

    #[test]
    fn variables_come_first() {
        assert_eq!(tally("A_STEP=4 env -u OTHER printenv A_STEP", 0), (1, 0));
        assert_eq!(tally("printenv A_STEP", 1), (1, 0));
    }

    #[test]
    fn tests_are_counted_one_by_one() {
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(test_counts(line), Some((5, 2)));
        assert_eq!(test_counts("test result of mine"), None);
        assert_eq!(tally("echo test result: ok. 5 passed; 0 failed; 1 ignored", 0), (5, 0));
        assert_eq!(tally("echo test result: FAILED. 5 passed; 2 failed; 1 ignored", 1), (5, 2));
    }

    #[test]
    fn a_test_run_that_breaks_after_passing_tests_is_a_failure() {
        assert_eq!(tally("echo test result: ok. 5 passed; 0 failed; 1 ignored", 101), (5, 1));
    }
}
