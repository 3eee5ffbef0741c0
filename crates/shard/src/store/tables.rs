//! The index of the log in fjall: which keyspace holds what, how it is tuned, how records are written. Blocks.
//!
//! It knows neither tickets nor threads. One keyspace a kind of row: one for all, with a prefix in the key, cost
//! the same CPU (13.1 and 13.3 µs a message), but could not leave the filter off where only ranges are read.

use std::io;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use fjall::compaction::Leveled;
use fjall::config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{
    AbstractTree as _, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    Slice,
};

use super::damage::{Damage, is_no_room};
use super::home::{Home, words};
use super::index_files;
use super::journals::{self, Journals};
use super::limits::{INDEX_DELAY, SEALED_MEMTABLES_MAX, SEALED_WAIT};
use super::log::{Item, Table, Through};
use super::synced::{JournalPart, Synced};

/// Bits of filter a key: 1 % of the lookups of a key that is not there read a block.
const FILTER_BITS: f32 = 10.0;
/// Tables in level 0 that start a compaction: fewer, larger merges than with fjall's 4, and well below the 20 where it
/// slows writes down. On a noisy machine 4 to 8 saved about 2 µs a message, 8 to 16 about 1 more.
const LEVEL_0_TABLES: u8 = 12;
/// Blocks kept in memory, a shard. Pages are read once, by whoever was away; more would not be hit.
const CACHE_BYTES: u64 = 24 * 1024 * 1024;

/// The key, in every keyspace, of what it says of itself: a batch that it took. Behind every row. In `log` that is one of the
/// last [`INDEX_DELAY`]; in the others an older one. A batch for a read of a new conversation is a few rows, and six marks in
/// each were more than those.
const MARK: [u8; 1] = [u8::MAX];
/// Every keyspace is marked anew after so much of a memtable: so each table that is flushed because it is full has a mark.
const MARKS_A_MEMTABLE: u64 = 4;
const MARK_KIND: [u8; 4] = *b"LLM1";
/// The keyspaces, in the order of their numbers.
pub const KEYSPACES: [&str; 6] = ["messages", "ids", "inbox", "chats", "users", "log"];
const LOG: usize = KEYSPACES.len() - 1;

/// A shard's database.
pub struct Tables {
    home: Home,
    dir: PathBuf,
    database: Database,
    /// (conversation, seq). Read by ranges only.
    pub messages: Keyspace,
    /// (client's id, conversation, sender) to the message's seq.
    pub ids: Keyspace,
    /// (uid, inbox seq), whole messages: a sync is one range.
    pub inbox: Keyspace,
    /// (uid, conversation); and, apart, the newest messages of chats whose inbox rows have gone.
    pub chats: Keyspace,
    /// (uid); and, apart, where inboxes begin whose first rows have gone. Behind them groups, and groups whose mark is open.
    pub users: Keyspace,
    /// Nothing but its mark.
    log: Keyspace,
    journals: Journals,
    /// Bytes of rows for which every keyspace is marked, and those written since.
    marked_bytes: u64,
    unmarked_bytes: u64,
    /// When `log` was marked.
    marked_at: Option<Instant>,
}

/// How large the database's parts may grow.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Rows of a kind in memory before they are flushed.
    pub memtable_bytes: u64,
    /// The journals on disk.
    pub journal_bytes_max: u64,
}

/// Why rows were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] fjall::Error),
    /// A file beside it could not be written.
    #[error("could not write what is synced: {0}")]
    Io(#[from] io::Error),
    /// A whole record holds what this program does not write.
    #[error("a record holds items of an unknown kind; start the version that wrote it")]
    BadItem,
}

impl Tables {
    /// Opens the database, or makes it if nothing was ever synced of it. What is there must be what was synced.
    ///
    /// # Errors
    /// It is damaged, or the disk is; nothing was changed then, but for what fjall itself takes for cut short.
    pub fn open(home: &Home, sizes: Sizes, synced: Option<&Synced>) -> Result<Self, Damage> {
        let dir = home.path("index");
        let mut gone = Vec::new();
        match synced {
            Some(synced) => {
                index_files::check(&dir, KEYSPACES.len())?;
                gone = journals::check(&dir, &synced.journals)?;
            }
            // Its making was cut short.
            None if dir.exists() => {
                std::fs::remove_dir_all(&dir).map_err(|error| Damage::io(&dir, error))?;
            }
            None => {}
        }
        let tables = Self::open_database(home, sizes).map_err(|error| database(&dir, error))?;
        if let Some(synced) = synced {
            tables.check(synced, &gone)?;
        }
        Ok(tables)
    }

