//! The index of the log in fjall: which keyspace holds what, how it is tuned, how it is marked and synced. Blocks. What of the
//! log goes into it does so past fjall's memtables and journals ([`super::filling`]); they take marks, and what goes.
//!
//! It knows neither tickets nor threads. One keyspace a kind of row: its tables are filled in the order of one kind of key.

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
use super::limits::{INDEX_DELAY, JOURNAL_BYTES_MAX, SEALED_MEMTABLES_MAX, SEALED_WAIT};
use super::log::{Table, Through};
use super::synced::{JournalPart, Synced};

/// Bits of filter a key: 1 % of the lookups of a key that is not there read a block.
const FILTER_BITS: f32 = 10.0;
/// Tables in level 0 that start a compaction: fewer, larger merges than with fjall's 4, and well below the 20 where it
/// slows writes down. On a noisy machine 4 to 8 saved about 2 µs a message, 8 to 16 about 1 more.
const LEVEL_0_TABLES: u8 = 12;
/// Where the index is filled no further until they are merged: twice as many.
const LEVEL_0_TABLES_MAX: usize = 2 * LEVEL_0_TABLES as usize;
/// What goes of a kind of row, in memory before it is flushed; what comes is never there.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// Blocks kept in memory, a shard. Pages are read once, by whoever was away; more would not be hit.
const CACHE_BYTES: u64 = 24 * 1024 * 1024;

/// The key, in every keyspace, of what it says of itself: how far it has the log. Behind every row. `log` says how far the log
/// was handed to the index, as it was within the last [`INDEX_DELAY`] or when filling began; the others what they were last
/// filled with.
pub const MARK: [u8; 1] = [u8::MAX];
const MARK_KIND: [u8; 4] = *b"LLM1";
/// The keyspaces, in the order of their numbers.
pub const KEYSPACES: [&str; 6] = ["messages", "ids", "inbox", "chats", "users", "log"];
const LOG: usize = KEYSPACES.len() - 1;
/// Those that have rows: all before `log`.
pub const ROW_KEYSPACES: usize = LOG;

/// A shard's database.
pub struct Tables {
    home: Home,
    dir: PathBuf,
    database: Database,
    /// (conversation, seq).
    pub messages: Keyspace,
    /// (client's id, conversation, sender) to the message's seq.
    pub ids: Keyspace,
    /// (uid, inbox seq), whole messages: a sync is one range.
    pub inbox: Keyspace,
    /// (uid, conversation); and, apart, the newest messages of chats whose inbox rows have gone.
    pub chats: Keyspace,
    /// (uid); and, apart, where inboxes begin whose first rows have gone. Behind them groups, and groups whose mark is
    /// open; then what is kept for offline push.
    pub users: Keyspace,
    /// Nothing but its mark.
    log: Keyspace,
    journals: Journals,
    /// When `log` was marked.
    marked_at: Option<Instant>,
}

/// A keyspace, and its mark once it is filled.
pub type Marked = (Keyspace, Vec<u8>);

/// Why rows were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] fjall::Error),
    /// A file of it, or beside it, could not be written.
    #[error("could not write what is synced: {0}")]
    Io(#[from] io::Error),
}

impl Tables {
    /// Opens the database, or makes it if nothing was ever synced of it. What is there must be what was synced.
    ///
    /// # Errors
    /// It is damaged, or the disk is; nothing was changed then, but for what fjall itself takes for cut short.
    pub fn open(home: &Home, synced: Option<&Synced>) -> Result<Self, Damage> {
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
        let tables = Self::open_database(home).map_err(|error| database(&dir, error))?;
        if let Some(synced) = synced {
            tables.check(synced, &gone)?;
        }
        Ok(tables)
    }

