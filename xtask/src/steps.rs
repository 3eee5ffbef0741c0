//! Runs a list of steps, all of them whatever fails, counts and times them.
//!
//! A step is a line that a person could type at the root. It does not know what the steps do.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::process;

/// One line to run and how it must end.
pub struct Step {
    /// What it proves, in a few words.
    pub name: &'static str,
    /// Words parted by spaces, no quotes; `NAME=value` words first go into the environment, and a program `profile/x` is
    /// the one that cargo built.
    pub line: &'static str,
    /// The exit codes it may have. A step that must fail names its own code, so that no other failure passes for it.
    pub exits: &'static [i32],
    /// Texts that it must print: a step that does not do what it is there for does not pass, however it ends.
    pub prints: &'static [&'static str],
}

impl Step {
    /// A step that must end with 0.
    pub const fn new(name: &'static str, line: &'static str) -> Self {
        Self { name, line, exits: &[0], prints: &[] }
    }

    /// The same with texts that it must print.
    pub const fn that_prints(self, prints: &'static [&'static str]) -> Self {
        Self { prints, ..self }
    }
}

/// What came of the steps so far: how many have passed and failed, each test of a test run and each other step; and how long
/// each took.
#[derive(Debug)]
pub struct Tally {
    passed: u32,
    failed: u32,
    failures: Vec<String>,
    times: Vec<(&'static str, Duration)>,
    started: Instant,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        let (failures, times) = (Vec::new(), Vec::new());
        Self { passed: 0, failed: 0, failures, times, started: Instant::now() }
    }

    /// Does what steps need; it is timed like one.
    pub fn prepare<T>(&mut self, name: &'static str, prepare: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let done = prepare();
        self.times.push((name, started.elapsed()));
        done
    }

