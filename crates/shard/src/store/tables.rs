//! The index of the log in fjall: which keyspace holds what, how it is tuned, how records are written. Blocks.
//!
//! It knows neither tickets nor threads. One keyspace a kind of row: one for all, with a prefix in the key, cost
//! the same CPU (13.1 and 13.3 µs a message), but could not leave the filter off where only ranges are read.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

use super::limits::{SEALED_MEMTABLES_MAX, SEALED_WAIT};
use super::log::{BadItem, Item, Table, Through};

/// Bits of filter a key: 1 % of the lookups of a key that is not there read a block.
const FILTER_BITS: f32 = 10.0;
/// Tables in level 0 that start a compaction: fewer, larger merges than with fjall's 4, and well below the 20 where it
/// slows writes down. On a noisy machine 4 to 8 saved about 2 µs a message, 8 to 16 about 1 more.
const LEVEL_0_TABLES: u8 = 12;
/// Blocks kept in memory, a shard. Pages are read once, by whoever was away; more would not be hit.
const CACHE_BYTES: u64 = 24 * 1024 * 1024;

/// The key, in the keyspace `log`, of the place up to which the log is not needed any more.
const APPLIED: &str = "applied";

/// A shard's database.
pub struct Tables {
    database: Database,
    /// (conversation, seq). Read by ranges only.
    pub messages: Keyspace,
    /// (client's id, conversation, sender) to the message's seq.
    pub ids: Keyspace,
    /// (uid, inbox seq), whole messages: a sync is one range.
    pub inbox: Keyspace,
    /// (uid, conversation).
    pub chats: Keyspace,
    /// (uid).
    pub users: Keyspace,
    /// What is known of the log: [`APPLIED`].
    log: Keyspace,
}

/// Why records were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] fjall::Error),
    /// A whole record holds what this program does not write.
    #[error("a record holds items of an unknown kind; start the version that wrote it")]
    BadItem,
}

impl Tables {
    /// Opens or creates the database.
    pub fn open(dir: &Path, memtable_bytes: u64, journal_bytes_max: u64) -> fjall::Result<Self> {
        let database = Database::builder(dir)
            .worker_threads(1)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(journal_bytes_max)
            .manual_journal_persist(true)
            .open()?;
        let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(FILTER_BITS));
        let keyspace = |name, filter| {
            let leveled = Leveled::default().with_l0_threshold(LEVEL_0_TABLES);
            database.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(memtable_bytes)
                    .manual_journal_persist(true)
                    .compaction_strategy(Arc::new(leveled))
                    .filter_policy(filter)
            })
        };
        Ok(Self {
            messages: keyspace("messages", FilterPolicy::disabled())?,
            ids: keyspace("ids", FilterPolicy::all(bloom))?,
            inbox: keyspace("inbox", FilterPolicy::all(bloom))?,
            chats: keyspace("chats", FilterPolicy::all(bloom))?,
            users: keyspace("users", FilterPolicy::all(bloom))?,
            log: keyspace("log", FilterPolicy::disabled())?,
            database,
        })
    }

    /// Writes items, in order; not durable before the next [`Tables::sync`].
    pub fn write<'a>(
        &self,
        items: impl Iterator<Item = Result<Item<'a>, BadItem>>,
    ) -> Result<(), WriteError> {
        self.wait_for_worker()?;
        let mut batch = self.database.batch();
        let mut value = Vec::new();
        for item in items {
            self.put(&mut batch, item.map_err(|BadItem| WriteError::BadItem)?, &mut value);
        }
        Ok(batch.commit()?)
    }

    fn put(&self, batch: &mut OwnedWriteBatch, item: Item<'_>, value: &mut Vec<u8>) {
        let table = match item.table {
            Table::Messages => &self.messages,
            Table::Ids => &self.ids,
            Table::Inbox => &self.inbox,
            Table::Chats => &self.chats,
            Table::Users => &self.users,
        };
        value.clear();
        value.extend_from_slice(item.head);
        value.extend_from_slice(item.content);
        batch.insert(table, Slice::from(item.key), Slice::from(value.as_slice()));
    }

    /// How much of the log is here, durably.
    pub fn applied(&self) -> fjall::Result<Through> {
        let value = self.log.get(APPLIED)?;
        let number = |at: usize| {
            let bytes = value.as_ref()?.get(at..at + 8)?;
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        Ok(Through { place: number(0).unwrap_or(0), newest_id_ms: number(8).unwrap_or(0) })
    }

    /// Until the worker has flushed enough, or has died: then `persist` fails.
    fn wait_for_worker(&self) -> fjall::Result<()> {
        let keyspaces = [&self.messages, &self.ids, &self.inbox, &self.chats, &self.users];
        while keyspaces.iter().any(|it| it.sealed_memtable_count() >= SEALED_MEMTABLES_MAX) {
            self.database.persist(PersistMode::Buffer)?;
            std::thread::park_timeout(SEALED_WAIT);
        }
        Ok(())
    }

    /// Makes everything written durable: all of the log up to `applied`.
    pub fn sync(&self, applied: Through) -> fjall::Result<()> {
        let value = [applied.place.to_le_bytes(), applied.newest_id_ms.to_le_bytes()].concat();
        self.log.insert(APPLIED, value)?;
        self.database.persist(PersistMode::SyncAll)
    }
}
