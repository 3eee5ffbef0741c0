//! The thread that does what blocks: puts the log's records into the index, answers reads, syncs the index, and makes
//! segments free again. It acknowledges nothing: the log is durable before it hears of it.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use flume::{Receiver, RecvTimeoutError, Sender};

use super::damage::{Damage, is_no_room};
use super::expire::Expiry;
use super::home::Home;
use super::limits::{DAMAGE_TEXTS_MAX, RECORD_BYTES_MAX, REOPEN_BYTES, SPACE_CHECK_INTERVAL};
use super::log::{Record, Segment, SegmentFiles, Through};
use super::open::reopen;
use super::read::{ReadError, read};
use super::space::free_bytes;
use super::tables::{Sizes, Tables, WriteError};
use crate::command::Now;
use crate::rows::{Completion, Read, StoreError, Ticket};

/// Called from the index's thread when there is something to poll.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// What the front asks for.
pub enum Request {
    /// Records that are durable in the log.
    Apply(Vec<Record>),
    /// A segment whose records were all given before; another one is wanted.
    Sealed(Segment),
    /// A question that knows everything given before.
    Read(Ticket, Read),
    /// A little of what is too old at this time, Unix ms, is to go.
    Expire(Now),
}

/// What the front is told.
pub enum Reply {
    /// Answers.
    Answers(Vec<Completion>),
    /// A segment to write to.
    Segment(Segment),
    /// A little of what was too old has gone; whether there may be more.
    Expired(bool),
    /// The index has no room, or has it again.
    HasRoom(bool),
    /// A file that cannot be read.
    Damaged(String),
    /// The index is broken.
    Failed(String),
}

/// What the index's thread has.
pub struct Index {
    pub home: Home,
    pub sizes: Sizes,
    /// None while there is no room for it.
    pub tables: Option<Tables>,
    pub files: SegmentFiles,
    pub expiry: Expiry,
    /// How much of the log the front has given.
    pub applied: Through,
    pub replies: Sender<Reply>,
    pub wake: Wake,
    pub sealed: Vec<Segment>,
    /// Segments that the front wants.
    pub owed: usize,
    pub failure: Option<StoreError>,
    /// What was told of damage.
    pub damaged: Vec<String>,
    /// What was told of room.
    pub has_room: bool,
}

impl Index {
    /// Until the front is gone; then everything is synced.
    pub fn run(mut self, requests: &Receiver<Request>) -> Result<(), StoreError> {
        loop {
            let first = match requests.recv_timeout(self.patience()) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let (mut records, mut reads, mut expires) = (Vec::new(), Vec::new(), None);
            for request in first.into_iter().chain(requests.drain()) {
                match request {
                    Request::Apply(more) => records.extend(more),
                    Request::Read(ticket, question) => reads.push((ticket, question)),
                    Request::Expire(now) => expires = Some(now),
                    Request::Sealed(segment) => {
                        self.sealed.push(segment);
                        self.owed += 1;
                    }
                }
            }
            self.look_for_room();
            self.apply(records);
            self.answer(reads);
            self.supply();
            if let Some(now) = expires {
                self.expire(now);
            }
        }
        self.sync();
        self.failure.map_or(Ok(()), Err)
    }

    /// What there was no room for is tried again.
    fn patience(&self) -> Duration {
        let lacks_room = self.owed > 0 || self.tables.is_none();
        if lacks_room { SPACE_CHECK_INTERVAL } else { Duration::MAX }
    }

    fn fail(&mut self, reason: String) {
        if self.failure.is_none() {
            tracing::error!(reason, "the index failed; the store takes nothing more");
            self.failure = Some(StoreError::Failed(reason.clone()));
            self.reply(Reply::Failed(reason));
        }
    }

    /// Writing failed. For want of room, the index waits for it: the log has everything. Fjall takes nothing more after a
    /// failure, and does not say of its own thread's what it was.
    fn on_write_failed(&mut self, error: &WriteError) {
        let is_poisoned = matches!(error, WriteError::Database(fjall::Error::Poisoned));
        if error.is_no_room() || is_poisoned && !self.may_reopen() {
            let dir = self.home.dir.display();
            tracing::error!(%error, %dir, "no room for the index: sends and reads are refused until there is");
            self.tables = None;
            return;
        }
        let damaged = self.tables.as_ref().filter(|_| is_poisoned).and_then(Tables::damaged_table);
        let (index, advice) = (self.home.path("index"), "`gateway check DIR` says what is left");
        self.fail(match damaged {
            Some(path) => {
                format!(
                    "{} cannot be read; restore the directory from a backup; {advice}",
                    path.display()
                )
            }
            None => format!("{} failed: {error}; {advice}", index.display()),
        });
    }