    /// Runs every step, with these variables in its environment.
    pub fn run(&mut self, steps: &[Step], variables: &[(&'static str, String)]) {
        for step in steps {
            println!("\n== {}\n$ {}", step.name, step.line);
            let started = Instant::now();
            let mut counts = Counts::default();
            let mut missing = step.prints.to_vec();
            let end = run_line(step.line, variables, |line| {
                counts.add(line);
                missing.retain(|text| !line.contains(text));
            });
            let problem = match (end, missing.first()) {
                (Ok(code), _) if !step.exits.contains(&code) => {
                    Some(format!("exit {code} instead of {}", or(step.exits)))
                }
                (Ok(code), Some(text)) => {
                    Some(format!("exit {code}, but it did not print `{text}`"))
                }
                (Ok(_), None) => None,
                (Err(error), _) => Some(format!("{error:#}")),
            };
            let took = started.elapsed();
            let result = problem.as_deref().unwrap_or("ok");
            println!("== {}: {result} ({:.1} s)", step.name, took.as_secs_f64());
            self.times.push((step.name, took));
            self.count(step.name, problem, counts);
        }
    }

    /// Does what is no line for a shell, and counts it as a step.
    pub fn judge(&mut self, name: &'static str, judge: impl FnOnce() -> Result<()>) {
        println!("\n== {name}");
        let started = Instant::now();
        let problem = judge().err().map(|error| format!("{error:#}"));
        println!("== {name}: {}", problem.as_deref().unwrap_or("ok"));
        self.times.push((name, started.elapsed()));
        self.count(name, problem, Counts::default());
    }

    /// Adds one step: its tests when it ran some, else itself.
    fn count(&mut self, name: &str, problem: Option<String>, counts: Counts) {
        let Counts { passed, failed } = counts;
        let alone = passed + failed == 0;
        self.passed += if alone && problem.is_none() { 1 } else { passed };
        self.failed += if failed == 0 && problem.is_some() { 1 } else { failed };
        self.failures.extend(problem.map(|problem| format!("{name}: {problem}")));
    }

    /// Prints the times, what failed and the counts; the exit code of the whole.
    pub fn finish(&self) -> ExitCode {
        println!();
        for (name, took) in &self.times {
            println!("{:8.1} s  {name}", took.as_secs_f64());
        }
        println!("{:8.1} s  in all\n", self.started.elapsed().as_secs_f64());
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

fn or(codes: &[i32]) -> String {
    codes.iter().map(i32::to_string).collect::<Vec<_>>().join(" or ")
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
    let mut command = if program.contains('/') {
        Command::new(process::target_dir().join(program))
    } else {
        Command::new(program)
    };
    command.envs(given.iter().map(|(name, value)| (name, value)));
    command.args(words).envs(variables).current_dir(process::root());
    let status = process::run_lines(command, on_line)?;
    status.code().with_context(|| format!("killed: {status}"))
}

/// Tests that passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u32,
    failed: u32,
}

impl Counts {
    /// Adds what a line says, if it is the last of a test program or of nextest.
    fn add(&mut self, line: &str) {
        let line = line.trim_start();
        let said = line.strip_prefix("test result: ").or_else(|| line.strip_prefix("Summary ["));
        // `ok. 5 passed; 0 failed; ...`, or `   0.010s] 7 tests run: 5 passed (1 slow), 2 failed, 0 skipped`.
        for part in said.into_iter().flat_map(|said| said.split(['.', ':', ';', ','])) {
            let mut words = part.split_whitespace();
            let (number, word) = (words.next().map(str::parse::<u32>), words.next());
            match (number, word) {
                (Some(Ok(number)), Some("passed")) => self.passed += number,
                (Some(Ok(number)), Some("failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(line: &'static str, exits: &'static [i32]) -> (u32, u32) {
        let mut tally = Tally::new();
        tally.run(&[Step { exits, ..Step::new("a step", line) }], &[]);
        assert_eq!(tally.failures.is_empty(), tally.failed == 0);
        assert_eq!(tally.times.len(), 1);
        (tally.passed, tally.failed)
    }

    #[test]
    fn a_step_passes_by_its_own_exit_code_only() {
        assert_eq!(tally("true", &[0]), (1, 0));
        assert_eq!(tally("false", &[0]), (0, 1));
        assert_eq!(tally("false", &[1]), (1, 0));
        assert_eq!(tally("false", &[3]), (0, 1));
        assert_eq!((tally("true", &[0, 1]), tally("false", &[0, 1])), ((1, 0), (1, 0)));
        assert_eq!(tally("no-such-program-of-longline", &[1]), (0, 1));
    }

    #[test]
    fn a_step_that_does_not_print_what_it_must_fails() {
        let passes = |prints| {
            let mut tally = Tally::new();
            tally.run(&[Step::new("a step", "echo 5 acknowledged").that_prints(prints)], &[]);
            tally.failures.is_empty()
        };
        assert!(passes(&[]) && passes(&["acknowledged"]) && passes(&["5", "acknowledged"]));
        assert!(!passes(&["acknowledged", "lost"]));
    }

    #[test]
    fn variables_come_first() {
        assert_eq!(tally("A_STEP=4 env -u OTHER printenv A_STEP", &[0]), (1, 0));
        assert_eq!(tally("printenv A_STEP", &[1]), (1, 0));
    }

    #[test]
    fn tests_are_counted_one_by_one() {
        let counts = |line| {
            let mut counts = Counts::default();
            counts.add(line);
            (counts.passed, counts.failed)
        };
        let line = "test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(counts(line), (5, 2));
        let line = "     Summary [   1.010s] 8 tests run: 5 passed (1 slow), 2 failed, 1 timed out";
        assert_eq!(counts(line), (5, 2));
        assert_eq!(counts("test result of mine: 5 passed"), (0, 0));
        assert_eq!(tally("echo test result: ok. 5 passed; 0 failed; 1 ignored", &[0]), (5, 0));
        assert_eq!(tally("echo test result: FAILED. 5 passed; 2 failed; 1 ignored", &[1]), (5, 2));
    }

    #[test]
    fn a_test_run_that_breaks_after_passing_tests_is_a_failure() {
        assert_eq!(tally("echo test result: ok. 5 passed; 0 failed; 1 ignored", &[101]), (5, 1));
    }
}
