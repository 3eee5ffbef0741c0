//! The tables: made by `logic schema apply`, checked by every process that starts.
//!
//! The files in `logic/schema` are in the order of their numbers. What a file says never changes once it was released: a
//! later version adds a file, which only adds tables and columns, so that programs of the version before go on with them.
//! What cannot be said so is another layout, in another keyspace. What an operator chose is not changed: `ALTER` is
//! the operator's.

use super::codec;
use super::config::{BadRow, CqlConfig, CqlError, check_keyspace};
use super::session::{backoff, may_pass, open};
use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};
use service::clock::unix_ms;
use std::time::Duration;
use tokio::time::Instant;

/// How the tables of this program are laid out. A keyspace has one layout for its life.
const LAYOUT: u32 = 2;
/// The row of `cluster` that holds it; layout 1 had none.
const LAYOUT_NAME: &str = "layout";
/// The version of the tables that this program needs: those of a layout only grow from version to version.
pub const VERSION: u32 = 6;
/// The row of `cluster` that holds it.
pub(super) const VERSION_NAME: &str = "schema_version";
/// The row of `cluster` that tells a restored cluster from the one before.
const INBOX_EPOCH_NAME: &str = "inbox_epoch";
/// The version that each came with, each after those before; statements end with a semicolon at the end of a line.
const FILES: [(u32, &str); 6] = [
    (2, include_str!("../../schema/0001_keyspace.cql")),
    (2, include_str!("../../schema/0002_tables.cql")),
    (3, include_str!("../../schema/0003_seen.cql")),
    (4, include_str!("../../schema/0004_groups.cql")),
    (5, include_str!("../../schema/0005_revoked.cql")),
    (6, include_str!("../../schema/0006_peer_reads.cql")),
];
/// Servers agree on a schema in seconds, not within the time of a message's request.
const APPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// An id is refused once it is older than a day; its row must be there until then.
const DEDUP_TTL_S_MIN: u32 = 2 * 86_400;

/// What the servers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Apache Cassandra 5: unified compaction.
    Cassandra,
    /// ScyllaDB: incremental compaction.
    Scylla,
}

/// What the operator chooses once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaConfig {
    /// What the servers are.
    pub server: Server,
    /// Copies of each row in each data centre.
    pub replication_factor: u8,
    /// Whether ScyllaDB spreads the tables by tablets; without meaning on Cassandra.
    pub tablets: bool,
    /// How long an inbox row is kept, in s.
    pub inbox_ttl_s: u32,
    /// How long a sender's id is known, in s. At least two days.
    pub dedup_ttl_s: u32,
}

impl Default for SchemaConfig {
    fn default() -> Self {
        Self {
            server: Server::Cassandra,
            replication_factor: 3,
            tablets: false,
            inbox_ttl_s: 30 * 86_400,
            dedup_ttl_s: DEDUP_TTL_S_MIN,
        }
    }
}

impl SchemaConfig {
    fn check(&self) -> Result<(), CqlError> {
        let bad = |name, value: u32, reason| {
            Err(CqlError::BadSetting { name, value: value.to_string(), reason })
        };
        if self.replication_factor == 0 {
            return bad("replication factor", 0, "a row needs a copy");
        }
        if self.dedup_ttl_s < DEDUP_TTL_S_MIN {
            return bad("dedup TTL", self.dedup_ttl_s, "a retry may come two days later");
        }
        if self.inbox_ttl_s == 0 {
            return bad("inbox TTL", 0, "rows must live until they are read");
        }
        Ok(())
    }

