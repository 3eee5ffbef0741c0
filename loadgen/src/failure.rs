//! How the program ends: its exit codes, and failures that carry one.

use std::fmt;
use std::process::ExitCode;

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The command line makes no sense. Exit code 1.
    Usage(String),
    /// Something needed is missing: says what to change. Exit code 2.
    Preflight(String),
    /// The target was not there, or not for too long. Exit code 6.
    TargetDown(String),
}

impl Failure {
    /// A preflight failure from an error and what was tried.
    pub fn preflight(verb: &str, error: impl fmt::Display) -> Self {
        Self::Preflight(format!("could not {verb}: {error}"))
    }

    /// The code to end with.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Preflight(_) => PREFLIGHT,
            Self::TargetDown(_) => TARGET_DOWN,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) | Self::Preflight(why) => write!(f, "{why}"),
            Self::TargetDown(why) => write!(f, "target down: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.code())
    }
}

/// All is as it should be.
pub const PASS: u8 = 0;
/// The command line is wrong.
pub const USAGE: u8 = 1;
/// Something needed is missing.
pub const PREFLIGHT: u8 = 2;
/// Slower than was asked for.
pub const SLO_MISSED: u8 = 3;
/// A promise was broken.
pub const CORRECTNESS: u8 = 4;
/// The generator was the bottleneck: the figures mean nothing.
pub const GENERATOR_LIMITED: u8 = 5;
/// The target was not there, or not for too long.
pub const TARGET_DOWN: u8 = 6;
/// The server did not keep up with the load.
pub const SERVER_LIMITED: u8 = 7;
/// The machine did not let the generator run: the figures mean nothing.
pub const MACHINE_LIMITED: u8 = 8;
/// Too few messages to judge.
pub const TOO_SHORT: u8 = 9;
/// Messages were never answered.
pub const UNANSWERED: u8 = 10;
/// A signal ended the run early. As a shell says of a program that ended by SIGINT.
pub const INTERRUPTED: u8 = 130;