    fn open_database(home: &Home, sizes: Sizes) -> fjall::Result<Self> {
        let dir = home.path("index");
        let database = Database::builder(&dir)
            .worker_threads(1)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(sizes.journal_bytes_max)
            .manual_journal_persist(true)
            .open()?;
        let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(FILTER_BITS));
        let keyspace = |at: usize| {
            let name = KEYSPACES[at];
            let is_ranged = matches!(name, "messages" | "log");
            let filter =
                if is_ranged { FilterPolicy::disabled() } else { FilterPolicy::all(bloom) };
            let leveled = Leveled::default().with_l0_threshold(LEVEL_0_TABLES);
            database.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(sizes.memtable_bytes)
                    .manual_journal_persist(true)
                    .compaction_strategy(Arc::new(leveled))
                    .filter_policy(filter)
            })
        };
        Ok(Self {
            messages: keyspace(0)?,
            ids: keyspace(1)?,
            inbox: keyspace(2)?,
            chats: keyspace(3)?,
            users: keyspace(4)?,
            log: keyspace(5)?,
            journals: Journals::default(),
            marked_bytes: sizes.memtable_bytes / MARKS_A_MEMTABLE,
            unmarked_bytes: 0,
            marked_at: None,
            home: home.clone(),
            dir,
            database,
        })
    }

    /// Everything that was synced is here: each keyspace is its own and has its last batch, no table took another's name, and
    /// what was in a journal that is gone is in tables.
    fn check(&self, synced: &Synced, gone: &[JournalPart]) -> Result<(), Damage> {
        for keyspace in self.keyspaces() {
            for table in keyspace.tree.current_version().iter_tables() {
                let named = table.path.file_name().and_then(|name| name.to_str()?.parse().ok());
                if named != Some(table.id()) {
                    return Err(Damage::file(&table.path, "is another table"));
                }
                // The keyspace's own mark may come from a journal: a folder of another has its own in a table.
                let mark = Slice::from(MARK);
                // Of what cannot be read the iterator may give the same error for ever.
                if let Some(Ok(row)) = table.range(mark.clone()..=mark).next() {
                    self.take_mark(keyspace, &row.value)?;
                }
            }
            let (through, _) = self.mark(keyspace)?;
            if through.place < synced.through.place {
                let (has, of) = (through.place, synced.through.place);
                let what = format!("lacks rows: it has the log up to block {has} of {of}");
                return Err(Damage::file(keyspace.path(), what));
            }
            let persisted = keyspace.tree.get_highest_persisted_seqno();
            if let Some(part) = gone.iter().find(|part| Some(part.last_batch) > persisted) {
                let path = self.dir.join(format!("{}.jnl", part.number));
                return Err(Damage::file(&path, "is gone"));
            }
        }
        Ok(())
    }

    /// What the index says of the log: how far it has it, and the number of the newest segment then.
    ///
    /// # Errors
    /// A mark is damaged.
    pub fn knows(&self) -> Result<(Through, u64), Damage> {
        let marks: Result<Vec<_>, _> =
            self.keyspaces().into_iter().map(|it| self.mark(it)).collect();
        Ok(marks?.into_iter().max_by_key(|mark| mark.0.place).unwrap_or_default())
    }

    fn mark(&self, keyspace: &Keyspace) -> Result<(Through, u64), Damage> {
        let path = keyspace.path();
        let Some(value) = keyspace.get(MARK).map_err(|error| database(path, error))? else {
            return Ok(Default::default());
        };
        self.take_mark(keyspace, &value)
    }

    fn take_mark(&self, keyspace: &Keyspace, value: &[u8]) -> Result<(Through, u64), Damage> {
        let path = keyspace.path();
        let (_, mut fields) = self.home.read(MARK_KIND, value, path)?;
        let mut next = || fields.u64().unwrap_or(0);
        let [number, place, newest_id_ms, segment] = [next(), next(), next(), next()];
        let names = KEYSPACES.iter().map(|name| *name == keyspace.name().as_ref());
        if usize::try_from(number).ok().and_then(|at| names.clone().nth(at)) != Some(true) {
            return Err(Damage::file(path, "is another keyspace"));
        }
        Ok((Through { place, newest_id_ms }, segment))
    }

    /// In the order of their numbers.
    fn keyspaces(&self) -> [&Keyspace; KEYSPACES.len()] {
        let Self { messages, ids, inbox, chats, users, log, .. } = self;
        [messages, ids, inbox, chats, users, log]
    }

    /// Writes items, in order; not durable before the next [`Tables::sync`]. With them the log is here up to `through`, whose
    /// newest segment has that number; at times that is written with them.
    pub fn write<'a, E>(
        &mut self,
        items: impl Iterator<Item = Result<Item<'a>, E>>,
        (through, segment): (Through, u64),
    ) -> Result<(), WriteError> {
        self.wait_for_worker()?;
        let mut batch = self.database.batch();
        let mut value = Vec::new();
        for item in items {
            self.put(&mut batch, item.map_err(|_| WriteError::BadItem)?, &mut value);
            self.unmarked_bytes += value.len() as u64;
        }
        if self.unmarked_bytes >= self.marked_bytes {
            self.put_marks(&mut batch, through, segment);
        } else if self.marked_at.is_none_or(|at| at.elapsed() >= INDEX_DELAY) {
            self.put_mark(&mut batch, LOG, (through, segment));
            self.marked_at = Some(Instant::now());
        }
        Ok(batch.commit()?)
    }

    /// For what is not of the log: not durable before the next [`Tables::sync`] either.
    pub fn batch(&self) -> Result<OwnedWriteBatch, WriteError> {
        self.wait_for_worker()?;
        Ok(self.database.batch())
    }

    fn put(&self, batch: &mut OwnedWriteBatch, item: Item<'_>, value: &mut Vec<u8>) {
        let table = match item.table {
            Table::Messages => &self.messages,
            Table::Ids => &self.ids,
            Table::Inbox => &self.inbox,
            Table::Chats => &self.chats,
            Table::Users | Table::Groups | Table::Marks => &self.users,
        };
        if item.table == Table::Marks && item.head.is_empty() {
            return batch.remove(table, Slice::from(item.key));
        }
        value.clear();
        value.extend_from_slice(item.head);
        value.extend_from_slice(item.content);
        batch.insert(table, Slice::from(item.key), Slice::from(value.as_slice()));
    }

    fn put_marks(&mut self, batch: &mut OwnedWriteBatch, through: Through, segment: u64) {
        (0..KEYSPACES.len()).for_each(|number| self.put_mark(batch, number, (through, segment)));
        self.unmarked_bytes = 0;
        self.marked_at = Some(Instant::now());
    }

    fn put_mark(
        &self,
        batch: &mut OwnedWriteBatch,
        number: usize,
        (through, segment): (Through, u64),
    ) {
        let body = words(&[number as u64, through.place, through.newest_id_ms, segment]);
        let mark = self.home.stamp(MARK_KIND, &body);
        batch.insert(self.keyspaces()[number], MARK, mark);
    }

    /// Until the worker has flushed enough, or has died: then `persist` fails.
    fn wait_for_worker(&self) -> fjall::Result<()> {
        while self.keyspaces().iter().any(|it| it.sealed_memtable_count() >= SEALED_MEMTABLES_MAX) {
            self.database.persist(PersistMode::Buffer)?;
            std::thread::park_timeout(SEALED_WAIT);
        }
        Ok(())
    }

    /// Makes everything written durable: all of the log up to `through`, whose newest segment has that number.
    pub fn sync(&mut self, through: Through, segment: u64) -> Result<(), WriteError> {
        let mut batch = self.database.batch();
        self.put_marks(&mut batch, through, segment);
        batch.commit()?;
        self.database.persist(PersistMode::SyncAll)?;
        let last_batch = self.log.tree.get_highest_seqno().unwrap_or(0);
        let journals = self.journals.look(&self.dir, last_batch)?;
        Ok(Synced { through, segment, journals }.write(&self.home)?)
    }

    /// The file that cannot be read where these keys are, or the keyspace's folder.
    pub fn unreadable(&self, keyspace: &Keyspace, first: &[u8], last: &[u8]) -> PathBuf {
        let keys = (Included(Slice::from(first)), Included(Slice::from(last)));
        let version = keyspace.tree.current_version();
        let damaged =
            version.iter_tables().find(|it| it.range(keys.clone()).any(|row| row.is_err()));
        damaged.map_or_else(|| keyspace.path().to_path_buf(), |table| table.path.to_path_buf())
    }

    /// A table that cannot be read whole, if there is one.
    pub fn damaged_table(&self) -> Option<PathBuf> {
        let damaged = |keyspace: &Keyspace| {
            let version = keyspace.tree.current_version();
            let table = version.iter_tables().find(|table| table.iter().any(|row| row.is_err()));
            table.map(|table| table.path.to_path_buf())
        };
        self.keyspaces().into_iter().find_map(damaged)
    }

    /// Reads every row of every table: what is damaged, by file or by row.
    pub fn verify(&self, mut is_row: impl FnMut(&Keyspace, &[u8], &[u8]) -> bool) -> Vec<String> {
        let mut damaged = Vec::new();
        for keyspace in self.keyspaces() {
            let name = keyspace.name();
            for table in keyspace.tree.current_version().iter_tables() {
                if let Some(Err(error)) = table.iter().find(Result::is_err) {
                    damaged.push(format!("{}, a table of {name}: {error}", table.path.display()));
                }
            }
            let rows = keyspace.range::<&[u8], _>((Unbounded, Excluded(&MARK[..])));
            let mut bad = 0;
            // Up to the first that cannot be read: its table is named above.
            for (key, value) in rows.map_while(|guard| guard.into_inner().ok()) {
                bad += u64::from(!is_row(keyspace, &key, &value));
            }
            if bad > 0 {
                damaged.push(format!("{name}: {bad} rows make no sense"));
            }
        }
        damaged
    }
}

