//! What a client is told, and why it may not start. It knows no statement.

use crate::cql::limits::CQL_STATEMENTS_MAX;
use std::time::Duration;

/// Where the cluster is and how hard it may be pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CqlConfig {
    /// `host:port` of some servers; the others are learnt from them.
    pub contact_points: Vec<String>,
    /// Where `logic schema apply` made the tables.
    pub keyspace: String,
    /// Statements of this process in flight.
    pub in_flight_max: usize,
    /// How long one try of a statement may take.
    pub request_timeout: Duration,
    /// How long a read may take, every try and what it rests on included.
    pub read_deadline: Duration,
}

impl CqlConfig {
    /// As usual.
    #[must_use]
    pub fn new(contact_points: Vec<String>, keyspace: String) -> Self {
        Self {
            contact_points,
            keyspace,
            in_flight_max: CQL_STATEMENTS_MAX,
            request_timeout: Duration::from_secs(2),
            read_deadline: Duration::from_secs(2),
        }
    }

    /// The command that makes the tables.
    pub(super) fn apply_command(&self) -> String {
        let (points, keyspace) = (self.contact_points.join(","), &self.keyspace);
        format!("logic schema apply --cql {points} --keyspace {keyspace}")
    }
}

/// Why the store of a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CqlError {
    /// Nobody answers.
    #[error("could not reach a CQL server at {contact_points}: {reason}")]
    Unreachable {
        /// Who was asked.
        contact_points: String,
        /// What the driver said.
        reason: String,
    },
    /// There are no tables.
    #[error("keyspace {keyspace} has no tables of this program; run `{command}`")]
    NoSchema {
        /// Where.
        keyspace: String,
        /// What to run.
        command: String,
    },
    /// The tables are of an earlier version.
    #[error(
        "the tables in {keyspace} are of version {found}, this program needs {needed}; run `{command}`"
    )]
    OldSchema {
        /// Where.
        keyspace: String,
        /// What is there.
        found: u32,
        /// What must be there.
        needed: u32,
        /// What to run.
        command: String,
    },
    /// The tables are laid out in another way: nothing turns them into those of this program.
    #[error(
        "the tables in {keyspace} have layout {found}, this program reads and writes layout {needed} only; \
         name another keyspace, or start a program of that layout"
    )]
    OtherLayout {
        /// Where.
        keyspace: String,
        /// What is there.
        found: u32,
        /// What this program needs.
        needed: u32,
    },
    /// A setting has no meaning.
    #[error("{name} cannot be {value:?}: {reason}")]
    BadSetting {
        /// Which.
        name: &'static str,
        /// What was given.
        value: String,
        /// Why not.
        reason: &'static str,
    },
    /// A statement failed.
    #[error("could not {what}: {reason}")]
    Statement {
        /// What it was for.
        what: &'static str,
        /// What the driver said.
        reason: String,
    },
}

/// A row that is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("a row cannot be read: {0}")]
pub struct BadRow(pub String);
impl CqlError {
    /// Whether it may pass without another program or other settings: servers start, tables are made.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Statement { .. } => true,
            Self::NoSchema { .. } | Self::OldSchema { .. } => true,
            Self::OtherLayout { .. } | Self::BadSetting { .. } => false,
        }
    }
}

/// Whether it can stand in a statement without quotes.
pub(super) fn check_keyspace(keyspace: &str) -> Result<(), CqlError> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = keyspace.starts_with(|c: char| c.is_ascii_lowercase());
    if starts && keyspace.len() <= 48 && keyspace.chars().all(is_good) {
        return Ok(());
    }
    let reason = "use up to 48 of a-z, 0-9 and _, a letter first";
    Err(CqlError::BadSetting { name: "keyspace", value: keyspace.into(), reason })
}
