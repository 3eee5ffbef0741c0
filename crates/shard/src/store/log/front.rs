//! The core's end of the log: gathers commits into records, says what to write where, and knows what is durable.
//!
//! One write is on its way at a time; what comes meanwhile is gathered, so records grow with the load, and records reach
//! the disk in their order. It does no IO.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::items::Writer;
use super::record::HEAD_BYTES;
use super::{Buffer, Record, Segment, Through};
use crate::rows::{Completion, Row, StoreError, Ticket};
use crate::store::end::End;
use crate::store::limits::{BLOCK_BYTES, RECORD_BYTES_MAX, SEGMENT_BYTES};

/// A write that the log wants done: all of `buffer[content]`, at `offset`, and durable when it is done.
#[derive(Debug)]
pub struct LogWrite {
    /// Opened for direct, synchronous writes.
    pub file: Arc<File>,
    /// In bytes.
    pub offset: u64,
    /// Holds the content, which is aligned in memory. To be given back as it is.
    pub buffer: Vec<u8>,
    /// Where the content is.
    pub content: Range<usize>,
}

/// The records of one log that are gathered, on their way, and not yet told of.
pub struct Front {
    segment: Segment,
    /// Blocks of `segment` that are taken.
    used_blocks: u64,
    /// Segments to go on with.
    ready: VecDeque<Segment>,
    /// The place of the next record.
    place: u64,
    /// The place behind the last commit that is written whole.
    whole_place: u64,
    /// The latest time in an id of a message, Unix ms.
    newest_id_ms: u64,
    /// The record being gathered: room for the head, then items.
    open: Buffer,
    writer: Writer,
    /// Records that are full and wait for the write before them.
    closed: VecDeque<Record>,
    writing: Option<Record>,
    /// Since the start: records closed, records written, and those of them up to the end of a commit. What is behind
    /// that end counts as not there.
    closed_count: u64,
    written_count: u64,
    whole_count: u64,
    /// Commits asked for: durable once so many records are written, or refused.
    commits: VecDeque<(Ticket, Result<u64, StoreError>)>,
    failure: Option<StoreError>,
    /// For the index: written records, then segments that have no more of them.
    written: Vec<Record>,
    written_bytes: usize,
    sealed: Vec<Segment>,
}

impl LogWrite {
    /// Does it here and now. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn perform(&self) -> io::Result<usize> {
        let content = &self.buffer[self.content.clone()];
        self.file.write_all_at(content, self.offset).map(|()| content.len())
    }
}

impl Front {
    /// Goes on behind that, in a segment that has no record.
    pub fn new(segment: Segment, through: Through) -> Self {
        let Through { place, newest_id_ms } = through;
        Self {
            segment,
            used_blocks: 1,
            ready: VecDeque::new(),
            place,
            whole_place: place,
            newest_id_ms,
            open: Buffer::default(),
            writer: Writer::default(),
            closed: VecDeque::new(),
            writing: None,
            closed_count: 0,
            written_count: 0,
            whole_count: 0,
            commits: VecDeque::new(),
            failure: None,
            written: Vec::new(),
            written_bytes: 0,
            sealed: Vec::new(),
        }
    }

    /// Takes a commit: all of its rows become durable, or none.
    pub fn commit(&mut self, ticket: Ticket, batch: &[Row]) {
        if let Some(failure) = &self.failure {
            return self.refuse(ticket, failure.clone());
        }
        for (index, row) in batch.iter().enumerate() {
            if self.open.len() >= RECORD_BYTES_MAX {
                self.close(index > 0);
            }
            if self.open.len() == 0 {
                self.open = Buffer::with_capacity(BLOCK_BYTES);
                self.open.tail().extend_from_slice(&[0; HEAD_BYTES]);
                self.writer.begin();
            }
            self.writer.put(&mut self.open, row);
            if let Row::Message(message) = row {
                let id_ms = message.client_msg_id.unix_ms().unwrap_or(0);
                self.newest_id_ms = self.newest_id_ms.max(id_ms);
            }
        }
        self.commits.push_back((ticket, Ok(self.asked())));
    }

