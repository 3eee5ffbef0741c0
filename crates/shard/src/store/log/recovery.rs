//! What a log holds that its index may lack, after a crash or a clean stop.
//!
//! The index says up to which place it has everything durably. From there on records must follow each other without a
//! hole. The log ends at the first that is not whole; but a whole record of the same segment behind that
//! end was acknowledged once, so it says that the disk lost something: that is refused, not passed over.

use std::io;
use std::path::{Path, PathBuf};

use super::items::Items;
use super::record::{self, FoundRecord};
use super::segment::{FoundSegment, SegmentFiles, read_all};
use crate::store::limits::BLOCK_BYTES;

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Damage {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the log is damaged: {} {what} at block {place}", path.display())]
    Record { path: PathBuf, what: &'static str, place: u64 },
    #[error("the log is gone: {} has no segments, and the index knows of some", .0.display())]
    Gone(PathBuf),
    #[error("could not apply the log: {0}")]
    Index(String),
}

/// How far a log was read, or put into the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Through {
    /// The place behind its last whole commit.
    pub place: u64,
    /// The latest time in an id of a message up to there, Unix ms.
    pub newest_id_ms: u64,
}

/// A log that was read.
pub struct Recovered {
    /// Its files, all of them free once [`Recovered::free`] was called.
    pub files: SegmentFiles,
    /// What was read of it.
    pub through: Through,
    /// Records that were applied.
    pub records: u64,
    found: Vec<FoundSegment>,
}

impl Recovered {
    /// The index has everything durably: the segments may be used for new records.
    pub fn free(&mut self) -> io::Result<()> {
        self.found.drain(..).try_for_each(|segment| self.files.free(&segment))
    }
}

/// Reads the log in `dir`. The items of each whole commit from `applied` on go to `apply`, in order.
pub fn recover(
    dir: &Path,
    applied: Through,
    apply: impl FnMut(Items<'_>) -> Result<(), String>,
) -> Result<Recovered, Damage> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Damage::Io { path, source }
    };
    let (files, found) = SegmentFiles::open(dir).map_err(io(dir))?;
    if applied.place > 0 && files.is_empty() {
        return Err(Damage::Gone(dir.to_path_buf()));
    }
    let next = applied.place;
    let mut replay = Replay { through: applied, next, group: Vec::new(), records: 0, apply };
    for segment in &found {
        let bytes = read_all(segment).map_err(io(&segment.path))?;
        replay.segment(segment, &bytes)?;
    }
    let Replay { through, records, .. } = replay;
    Ok(Recovered { files, through, records, found })
}

struct Replay<F> {
    through: Through,
    /// Where the next record must be.
    next: u64,
    /// Payloads of a commit that is not whole yet.
    group: Vec<Vec<u8>>,
    records: u64,
    apply: F,
}

impl<F: FnMut(Items<'_>) -> Result<(), String>> Replay<F> {
    fn segment(&mut self, segment: &FoundSegment, bytes: &[u8]) -> Result<(), Damage> {
        let damaged = |what, place| {
            let path = segment.path.clone();
            Err(Damage::Record { path, what, place })
        };
        let mut at = BLOCK_BYTES;
        let mut is_first = true;
        while let Some(found) = bytes.get(at..).and_then(|rest| record::find(rest, segment.salt)) {
            if is_first && found.place == self.through.place {
                // A commit that was cut short before a restart: the log went on in its place.
                (self.next, self.group) = (self.through.place, Vec::new());
            }
            is_first = false;
            if found.place > self.next {
                return damaged("lacks records before the one", found.place);
            }
            if found.place == self.next {
                self.record(&found)?;
            } else if found.place >= self.through.place {
                return damaged("has a second record", found.place);
            }
            let blocks = usize::try_from(found.end() - found.place).expect("within the segment");
            at += blocks * BLOCK_BYTES;
        }
        let later = (at + BLOCK_BYTES..bytes.len()).step_by(BLOCK_BYTES);
        match later.filter_map(|at| record::find(&bytes[at..], segment.salt)).next() {
            Some(found) => damaged("has an unreadable record before the one", found.place),
            None => Ok(()),
        }
    }

    fn record(&mut self, found: &FoundRecord<'_>) -> Result<(), Damage> {
        self.next = found.end();
        if found.continues {
            self.group.push(found.payload.to_vec());
            return Ok(());
        }
        for payload in std::mem::take(&mut self.group) {
            (self.apply)(Items::new(&payload)).map_err(Damage::Index)?;
            self.records += 1;
        }
        (self.apply)(found.items()).map_err(Damage::Index)?;
        self.records += 1;
        self.through = Through { place: self.next, newest_id_ms: found.newest_id_ms };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Row, Ticket, sample};
    use crate::store::codec::take_message;
    use crate::store::log::{Front, Table};

    /// Large messages, a commit each, over as many segments as they need; no index takes any of them.
    fn write(dir: &Path, commits: u64) {
        let (mut files, _) = SegmentFiles::open(dir).unwrap();
        let mut front = Front::new(files.prepare().unwrap().unwrap(), 0, 0);
        for seq in 1..=commits {
            let row = sample(seq, wire::BODY_BYTES_MAX);
            front.commit(Ticket(seq), &[Row::Message(row)]);
            let write = front.next_write().unwrap_or_else(|| {
                front.add(files.prepare().unwrap().unwrap());
                front.next_write().expect("it has a segment to write to")
            });
            let result = write.perform();
            front.on_written(write, result);
        }
    }

    fn read(dir: &Path, applied: Through) -> Result<(Vec<u64>, Through), Damage> {
        let mut seqs = Vec::new();
        let recovered = recover(dir, applied, |items| {
            for item in items.map(Result::unwrap).filter(|item| item.table == Table::Messages) {
                seqs.push(take_message(item.key, item.head).unwrap().seq.0);
            }
            Ok(())
        })?;
        Ok((seqs, recovered.through))
    }

    #[test]
    fn segments_are_read_in_order_and_from_where_the_index_is() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 600);
        let (seqs, through) = read(dir.path(), Through::default()).unwrap();
        assert_eq!(seqs, (1..=600).collect::<Vec<_>>());
        assert_eq!(through.newest_id_ms, 1_600);
        let blocks = through.place / 600;
        let half = Through { place: 300 * blocks, newest_id_ms: 1_300 };
        assert_eq!(read(dir.path(), half).unwrap(), ((301..=600).collect(), through));
        assert_eq!(read(dir.path(), through).unwrap(), (Vec::new(), through));
    }

    #[test]
    fn a_segment_that_is_gone_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 600);
        std::fs::remove_file(dir.path().join("00")).unwrap();
        let Err(damage) = read(dir.path(), Through::default()) else { panic!("a hole was read") };
        assert!(damage.to_string().contains("lacks records"), "{damage}");
    }
}