    /// The statements that make of the tables of a version (0: there are none) those of this program.
    fn statements(&self, keyspace: &str, found: u32) -> Vec<String> {
        let compaction = match self.server {
            Server::Cassandra => "UnifiedCompactionStrategy",
            Server::Scylla => "IncrementalCompactionStrategy",
        };
        let tablets = match self.server {
            Server::Cassandra => String::new(),
            Server::Scylla => format!(" AND tablets = {{'enabled': {}}}", self.tablets),
        };
        let fill = |text: &str| {
            text.replace("{keyspace}", keyspace)
                .replace("{replication_factor}", &self.replication_factor.to_string())
                .replace("{tablets}", &tablets)
                .replace("{compaction}", compaction)
                .replace("{inbox_ttl_s}", &self.inbox_ttl_s.to_string())
                .replace("{dedup_ttl_s}", &self.dedup_ttl_s.to_string())
        };
        let uncommented = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with("--"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let missing = FILES.iter().filter(|(version, _)| *version > found);
        let texts = missing.map(|(_, text)| uncommented(&fill(text))).collect::<Vec<_>>();
        let parts = texts.iter().flat_map(|text| text.split(";\n"));
        let trimmed = parts.map(|part| part.trim().trim_end_matches(';').to_string());
        trimmed.filter(|part| !part.is_empty()).collect()
    }
}

/// A statement that changes nothing when it is done again. Servers that are busy may not agree on a schema in time.
async fn make(session: &Session, statement: &str, deadline: Instant) -> Result<(), ExecutionError> {
    let mut backoff = backoff();
    loop {
        match session.query_unpaged(statement, ()).await {
            Err(error) if may_pass(&error) && Instant::now() < deadline => {
                tracing::debug!(%error, "could not make a table; it is tried again");
                let pause_ms = backoff.next_ms(&mut rand::rng());
                tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            }
            Err(error) if is_known_column(&error) => return Ok(()),
            result => return result.map(drop),
        }
    }
}

/// The table has the column that was to be added: Cassandra's text, and ScyllaDB's.
fn is_known_column(error: &ExecutionError) -> bool {
    let ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, text)) =
        error
    else {
        return false;
    };
    text.contains("already exists") || text.contains("conflicts with an existing column")
}

/// Makes what is missing and writes the version down. Doing it again changes nothing. Returns the version.
///
/// # Errors
/// Nobody answers, a setting has no meaning, a statement was refused, or the tables are of another layout.
pub async fn apply(config: &CqlConfig, settings: &SchemaConfig) -> Result<u32, CqlError> {
    check_keyspace(&config.keyspace)?;
    settings.check()?;
    let patient = CqlConfig { request_timeout: APPLY_TIMEOUT, ..config.clone() };
    let session = open(&patient).await?;
    let found = match check(&session, config).await {
        Err(CqlError::NoSchema { .. }) => 0,
        Err(CqlError::OldSchema { found, .. }) => found,
        other => return other.map(|()| VERSION),
    };
    let failed =
        |what| move |error: ExecutionError| CqlError::Statement { what, reason: error.to_string() };
    let deadline = Instant::now() + APPLY_TIMEOUT;
    for statement in settings.statements(&config.keyspace, found) {
        make(&session, &statement, deadline).await.map_err(failed("make a table"))?;
    }
    let unix_ms = i64::try_from(unix_ms()).unwrap_or(0);
    let insert = format!("INSERT INTO {}.cluster (name, value) VALUES (?, ?)", config.keyspace);
    let epoch = format!("{insert} IF NOT EXISTS");
    let values = (INBOX_EPOCH_NAME, unix_ms);
    session.query_unpaged(epoch, values).await.map_err(failed("write the inbox epoch"))?;
    // Last: whoever reads the version finds everything else.
    for (name, value) in [(LAYOUT_NAME, LAYOUT), (VERSION_NAME, VERSION)] {
        let values = (name, i64::from(value));
        let written = session.query_unpaged(insert.as_str(), values).await;
        written.map_err(failed("write the schema's version"))?;
    }
    Ok(VERSION)
}