    /// Takes a commit that cannot be written.
    pub fn refuse(&mut self, ticket: Ticket, error: StoreError) {
        self.commits.push_back((ticket, Err(error)));
    }

    fn close(&mut self, continues: bool) {
        let buffer = mem::take(&mut self.open);
        self.closed.push_back(Record::new(buffer, continues, self.newest_id_ms));
        self.closed_count += 1;
    }

    /// What to write now, if anything: not before the last write is done.
    pub fn next_write(&mut self) -> Option<LogWrite> {
        if self.writing.is_some() || self.failure.is_some() {
            return None;
        }
        if self.closed.is_empty() && self.open.len() > 0 {
            self.close(false);
        }
        let blocks = self.closed.front()?.blocks();
        if (self.used_blocks + blocks) * BLOCK_BYTES as u64 > SEGMENT_BYTES as u64 {
            // Without one the log waits: the index is behind by all of the log.
            let next = self.ready.pop_front()?;
            self.sealed.push(mem::replace(&mut self.segment, next));
            self.used_blocks = 1;
        }
        let mut record = self.closed.pop_front().expect("just seen");
        record.seal(self.segment.salt, self.place);
        let offset = self.used_blocks * BLOCK_BYTES as u64;
        self.used_blocks += blocks;
        self.place += blocks;
        let (buffer, content) = record.take_buffer().into_parts();
        self.writing = Some(record);
        Some(LogWrite { file: self.segment.file.clone(), offset, buffer, content })
    }

    /// The write is done, or failed: then whether it is there is unknown, and nothing more is taken.
    pub fn on_written(&mut self, write: LogWrite, result: io::Result<usize>) {
        let mut record = self.writing.take().expect("one write is on its way");
        match result {
            Ok(bytes) if bytes == write.content.len() => {
                record.put_buffer(Buffer::from_parts(write.buffer, &write.content));
                self.written_count += 1;
                if !record.continues() {
                    (self.whole_count, self.whole_place) = (self.written_count, record.end());
                }
                self.written_bytes += record.bytes().len();
                self.written.push(record);
            }
            Ok(bytes) => {
                self.fail(format!("the log took {bytes} of {} bytes", write.content.len()));
            }
            Err(error) => self.fail(format!("the log could not be written: {error}")),
        }
    }

    /// The store is broken: every commit that waits, and all later ones, fail.
    pub fn fail(&mut self, reason: String) {
        let failure = self.failure.get_or_insert(StoreError::Failed(reason)).clone();
        for commit in &mut self.commits {
            if commit.1.as_ref().is_ok_and(|records| *records > self.whole_count) {
                commit.1 = Err(failure.clone());
            }
        }
    }

    /// Why nothing is taken any more.
    pub fn failure(&self) -> Option<&StoreError> {
        self.failure.as_ref()
    }

    /// There is no room for a segment: what waits for one is refused, unless a part of it is written. Then it goes on waiting.
    pub fn refuse_waiting(&mut self) {
        let is_between_commits = self.writing.is_none() && self.whole_count == self.written_count;
        if !is_between_commits || self.failure.is_some() {
            return;
        }
        self.closed.clear();
        self.open = Buffer::default();
        self.closed_count = self.written_count;
        for commit in &mut self.commits {
            if commit.1.as_ref().is_ok_and(|records| *records > self.whole_count) {
                commit.1 = Err(StoreError::Full);
            }
        }
    }

    /// It could write, and has no segment to write to.
    pub fn lacks_segment(&self) -> bool {
        self.writing.is_none() && self.failure.is_none() && self.asked() > self.written_count
    }

    /// Another segment to go on with.
    pub fn add(&mut self, segment: Segment) {
        self.ready.push_back(segment);
    }

