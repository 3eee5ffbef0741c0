//! Every exit code of a server process, and the failures that lead to them.
//!
//! The numbers are those of sysexits where one fits, so that a supervisor can tell what helps: a restart
//! (71, 74, 75) or a person (2).

use crate::logging;
use std::panic;
use std::process::{self, ExitCode};

/// It did what was asked: for `run`, it drained and stopped.
pub const OK: u8 = 0;
/// Usage or configuration not valid. A restart does not help. The same that clap uses.
pub const CONFIG: u8 = 2;
/// The environment lacks something: io_uring, memory to lock, descriptors, the address to listen on (EX_OSERR).
pub const ENVIRONMENT: u8 = 71;
/// The store could not read or write (EX_IOERR). Nothing acknowledged is lost.
pub const STORE: u8 = 74;
/// The data directory is in use by another process (EX_TEMPFAIL).
pub const LOCKED: u8 = 75;
/// Added to a signal's number when a second signal stops the process at once: 130 and 143.
pub const SIGNAL_BASE: i32 = 128;

/// Why the gateway cannot go on. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// What was asked for cannot be meant, or what it names cannot be used.
    #[error("{0}")]
    Config(String),
    /// The machine does not offer what is needed.
    #[error("{0}")]
    Environment(String),
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// Another process has the data directory.
    #[error("{0}")]
    Locked(String),
}

impl Fatal {
    /// The number of this failure.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Config(_) => CONFIG,
            Self::Environment(_) => ENVIRONMENT,
            Self::Store(_) => STORE,
            Self::Locked(_) => LOCKED,
        }
    }
}

/// From here on a panic ends the process, in a build that unwinds too: the other threads must not go on without the one that it
/// ended.
pub fn at_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        print(panic);
        process::abort();
    }));
}

/// The end of a program: says what went wrong, if anything did, and gives its number.
#[must_use]
pub fn end(program: &str, done: &Result<(), Fatal>) -> ExitCode {
    match done {
        Ok(()) => {
            logging::flush();
            OK.into()
        }
        Err(fatal) => {
            logging::last_word(&format!("{program}: {fatal}\n"));
            fatal.code().into()
        }
    }
}
