//! The thread that does what blocks: holds the log's records, fills the index with them, answers reads of both, and makes
//! segments free again. It acknowledges nothing: the log is durable before it hears of it.
//!
//! Records are held until they are as many bytes as are asked for, or [`FILLING_SEGMENTS`] segments are full, or a round of what goes begins, or
//! the store is closed. Then the index is filled, a slice at a time, with requests served between slices; then it is synced,
//! which writes down how far it has the log (`SYNCED`); then what it has is let go, and the segments are free. If the process
//! dies before `SYNCED` is written, the log is replayed from the former place, over what part of it the keyspaces have: the
//! same rows under the same keys. If it dies after that, segments that were not freed are at the next start. While the disk is
//! slow, or the merging of tables, full segments wait; at `SEGMENTS_MAX` the front has none to write to, and the shard refuses.

use std::sync::Arc;
use std::time::Duration;
use std::{iter, mem, thread};

use flume::{Receiver, RecvTimeoutError, Sender};

use super::damage::{Damage, is_no_room};
use super::expire::Expiry;
use super::filling::{Rows, fill};
use super::held::Held;
use super::home::Home;
use super::limits::{
    DAMAGE_TEXTS_MAX, FILLING_SEGMENTS, FILLING_WAIT, MERGE_WAIT, REOPEN_BYTES,
    SPACE_CHECK_INTERVAL,
};
use super::log::{Record, Segment, SegmentFiles, Through};
use super::open::reopen;
use super::read::{ReadError, View, read};
use super::space::free_bytes;
use super::tables::{Tables, WriteError};
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
    /// Bytes of records for which it is filled.
    pub filling_bytes: usize,
    /// None while there is no room for it.
    pub tables: Option<Tables>,
    /// What of the log is not in `tables`, or not known to be durable there.
    pub held: Held,
    pub files: SegmentFiles,
    pub expiry: Expiry,
    /// It is being filled, and fjall's journal may be taken.
    pub is_filling: bool,
    /// Asked for and not done: a little of what is too old then is to go.
    pub to_expire: Option<Now>,
    /// Nothing of a round of what goes was done.
    pub begins_round: bool,
    /// How much of the log the front has given.
    pub applied: Through,
    pub replies: Sender<Reply>,
    pub wake: Wake,
    /// Full segments, whose records are held or were.
    pub sealed: Vec<Segment>,
    /// Segments that the front wants.
    pub owed: usize,
    pub failure: Option<StoreError>,
    /// What was told of damage.
    pub damaged: Vec<String>,
    /// What was told of room.
    pub has_room: bool,
}

/// The index while it is being filled: between slices it does what is asked for.
struct Open<'a> {
    index: &'a mut Index,
    requests: &'a Receiver<Request>,
}

impl Rows for Open<'_> {
    fn held(&self) -> &Held {
        &self.index.held
    }

    fn pause(&mut self) -> bool {
        self.index.serve(self.requests.drain());
        self.index.tables.is_some() && self.index.failure.is_none()
    }

    fn wait(&mut self) {
        match self.requests.recv_timeout(FILLING_WAIT) {
            Ok(first) => self.index.serve(iter::once(first).chain(self.requests.drain())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::park_timeout(FILLING_WAIT),
        }
    }
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
            self.look_for_room();
            self.serve(first.into_iter().chain(requests.drain()));
            if self.is_due() {
                self.fill(requests);
            }
            if let Some(now) = self.to_expire.take() {
                self.expire(now, requests);
            }
        }
        self.fill(requests);
        self.failure.map_or(Ok(()), Err)
    }

    /// Does what is asked for, but what goes: that waits until the index is filled.
    fn serve(&mut self, requests: impl Iterator<Item = Request>) {
        let (mut records, mut reads) = (Vec::new(), Vec::new());
        for request in requests {
            match request {
                Request::Apply(more) => records.extend(more),
                Request::Read(ticket, question) => reads.push((ticket, question)),
                Request::Expire(now) => self.to_expire = Some(now),
                Request::Sealed(segment) => {
                    self.sealed.push(segment);
                    self.owed += 1;
                }
            }
        }
        self.apply(records);
        self.answer(reads);
        self.supply();
    }

    /// What there was no room for is tried again, and what waits for tables to be merged.
    fn patience(&self) -> Duration {
        let waits_for_merges = self.has_much() && self.failure.is_none();
        match &self.tables {
            Some(_) if waits_for_merges => MERGE_WAIT,
            Some(_) if self.owed == 0 => Duration::MAX,
            Some(_) | None => SPACE_CHECK_INTERVAL,
        }
    }

    /// Whether so much is held that the index is to be filled.
    fn is_due(&self) -> bool {
        self.has_much() && self.may_be_filled()
    }

    fn has_much(&self) -> bool {
        self.held.bytes() >= self.filling_bytes || self.sealed.len() >= FILLING_SEGMENTS
    }

    fn may_be_filled(&self) -> bool {
        self.tables.as_ref().is_some_and(|tables| !tables.is_behind())
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
        match reopen(&self.home) {
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

    fn apply(&mut self, records: Vec<Record>) {
        let Some(last) = records.last() else { return };
        self.applied = Through { place: last.end(), newest_id_ms: last.newest_id_ms() };
        for record in records {
            self.held.insert(record.items()).expect("this program wrote the record");
        }
        let may_mark = self.failure.is_none() && !self.is_filling;
        let Some(tables) = self.tables.as_mut().filter(|_| may_mark) else { return };
        if let Err(error) = tables.mark_log(self.applied, self.files.newest()) {
            self.on_write_failed(&error);
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
        read(View { tables, held: &self.held }, question).map_err(|error| {
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

    /// A little of what is too old goes. What cannot be read stays, and is told. Only what is in the index goes, so a round begins
    /// with all of it there.
    fn expire(&mut self, now: Now, requests: &Receiver<Request>) {
        if self.begins_round && !self.held.is_empty() && self.may_be_filled() {
            self.fill(requests);
        }
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
        self.begins_round = !is_more;
        self.reply(Reply::Expired(is_more));
    }

    /// Gives the front the segments it wants, as far as there are any.
    fn supply(&mut self) {
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

    /// Puts everything that is held now into the index, and makes the segments free that it was in. What comes meanwhile is held.
    fn fill(&mut self, requests: &Receiver<Request>) {
        if self.failure.is_some() {
            return;
        }
        let Some(tables) = &self.tables else { return };
        let (through, segment, sealed) = (self.applied, self.files.newest(), self.sealed.len());
        let sorted = self.held.sorted();
        let filled = if self.held.is_empty() && !tables.has_rows_in_memory() {
            Ok(true)
        } else {
            let keyspaces = tables.to_be_filled(through, segment);
            self.is_filling = true;
            fill(&keyspaces, &sorted, &mut Open { index: self, requests })
        };
        self.is_filling = false;
        let Some(tables) = self.tables.as_mut().filter(|_| self.failure.is_none()) else { return };
        let synced = match filled {
            Ok(_) => tables.sync(through, segment),
            Err(error) => Err(error),
        };
        if let Err(error) = synced {
            return self.on_write_failed(&error);
        }
        self.held.forget(&sorted);
        self.sealed.drain(..sealed).for_each(|segment| self.files.release(segment));
        self.supply();
    }
}
