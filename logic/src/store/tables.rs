//! The rows in fjall: which keyspace holds what, how it is tuned, and how a group is written. Blocks.
//!
//! It knows neither tickets nor threads. One keyspace a kind of row: one for all, with a prefix in the key, cost
//! the same CPU (13.1 and 13.3 µs a message), but could not leave the filter off where only ranges are read.

use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

use super::codec::{Key, put_contact, put_inbox, put_message, put_place, put_user};
use super::limits::{SEALED_MEMTABLES_MAX, SEALED_WAIT};
use crate::rows::Row;

/// Bits of filter a key: 1 % of the lookups of a key that is not there read a block.
const FILTER_BITS: f32 = 10.0;
/// Tables in level 0 that start a compaction: fewer, larger merges than with fjall's 4, and well below the 20 where it
/// slows writes down. On a noisy machine 4 to 8 saved about 2 µs a message, 8 to 16 about 1 more.
const LEVEL_0_TABLES: u8 = 12;
/// Blocks kept in memory, a shard. Pages are read once, by whoever was away; more would not be hit.
const CACHE_BYTES: u64 = 24 * 1024 * 1024;

/// A shard's database.
pub struct Tables {
    database: Database,
    /// (big, small, seq). Read by ranges only.
    pub messages: Keyspace,
    /// (client's id, sender) to the message's key.
    pub places: Keyspace,
    /// (uid, inbox seq), whole messages: a sync is one range.
    pub inbox: Keyspace,
    /// (uid, peer).
    pub contacts: Keyspace,
    /// (uid).
    pub users: Keyspace,
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
            places: keyspace("places", FilterPolicy::all(bloom))?,
            inbox: keyspace("inbox", FilterPolicy::all(bloom))?,
            contacts: keyspace("contacts", FilterPolicy::all(bloom))?,
            users: keyspace("users", FilterPolicy::all(bloom))?,
            database,
        })
    }

    /// Writes all of `rows` or nothing, and syncs once.
    pub fn write<'a>(&self, rows: impl ExactSizeIterator<Item = &'a Row>) -> fjall::Result<()> {
        self.wait_for_worker()?;
        // A message is two items; most batches are one message and its inbox rows.
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), rows.len() * 3 / 2);
        let mut batch = batch.durability(Some(PersistMode::SyncData));
        let mut value = Vec::new();
        for row in rows {
            self.put(&mut batch, row, &mut value);
        }
        batch.commit()
    }

    fn put(&self, batch: &mut OwnedWriteBatch, row: &Row, value: &mut Vec<u8>) {
        let mut insert = |keyspace: &Keyspace, key: Key, value: &mut Vec<u8>| {
            batch.insert(keyspace, key, Slice::from(value.as_slice()));
            value.clear();
        };
        match row {
            Row::Message(row) => {
                put_message(value, row);
                insert(&self.messages, Key::message(row.conversation, row.seq), value);
                put_place(value, row);
                insert(&self.places, Key::client_msg_id(row.client_msg_id, row.from), value);
            }
            Row::Inbox(row) => {
                put_inbox(value, row);
                insert(&self.inbox, Key::inbox(row.uid, row.inbox_seq), value);
            }
            Row::Contact(row) => {
                put_contact(value, row);
                insert(&self.contacts, Key::contact(row.uid, row.peer), value);
            }
            Row::User(row) => {
                put_user(value, row);
                insert(&self.users, Key::user(row.uid), value);
            }
        }
    }

    /// Until the worker has flushed enough, or has died: then `persist` fails.
    fn wait_for_worker(&self) -> fjall::Result<()> {
        let keyspaces = [&self.messages, &self.places, &self.inbox, &self.contacts, &self.users];
        while keyspaces.iter().any(|it| it.sealed_memtable_count() >= SEALED_MEMTABLES_MAX) {
            self.database.persist(PersistMode::Buffer)?;
            std::thread::park_timeout(SEALED_WAIT);
        }
        Ok(())
    }

    /// Syncs everything.
    pub fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }
}
