//! The thread that does what blocks: puts the log's records into the index, answers reads, syncs the index, and makes
//! segments free again. It acknowledges nothing: the log is durable before it hears of it.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use flume::{Receiver, RecvTimeoutError, Sender};

use super::limits::{RECORD_BYTES_MAX, SPACE_CHECK_INTERVAL};
use super::log::{Record, Segment, SegmentFiles, Through};
use super::read::read;
use super::tables::Tables;
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
}

/// What the front is told.
pub enum Reply {
    /// Answers.
    Answers(Vec<Completion>),
    /// A segment to write to.
    Segment(Segment),
    /// The index is broken.
    Failed(String),
}

/// What the index's thread has.
pub struct Index {
    pub tables: Tables,
    pub files: SegmentFiles,
    /// How much of the log is in the index.
    pub applied: Through,
    pub replies: Sender<Reply>,
    pub wake: Wake,
    pub sealed: Vec<Segment>,
    /// Segments that the front wants.
    pub owed: usize,
    pub failure: Option<StoreError>,
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
            let (mut records, mut reads) = (Vec::new(), Vec::new());
            for request in first.into_iter().chain(requests.drain()) {
                match request {
                    Request::Apply(more) => records.extend(more),
                    Request::Read(ticket, question) => reads.push((ticket, question)),
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
        self.sync();
        self.failure.map_or(Ok(()), Err)
    }

    /// A segment that there was no room for is tried again.
    fn patience(&self) -> Duration {
        if self.owed > 0 { SPACE_CHECK_INTERVAL } else { Duration::MAX }
    }

    fn fail(&mut self, reason: String) {
        if self.failure.is_none() {
            tracing::error!(reason, "the index failed; the store takes nothing more");
            self.failure = Some(StoreError::Failed(reason.clone()));
            self.reply(Reply::Failed(reason));
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
            match self.tables.write(records[..count].iter().flat_map(Record::items)) {
                Ok(()) => self.applied = through,
                Err(error) => self.fail(error.to_string()),
            }
            records.drain(..count);
        }
    }

    fn answer(&self, reads: Vec<(Ticket, Read)>) {
        if reads.is_empty() {
            return;
        }
        let answers = reads.into_iter().map(|(ticket, question)| {
            let found = match &self.failure {
                Some(failure) => Err(failure.clone()),
                None => read(&self.tables, question)
                    .map_err(|error| StoreError::Failed(error.to_string())),
            };
            Completion::Read(ticket, found)
        });
        self.reply(Reply::Answers(answers.collect()));
    }

    /// Gives the front the segments it wants, as far as there are any.
    fn supply(&mut self) {
        // For each full segment: with four the log's own writes waited behind one large sync, and the p99.9 of an ack at
        // 5,000/s was 10 to 56 ms instead of 4 to 8.
        if !self.sealed.is_empty() {
            self.sync();
        }
        while self.owed > 0 && self.failure.is_none() {
            match self.files.prepare() {
                Ok(Some(segment)) => {
                    self.owed -= 1;
                    self.reply(Reply::Segment(segment));
                }
                Ok(None) => return,
                Err(error) => self.fail(format!("could not make a segment of the log: {error}")),
            }
        }
    }

    fn sync(&mut self) {
        if self.failure.is_some() {
            return;
        }
        match self.tables.sync(self.applied) {
            Ok(()) => mem::take(&mut self.sealed).into_iter().for_each(|it| self.files.release(it)),
            Err(error) => self.fail(error.to_string()),
        }
    }
}