    fn open_database(home: &Home) -> fjall::Result<Self> {
        let dir = home.path("index");
        let database = Database::builder(&dir)
            .worker_threads(1)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .manual_journal_persist(true)
            .open()?;
        let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(FILTER_BITS));
        let keyspace = |at: usize| {
            let name = KEYSPACES[at];
            let filter =
                if name == "log" { FilterPolicy::disabled() } else { FilterPolicy::all(bloom) };
            let leveled = Leveled::default().with_l0_threshold(LEVEL_0_TABLES);
            database.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(MEMTABLE_BYTES)
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
            let mut in_tables = None;
            for table in keyspace.tree.current_version().iter_tables() {
                let named = table.path.file_name().and_then(|name| name.to_str()?.parse().ok());
                if named != Some(table.id()) {
                    return Err(Damage::file(&table.path, "is another table"));
                }
                // The keyspace's own mark may come from a journal: a folder of another has its own in a table.
                let mark = Slice::from(MARK);
                // Of what cannot be read the iterator may give the same error for ever.
                if let Some(Ok(row)) = table.range(mark.clone()..=mark).next() {
                    let (through, _) = self.take_mark(keyspace, &row.value)?;
                    in_tables = in_tables.max(Some(through.place));
                }
            }
            let (through, _) = self.mark(keyspace)?;
            if through.place < synced.through.place {
                let (has, of) = (through.place, synced.through.place);
                let what = format!("lacks rows: it has the log up to block {has} of {of}");
                return Err(Damage::file(keyspace.path(), what));
            }
            // What was synced is in tables, whatever journals there were; see `sync`.
            if in_tables >= Some(synced.through.place) {
                continue;
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

    /// The keyspaces of rows, each with what it says of itself once it was filled up to `through`, when the newest
    /// segment has that number.
    pub fn to_be_filled(&self, through: Through, segment: u64) -> [Marked; ROW_KEYSPACES] {
        std::array::from_fn(|number| {
            (self.keyspaces()[number].clone(), self.stamp(number, (through, segment)))
        })
    }

    /// The keyspace of a table's rows.
    pub fn keyspace(&self, table: Table) -> &Keyspace {
        self.keyspaces()[table.keyspace()]
    }

    fn stamp(&self, number: usize, (through, segment): (Through, u64)) -> Vec<u8> {
        let body = words(&[number as u64, through.place, through.newest_id_ms, segment]);
        self.home.stamp(MARK_KIND, &body)
    }

    /// The log was handed to the index up to `through`: written down now and then, and not durable before the next
    /// [`Tables::sync`]. Fails if fjall's own thread has.
    pub fn mark_log(&mut self, through: Through, segment: u64) -> Result<(), WriteError> {
        if self.marked_at.is_some_and(|at| at.elapsed() < INDEX_DELAY) {
            return Ok(());
        }
        self.marked_at = Some(Instant::now());
        let mut batch = self.batch()?;
        batch.insert(&self.log, MARK, self.stamp(LOG, (through, segment)));
        Ok(batch.commit()?)
    }

    /// For what is not of the log: not durable before the next [`Tables::sync`] either.
    pub fn batch(&self) -> Result<OwnedWriteBatch, WriteError> {
        self.wait_for_worker()?;
        Ok(self.database.batch())
    }

    /// Some of the rows are in memtables and journals only: what goes, or what an earlier release put there. Filling puts all of
    /// it into tables.
    pub fn has_rows_in_memory(&self) -> bool {
        let rows = &self.keyspaces()[..ROW_KEYSPACES];
        rows.iter().any(|it| it.tree.get_highest_memtable_seqno().is_some())
    }

    /// So many tables wait for being merged that a read would have to look into too many.
    pub fn is_behind(&self) -> bool {
        self.keyspaces().iter().any(|it| it.tree.l0_run_count() >= LEVEL_0_TABLES_MAX)
    }

    /// Until the worker has flushed enough, or has died: then `persist` fails.
    fn wait_for_worker(&self) -> fjall::Result<()> {
        while self.keyspaces().iter().any(|it| it.sealed_memtable_count() >= SEALED_MEMTABLES_MAX) {
            self.database.persist(PersistMode::Buffer)?;
            std::thread::park_timeout(SEALED_WAIT);
        }
        Ok(())
    }

    /// The keyspaces were filled with all of the log up to `through`, whose newest segment has that number, and have no rows in
    /// memory. That they are is durable then: a start needs no journal for what was synced.
    pub fn sync(&mut self, through: Through, segment: u64) -> Result<(), WriteError> {
        self.marked_at = None;
        self.mark_log(through, segment)?;
        self.database.persist(PersistMode::SyncAll)?;
        let last_batch = self.log.tree.get_highest_seqno().unwrap_or(0);
        let journals = self.journals.look(&self.dir, last_batch)?;
        Synced { through, segment, journals }.write(&self.home)?;
        // Fjall lets journals and old versions of its own files go when a memtable is flushed; otherwise that may never be.
        self.log.rotate_memtable()?;
        Ok(())
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
    use crate::store::filling::fill;
    use crate::store::held::Held;

    fn marks(tables: &Tables) -> Vec<u64> {
        let marks = tables.keyspaces().into_iter().map(|it| tables.mark(it).unwrap());
        marks.map(|(through, _)| through.place).collect()
    }

    #[test]
    fn the_log_is_marked_now_and_then_and_by_a_sync() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::alone(dir.path()).unwrap();
        let mut tables = Tables::open(&home, None).unwrap();
        let through = |place| Through { place, newest_id_ms: 0 };
        tables.mark_log(through(1), 7).unwrap();
        assert_eq!(marks(&tables), [0, 0, 0, 0, 0, 1]);
        assert_eq!(tables.knows().unwrap().0.place, 1);
        tables.mark_log(through(2), 7).unwrap();
        assert_eq!(tables.knows().unwrap().0.place, 1, "it was marked just now");
        tables.marked_at = tables.marked_at.and_then(|at| at.checked_sub(INDEX_DELAY));
        tables.mark_log(through(3), 7).unwrap();
        assert_eq!(tables.knows().unwrap(), (through(3), 7));
        tables.sync(through(5), 7).unwrap();
        assert_eq!(tables.knows().unwrap(), (through(5), 7));
    }

    #[test]
    fn a_journal_may_be_gone_if_what_was_synced_is_in_tables() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::alone(dir.path()).unwrap();
        let mut tables = Tables::open(&home, None).unwrap();
        let mut held = Held::default();
        let mut sync = |tables: &mut Tables, place| {
            let through = Through { place, newest_id_ms: 0 };
            fill(&tables.to_be_filled(through, 7), &held.sorted(), &mut held).unwrap();
            tables.sync(through, 7).unwrap();
            // Its journals may go once what it has is flushed.
            while tables.log.sealed_memtable_count() > 0 {
                std::thread::yield_now();
            }
            Synced { through, segment: 7, journals: Vec::new() }
        };
        let part = |tables: &Tables| {
            let last_batch = tables.log.tree.get_highest_seqno().unwrap();
            [JournalPart { number: 0, bytes: 1, checksum: 0, last_batch }]
        };
        let synced = sync(&mut tables, 5);
        // The log's mark came behind everything else: no table of rows is as new.
        tables.check(&synced, &part(&tables)).unwrap();
        // What goes is in memory and in a journal until the next filling.
        let mut batch = tables.batch().unwrap();
        batch.insert(&tables.users, [0x10], [1]);
        batch.commit().unwrap();
        assert!(tables.has_rows_in_memory());
        let synced = sync(&mut tables, 5);
        assert!(!tables.has_rows_in_memory());
        tables.check(&synced, &part(&tables)).unwrap();
        // As the releases before wrote it: rows and marks in journals.
        let through = Through { place: 6, newest_id_ms: 0 };
        let mut batch = tables.batch().unwrap();
        for (number, keyspace) in tables.keyspaces().into_iter().enumerate() {
            batch.insert(keyspace, MARK, tables.stamp(number, (through, 7)));
        }
        batch.commit().unwrap();
        let synced = Synced { through, segment: 7, journals: Vec::new() };
        let text = tables.check(&synced, &part(&tables)).unwrap_err().to_string();
        assert!(text.contains("0.jnl is gone"), "{text}");
    }
}