    /// Commits asked for, and not told of.
    pub fn commits(&self) -> usize {
        self.commits.len()
    }

    /// Records that carry everything asked for so far.
    pub fn asked(&self) -> u64 {
        self.closed_count + u64::from(self.open.len() > 0)
    }

    /// Records that are durable, up to the end of a commit.
    pub fn durable(&self) -> u64 {
        self.whole_count
    }

    /// How far the log is written, up to the end of a commit.
    pub fn end(&self) -> End {
        End { place: self.whole_place, segment: self.segment.number, is_closed: false }
    }

    /// Commits that are durable or failed, in the order they were asked for.
    pub fn completed(&mut self, completions: &mut Vec<Completion>) {
        while let Some((ticket, outcome)) = self.commits.pop_front() {
            match outcome {
                Ok(records) if records > self.whole_count => {
                    return self.commits.push_front((ticket, Ok(records)));
                }
                outcome => completions.push(Completion::Committed(ticket, outcome.map(drop))),
            }
        }
    }

    /// Bytes written that the index was not given.
    pub fn written_bytes(&self) -> usize {
        self.written_bytes
    }

    /// What the index was not given yet: records of whole commits, and then the segments that are full. All of a
    /// segment's records come no later than the segment.
    pub fn take_written(&mut self) -> (Vec<Record>, Vec<Segment>) {
        let whole =
            self.written.iter().rposition(|record| !record.continues()).map_or(0, |at| at + 1);
        let rest = self.written.split_off(whole);
        let records = mem::replace(&mut self.written, rest);
        self.written_bytes = self.written.iter().map(|record| record.bytes().len()).sum();
        if self.written.is_empty() {
            (records, mem::take(&mut self.sealed))
        } else {
            (records, Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::sample;
    use crate::store::home::Home;
    use crate::store::log::SegmentFiles;

    /// A front with one segment ready, and the files it writes to.
    fn front(dir: &tempfile::TempDir) -> Front {
        let (mut files, _) = SegmentFiles::open(&Home::alone(dir.path()).unwrap()).unwrap();
        let mut segments = (0..2).map(|_| files.prepare(0).unwrap().unwrap());
        let mut front = Front::new(segments.next().unwrap(), Through::default());
        front.add(segments.next().unwrap());
        front
    }

    fn rows(count: u64, body_bytes: usize) -> Vec<Row> {
        (1..=count).map(|seq| Row::Message(sample(seq, body_bytes))).collect()
    }

    fn write(front: &mut Front) -> bool {
        let Some(write) = front.next_write() else { return false };
        let len = write.content.len();
        front.on_written(write, Ok(len));
        true
    }

    fn completed(front: &mut Front) -> Vec<u64> {
        let mut completions = Vec::new();
        front.completed(&mut completions);
        let ticket = |it| {
            let Completion::Committed(ticket, Ok(())) = it else { panic!("{it:?}") };
            ticket.0
        };
        completions.into_iter().map(ticket).collect()
    }

    #[test]
    fn what_comes_during_a_write_is_one_record() {
        let dir = tempfile::tempdir().unwrap();
        let mut front = front(&dir);
        front.commit(Ticket(1), &rows(1, 10));
        let first = front.next_write().unwrap();
        (2..=9).for_each(|ticket| front.commit(Ticket(ticket), &rows(1, 10)));
        assert!(front.next_write().is_none(), "one write at a time");
        assert!(completed(&mut front).is_empty());
        let len = first.content.len();
        front.on_written(first, Ok(len));
        assert_eq!(completed(&mut front), [1]);
        assert!(write(&mut front) && !write(&mut front));
        assert_eq!(completed(&mut front), [2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_large_commit_is_told_when_all_of_it_is_written_and_shown_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut front = front(&dir);
        front.commit(Ticket(1), &rows(1, 10));
        front.commit(Ticket(2), &rows(100, 30_000));
        assert!(write(&mut front));
        assert!(completed(&mut front).is_empty());
        assert_eq!(front.take_written().0.len(), 0, "its first record is half a commit");
        assert!(write(&mut front) && write(&mut front) && !write(&mut front));
        assert_eq!(completed(&mut front), [1, 2]);
        assert_eq!(front.take_written().0.len(), 3);
    }

    #[test]
    fn a_full_segment_is_sealed_and_without_another_the_log_waits() {
        let dir = tempfile::tempdir().unwrap();
        let mut front = front(&dir);
        let mut sealed = 0;
        for ticket in 1..=16 {
            front.commit(Ticket(ticket), &rows(33, 31_000));
            while write(&mut front) {}
            sealed += front.take_written().1.len();
        }
        assert_eq!(sealed, 1);
        assert!(front.commits() > 0 && front.next_write().is_none());
        let (mut files, _) = SegmentFiles::open(&Home::alone(dir.path()).unwrap()).unwrap();
        let told = completed(&mut front).len();
        front.add(files.prepare(0).unwrap().unwrap());
        while write(&mut front) {}
        assert_eq!(told + completed(&mut front).len(), 16);
    }

    #[test]
    fn a_failed_write_fails_what_waits_and_what_comes() {
        let dir = tempfile::tempdir().unwrap();
        let mut front = front(&dir);
        front.commit(Ticket(1), &rows(1, 10));
        assert!(write(&mut front));
        front.commit(Ticket(2), &rows(1, 10));
        let second = front.next_write().unwrap();
        front.commit(Ticket(3), &rows(1, 10));
        front.on_written(second, Ok(1));
        front.commit(Ticket(4), &rows(1, 10));
        let mut completions = Vec::new();
        front.completed(&mut completions);
        let failed = front.failure().unwrap().clone();
        let expect = [Ok(()), Err(failed.clone()), Err(failed.clone()), Err(failed)];
        let expect =
            (1..).zip(expect).map(|(ticket, it)| Completion::Committed(Ticket(ticket), it));
        assert!(completions.into_iter().eq(expect));
        assert!(front.next_write().is_none());
    }

    #[test]
    fn what_waits_for_a_segment_is_refused_when_there_is_no_room_and_what_is_half_written_waits() {
        let dir = tempfile::tempdir().unwrap();
        let (mut files, _) = SegmentFiles::open(&Home::alone(dir.path()).unwrap()).unwrap();
        let mut front = Front::new(files.prepare(0).unwrap().unwrap(), Through::default());
        let mut seq = 0;
        let mut fill = |front: &mut Front| {
            while !front.lacks_segment() {
                seq += 1;
                front.commit(Ticket(seq), &rows(100, 30_000));
                while write(front) {}
            }
        };
        // 100 such rows are three records: the last commit is half written.
        fill(&mut front);
        completed(&mut front);
        front.refuse_waiting();
        assert_eq!(front.commits(), 1, "it waits");
        front.add(files.prepare(0).unwrap().unwrap());
        while write(&mut front) {}
        assert_eq!(completed(&mut front).len(), 1);
        front.commit(Ticket(90), &rows(1, 10));
        front.refuse_waiting();
        let mut completions = Vec::new();
        front.completed(&mut completions);
        assert_eq!(completions, [Completion::Committed(Ticket(90), Err(StoreError::Full))]);
        front.commit(Ticket(91), &rows(1, 10));
        assert!(write(&mut front));
        assert_eq!(completed(&mut front), [91]);
    }

    #[test]
    fn a_refused_commit_keeps_its_turn() {
        let dir = tempfile::tempdir().unwrap();
        let mut front = front(&dir);
        front.commit(Ticket(1), &rows(1, 10));
        front.refuse(Ticket(2), StoreError::Full);
        let mut completions = Vec::new();
        front.completed(&mut completions);
        assert!(completions.is_empty());
        assert!(write(&mut front));
        front.completed(&mut completions);
        assert_eq!(completions[1], Completion::Committed(Ticket(2), Err(StoreError::Full)));
    }
}
