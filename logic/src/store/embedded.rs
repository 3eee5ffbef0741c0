//! The embedded store: its front on the shard's core, and the thread that does what blocks.
//!
//! It knows no layout of rows. All commits that wait are written as one group with one sync; then the reads that
//! wait are answered. So reads never cut a group in two.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{io, mem, thread};

use flume::{Receiver, Sender};

use super::Store;
use super::limits::{GROUP_BYTES_MAX, GROUP_ROWS_MAX, JOURNAL_BYTES_MIN, REQUESTS_MAX};
use super::plant::Plant;
use super::read::read;
use super::space::Space;
use super::tables::Tables;
use crate::rows::{Completion, Read, Row, StoreError, Ticket};

/// Called from the storage thread after completions were queued.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Where and how large.
#[derive(Clone, Debug)]
pub struct EmbeddedConfig {
    /// This shard's folder.
    pub dir: PathBuf,
    /// Commits are refused while less than this is free. It must hold the journals and one compaction.
    pub reserve_bytes: u64,
    /// Rows of a kind in memory before they are flushed. Three kinds are busy, up to four tables each. 8, 16, 32 MiB:
    /// each step saves 1 µs of CPU a message.
    pub memtable_bytes: u64,
    /// Journals on disk; also what is read again at the start after a crash. At least 64 MiB.
    pub journal_bytes_max: u64,
}

impl EmbeddedConfig {
    /// The usual sizes, for a shard that lives in `dir`.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            reserve_bytes: 512 * 1024 * 1024,
            memtable_bytes: 16 * 1024 * 1024,
            journal_bytes_max: 128 * 1024 * 1024,
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("could not open the store in {dir}: {reason}")]
pub struct OpenError {
    dir: PathBuf,
    reason: OpenReason,
}