/// Whether the tables are of this program's layout, and not older than it. Later ones of the layout have more in them, which
/// it leaves alone: so programs can be replaced one by one.
///
/// # Errors
/// What to run instead.
pub async fn check(session: &Session, config: &CqlConfig) -> Result<(), CqlError> {
    let (keyspace, command) = (config.keyspace.clone(), config.apply_command());
    let small = |found: u64| u32::try_from(found).unwrap_or(u32::MAX);
    let Some(found) = value(session, config, VERSION_NAME).await?.map(small) else {
        return Err(CqlError::NoSchema { keyspace, command });
    };
    let layout = value(session, config, LAYOUT_NAME).await?.map_or(1, small);
    if layout != LAYOUT {
        return Err(CqlError::OtherLayout { keyspace, found: layout, needed: LAYOUT });
    }
    if found < VERSION {
        return Err(CqlError::OldSchema { keyspace, found, needed: VERSION, command });
    }
    Ok(())
}

/// The inbox epoch: the same for the life of a cluster, another after its data was made anew.
pub(super) async fn inbox_epoch(session: &Session, config: &CqlConfig) -> Result<u64, CqlError> {
    value(session, config, INBOX_EPOCH_NAME).await?.ok_or_else(|| CqlError::NoSchema {
        keyspace: config.keyspace.clone(),
        command: config.apply_command(),
    })
}

async fn value(
    session: &Session,
    config: &CqlConfig,
    name: &'static str,
) -> Result<Option<u64>, CqlError> {
    let failed = |reason: String| CqlError::Statement { what: "read the schema's version", reason };
    let text = format!("SELECT value FROM {}.cluster WHERE name = ?", config.keyspace);
    let result = match session.query_unpaged(text, (name,)).await {
        Err(error) if is_unknown_table(&error) => return Ok(None),
        result => result.map_err(|error| failed(error.to_string()))?,
    };
    let rows = result.into_rows_result().map_err(|error| failed(error.to_string()))?;
    codec::number(&rows).map_err(|BadRow(reason)| failed(reason))
}

/// The server knows neither the keyspace nor the table.
fn is_unknown_table(error: &ExecutionError) -> bool {
    let attempt = if let ExecutionError::LastAttemptError(attempt) = error {
        attempt
    } else if let ExecutionError::PrepareError(PrepareError::AllAttemptsFailed { first_attempt }) =
        error
    {
        first_attempt
    } else {
        return false;
    };
    let RequestAttemptError::DbError(DbError::Invalid, text) = attempt else { return false };
    text.contains("does not exist") || text.contains("unconfigured table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_filled_in() {
        for server in [Server::Cassandra, Server::Scylla] {
            let settings = SchemaConfig { server, ..SchemaConfig::default() };
            let statements = settings.statements("longline", 0);
            assert_eq!(statements.len(), 18, "a keyspace, twelve tables and five columns");
            assert_eq!(settings.statements("longline", 3).len(), 5, "what version 3 lacks");
            for statement in &statements {
                let adds = statement.starts_with("CREATE ") || statement.contains(" ADD ");
                assert!(adds, "{statement}");
                let words = ["{k", "{r", "{t", "{c", "{i", "{d"];
                assert!(!words.iter().any(|word| statement.contains(word)), "{statement}");
            }
            let has_tablets = statements[0].contains("tablets");
            assert_eq!(has_tablets, server == Server::Scylla);
            assert_eq!(
                settings.statements("longline", 2),
                statements[11..],
                "what version 3 added"
            );
            assert!(settings.statements("longline", VERSION).is_empty(), "nothing is missing");
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(SchemaConfig::default().check().is_ok());
        assert!(SchemaConfig { replication_factor: 0, ..SchemaConfig::default() }.check().is_err());
        assert!(SchemaConfig { dedup_ttl_s: 9, ..SchemaConfig::default() }.check().is_err());
        assert!(check_keyspace("long_line2").is_ok());
        for bad in ["", "2long", "a;b", "A", "a\"b"] {
            assert!(check_keyspace(bad).is_err(), "{bad}");
        }
    }
}