impl WriteError {
    /// Room would help.
    pub fn is_no_room(&self) -> bool {
        match self {
            Self::Database(error) => io_of(error).is_some_and(is_no_room),
            Self::Io(error) => is_no_room(error),
            Self::BadItem => false,
        }
    }
}

/// A failure of the database in `dir`. A file that is missing, or ends too early, is damage.
pub fn database(dir: &Path, error: fjall::Error) -> Damage {
    if matches!(error, fjall::Error::Locked) {
        return Damage::Locked(dir.to_path_buf());
    }
    let kind = io_of(&error).map(io::Error::kind);
    if matches!(kind, None | Some(io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound)) {
        return Damage::file(dir, format!("is damaged: {error}"));
    }
    let source = io_of(&error).and_then(io::Error::raw_os_error);
    Damage::io(dir, source.map_or_else(|| io::Error::other(error), io::Error::from_raw_os_error))
}

fn io_of(error: &fjall::Error) -> Option<&io::Error> {
    std::error::Error::source(error).and_then(|source| {
        source.downcast_ref::<io::Error>().or_else(|| source.source()?.downcast_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::EmbeddedConfig;

    fn write(tables: &mut Tables, place: u64, bytes: usize) {
        let head = vec![0; bytes];
        let key = place.to_be_bytes();
        let item = Item { table: Table::Messages, key: &key, head: &head, content: &[] };
        let items = std::iter::once(Ok::<_, io::Error>(item));
        tables.write(items, (Through { place, newest_id_ms: 0 }, 7)).unwrap();
    }

    fn marks(tables: &Tables) -> Vec<u64> {
        let marks = tables.keyspaces().into_iter().map(|it| tables.mark(it).unwrap());
        marks.map(|(through, _)| through.place).collect()
    }

    #[test]
    fn the_log_is_marked_now_and_then_and_every_keyspace_by_a_part_of_a_memtable_or_a_sync() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::alone(dir.path()).unwrap();
        let sizes = EmbeddedConfig::new(home.clone()).sizes();
        let part = usize::try_from(sizes.memtable_bytes / MARKS_A_MEMTABLE).unwrap();
        let mut tables = Tables::open(&home, sizes, None).unwrap();
        write(&mut tables, 1, 100);
        assert_eq!(marks(&tables), [0, 0, 0, 0, 0, 1]);
        assert_eq!(tables.knows().unwrap().0.place, 1);
        write(&mut tables, 2, part);
        assert_eq!(marks(&tables), [2; 6]);
        write(&mut tables, 3, part - 1);
        assert_eq!(marks(&tables), [2; 6], "it was marked just now");
        tables.marked_at = tables.marked_at.and_then(|at| at.checked_sub(INDEX_DELAY));
        write(&mut tables, 4, 0);
        assert_eq!(marks(&tables), [2, 2, 2, 2, 2, 4]);
        tables.sync(Through { place: 5, newest_id_ms: 0 }, 7).unwrap();
        assert_eq!(marks(&tables), [5; 6]);
    }
}