#[derive(Debug, thiserror::Error)]
enum OpenReason {
    #[error("journals of {0} bytes are too small; give at least {JOURNAL_BYTES_MIN}")]
    JournalTooSmall(u64),
    #[error("another process uses it; stop that one first")]
    Locked,
    #[error("{0}; if it is damaged, restore it from a backup")]
    Database(fjall::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<fjall::Error> for OpenReason {
    fn from(error: fjall::Error) -> Self {
        if matches!(error, fjall::Error::Locked) { Self::Locked } else { Self::Database(error) }
    }
}

enum Request {
    Commit(Ticket, Vec<Row>),
    Read(Ticket, Read),
}

/// The shard's end of the store.
pub struct EmbeddedStore {
    requests: Sender<Request>,
    completions: Receiver<Vec<Completion>>,
    in_flight: usize,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl EmbeddedStore {
    /// Opens or creates the store and starts its thread. Blocks. The threads inherit the caller's CPU set: call it
    /// before the caller is pinned.
    ///
    /// # Errors
    /// The directory is in use, damaged, not writable.
    pub fn open(config: EmbeddedConfig, wake: Wake) -> Result<Store, OpenError> {
        let dir = config.dir.clone();
        Self::start(config, wake).map(Store::Embedded).map_err(|reason| OpenError { dir, reason })
    }

    fn start(config: EmbeddedConfig, wake: Wake) -> Result<Self, OpenReason> {
        let EmbeddedConfig { dir, reserve_bytes, memtable_bytes, journal_bytes_max } = config;
        if journal_bytes_max < JOURNAL_BYTES_MIN {
            return Err(OpenReason::JournalTooSmall(journal_bytes_max));
        }
        let tables = Tables::open(&dir, memtable_bytes, journal_bytes_max)?;
        let (requests, asked) = flume::bounded(REQUESTS_MAX);
        let (done, completions) = flume::bounded(REQUESTS_MAX);
        let storage = Storage {
            tables,
            space: Space::new(&dir, reserve_bytes)?,
            plant: Plant::from_env(),
            failure: None,
            done,
            wake,
        };
        let thread = thread::Builder::new().name("store".into()).spawn(|| storage.run(asked))?;
        Ok(Self { requests, completions, in_flight: 0, thread })
    }

    /// See [`Store::commit`].
    pub fn commit(&mut self, ticket: Ticket, batch: Vec<Row>) {
        self.ask(Request::Commit(ticket, batch));
    }

    /// See [`Store::read`].
    pub fn read(&mut self, ticket: Ticket, read: Read) {
        self.ask(Request::Read(ticket, read));
    }

    fn ask(&mut self, request: Request) {
        assert!(self.in_flight < REQUESTS_MAX, "the shard bounds its requests");
        self.in_flight += 1;
        assert!(
            self.requests.try_send(request).is_ok(),
            "as many places as requests, and a thread"
        );
    }

    /// See [`Store::poll`].
    pub fn poll(&mut self, completions: &mut Vec<Completion>) {
        for mut group in self.completions.try_iter() {
            assert!(group.len() <= self.in_flight, "one completion a request");
            self.in_flight -= group.len();
            completions.append(&mut group);
        }
    }

    /// See [`Store::in_flight`].
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// See [`Store::close`].
    ///
    /// # Errors
    /// The failure that stopped the store.
    pub fn close(self) -> Result<(), StoreError> {
        let Self { requests, completions, thread, .. } = self;
        drop(requests);
        let result = thread.join();
        drop(completions);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The thread's end.
struct Storage {
    tables: Tables,
    space: Space,
    plant: Plant,
    failure: Option<StoreError>,
    done: Sender<Vec<Completion>>,
    wake: Wake,
}

impl Storage {
    fn run(mut self, asked: Receiver<Request>) -> Result<(), StoreError> {
        while let Ok(first) = asked.recv() {
            let (mut group, mut reads) = (Group::default(), Vec::new());
            for request in std::iter::once(first).chain(asked.drain()) {
                match request {
                    Request::Commit(ticket, batch) => {
                        if !group.has_room_for(&batch) {
                            self.commit(mem::take(&mut group));
                        }
                        group.push(ticket, batch);
                    }
                    Request::Read(ticket, read) => reads.push((ticket, read)),
                }
            }
            self.commit(group);
            self.answer(reads);
        }
        if let Err(error) = self.tables.sync() {
            self.failure.get_or_insert(StoreError::Failed(error.to_string()));
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn commit(&mut self, group: Group) {
        if group.tickets.is_empty() {
            return;
        }
        let result = self.write(&group);
        if let Err(error @ StoreError::Failed(_)) = &result
            && self.failure.is_none()
        {
            tracing::error!(%error, "could not write a group; the store takes nothing more");
            self.failure = Some(error.clone());
        }
        let tickets = group.tickets.into_iter();
        self.complete(tickets.map(|it| Completion::Committed(it, result.clone())).collect());
    }

    fn write(&mut self, group: &Group) -> Result<(), StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if self.plant.fails() {
            return Err(StoreError::Failed("planted".into()));
        }
        match self.space.has_room_for(group.bytes) {
            Ok(true) => {}
            Ok(false) => return Err(StoreError::Full),
            Err(error) => return Err(StoreError::Failed(format!("free space: {error}"))),
        }
        let written = self.tables.write(group.rows.iter());
        written.map_err(|error| StoreError::Failed(error.to_string()))
    }

    fn answer(&self, reads: Vec<(Ticket, Read)>) {
        if reads.is_empty() {
            return;
        }
        let answers = reads.into_iter().map(|(ticket, question)| {
            let found = read(&self.tables, question);
            Completion::Read(ticket, found.map_err(|error| StoreError::Failed(error.to_string())))
        });
        self.complete(answers.collect());
    }

    fn complete(&self, completions: Vec<Completion>) {
        // Fails only when the front is gone, and with it whoever asked.
        if self.done.try_send(completions).is_ok() {
            (self.wake)();
        }
    }
}

/// Commits written as one.
#[derive(Default)]
struct Group {
    tickets: Vec<Ticket>,
    rows: Vec<Row>,
    bytes: usize,
}

impl Group {
    fn has_room_for(&self, batch: &[Row]) -> bool {
        self.rows.len() + batch.len() <= GROUP_ROWS_MAX
            && self.bytes + bytes(batch) <= GROUP_BYTES_MAX
    }

    fn push(&mut self, ticket: Ticket, batch: Vec<Row>) {
        self.bytes += bytes(&batch);
        self.tickets.push(ticket);
        if self.rows.is_empty() {
            self.rows = batch;
        } else {
            self.rows.extend(batch);
        }
    }
}

fn bytes(batch: &[Row]) -> usize {
    let body = |row: &Row| match row {
        Row::Message(row) => row.body.len(),
        Row::Inbox(row) => row.message.body.len(),
        Row::Contact(_) | Row::User(_) => 0,
    };
    batch.iter().map(body).sum()
}