    fn may_reopen(&self) -> bool {
        free_bytes(&self.home.dir).is_ok_and(|free| free >= REOPEN_BYTES)
    }

    /// Opens the index again once there is room.
    fn look_for_room(&mut self) {
        if self.tables.is_some() || self.failure.is_some() || !self.may_reopen() {
            return;
        }
        match reopen(&self.home, self.sizes, self.applied) {
            Ok(tables) => {
                tracing::info!(dir = %self.home.dir.display(), "there is room for the index again");
                self.tables = Some(tables);
            }
            Err(Damage::NoRoom { .. }) => {}
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn reply(&self, reply: Reply) {
        // Fails only when the front is gone, and with it whoever asked.
        if self.replies.try_send(reply).is_ok() {
            (self.wake)();
        }
    }

    /// Some records at a time, so that a batch stays within the memory of one record and a half.
    fn apply(&mut self, mut records: Vec<Record>) {
        while !records.is_empty() && self.failure.is_none() {
            let mut bytes = 0;
            let fits = |record: &&Record| {
                bytes += record.bytes().len();
                bytes <= RECORD_BYTES_MAX
            };
            let count = records.iter().take_while(fits).count().max(1);
            let last = &records[count - 1];
            let through = Through { place: last.end(), newest_id_ms: last.newest_id_ms() };
            self.applied = through;
            if let Some(tables) = &mut self.tables {
                let items = records[..count].iter().flat_map(Record::items);
                if let Err(error) = tables.write(items, (through, self.files.newest())) {
                    self.on_write_failed(&error);
                }
            }
            records.drain(..count);
        }
    }

    fn answer(&mut self, reads: Vec<(Ticket, Read)>) {
        if reads.is_empty() {
            return;
        }
        let answers: Vec<_> = reads
            .into_iter()
            .map(|(ticket, question)| Completion::Read(ticket, self.read(question)))
            .collect();
        self.reply(Reply::Answers(answers));
    }

    fn read(&mut self, question: Read) -> Result<crate::rows::Found, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let Some(tables) = &self.tables else { return Err(StoreError::Unavailable) };
        read(tables, question).map_err(|error| {
            self.on_unreadable(&error);
            StoreError::Unavailable
        })
    }

    /// What cannot be read is refused, each time, and told once.
    fn on_unreadable(&mut self, error: &ReadError) {
        let Some(tables) = &self.tables else { return };
        let text = error.text(tables);
        if self.damaged.len() >= DAMAGE_TEXTS_MAX || self.damaged.contains(&text) {
            return;
        }
        let shard = self.home.shard;
        tracing::error!(
            shard,
            text,
            "a part of the index cannot be read; what is in it is refused, the rest is served: restore the directory \
             from a backup; `gateway check DIR` says what else is damaged"
        );
        self.damaged.push(text.clone());
        self.reply(Reply::Damaged(text));
    }

    /// A little of what is too old goes. What cannot be read stays, and is told.
    fn expire(&mut self, now: Now) {
        let mut is_more = false;
        if let Some(tables) = self.tables.as_ref().filter(|_| self.failure.is_none()) {
            match self.expiry.slice(tables, now) {
                Ok((more, unreadable)) => {
                    is_more = more;
                    unreadable.iter().for_each(|error| self.on_unreadable(error));
                }
                Err(error) => self.on_write_failed(&error),
            }
        }
        self.reply(Reply::Expired(is_more));
    }

    /// Gives the front the segments it wants, as far as there are any.
    fn supply(&mut self) {
        // For each full segment: with four the log's own writes waited behind one large sync, and the p99.9 of an ack at
        // 5,000/s was 10 to 56 ms instead of 4 to 8.
        if !self.sealed.is_empty() {
            self.sync();
        }
        while self.owed > 0 && self.failure.is_none() {
            match self.files.prepare(self.applied.place) {
                Ok(Some(segment)) => {
                    self.owed -= 1;
                    self.reply(Reply::Segment(segment));
                }
                Ok(None) => break,
                Err(error) if is_no_room(&error) => return self.tell_room(false),
                Err(error) => self.fail(format!("could not make a segment of the log: {error}")),
            }
        }
        self.tell_room(self.tables.is_some());
    }

    fn tell_room(&mut self, has_room: bool) {
        if has_room != mem::replace(&mut self.has_room, has_room) {
            self.reply(Reply::HasRoom(has_room));
        }
    }

    fn sync(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let Some(tables) = &mut self.tables else { return };
        match tables.sync(self.applied, self.files.newest()) {
            Ok(()) => mem::take(&mut self.sealed).into_iter().for_each(|it| self.files.release(it)),
            Err(error) => self.on_write_failed(&error),
        }
    }
}
