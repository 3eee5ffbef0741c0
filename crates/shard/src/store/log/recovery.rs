//! What a log holds that its index may lack, after a crash or a clean stop.
//!
//! The index says up to which place it has everything durably. From there on records must follow each other without a hole,
//! up to where the other parts of the shard know the log to be. The log ends at the first that is not whole; a whole record of
//! the same segment behind that end, or an end that another part knows to lie further, says that the disk lost something:
//! that is refused, not passed over.

use std::path::PathBuf;

use super::items::Items;
use super::record::{self, FoundRecord};
use super::segment::{FoundSegment, SegmentFiles, read_all};
use crate::store::damage::Damage;
use crate::store::limits::BLOCK_BYTES;

/// How far a log was read, or put into the index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Through {
    /// The place behind its last whole commit.
    pub place: u64,
    /// The latest time in an id of a message up to there, Unix ms.
    pub newest_id_ms: u64,
}

/// What another part of the shard knows of the log.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which part: its file.
    pub by: PathBuf,
    /// The log reaches at least so far.
    pub place: u64,
    /// There was a segment of this number.
    pub segment: u64,
}

/// Reads the log from `from` on. The items of each whole commit go to `apply`, in order, with the place behind it. Says where
/// the log ends, and how many records were applied.
pub fn recover(
    (files, found): (&SegmentFiles, &[FoundSegment]),
    from: Through,
    known: &[Known],
    apply: impl FnMut(Items<'_>, Through) -> Result<(), Damage>,
) -> Result<(Through, u64), Damage> {
    for Known { by, segment, .. } in known {
        if files.newest() < *segment {
            let (newest, by) = (files.newest(), by.display());
            let what =
                format!("lacks its newest segments: {by} knows number {segment}, here is {newest}");
            return Err(Damage::file(files.dir(), what));
        }
    }
    let mut replay =
        Replay { through: from, next: from.place, group: Vec::new(), records: 0, apply };
    let mut last = files.dir();
    for segment in found {
        let bytes = read_all(segment).map_err(|error| Damage::io(&segment.path, error))?;
        let before = replay.next;
        replay.segment(segment, &bytes)?;
        if replay.next > before {
            last = &segment.path;
        }
    }
    let Replay { through, records, .. } = replay;
    for Known { by, place, .. } in known {
        if through.place < *place {
            let (end, by) = (through.place, by.display());
            let what =
                format!("lacks its last records: it ends at block {end}, {by} knows of {place}");
            return Err(Damage::file(last, what));
        }
    }
    Ok((through, records))
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

impl<F: FnMut(Items<'_>, Through) -> Result<(), Damage>> Replay<F> {
    fn segment(&mut self, segment: &FoundSegment, bytes: &[u8]) -> Result<(), Damage> {
        let damaged = |what, place| {
            Err(Damage::file(&segment.path, format!("is damaged: {what} block {place} of the log")))
        };
        if segment.from > self.next {
            return damaged("no segment has the records before", segment.from);
        }
        let mut at = BLOCK_BYTES;
        let mut is_first = true;
        while let Some(found) = bytes.get(at..).and_then(|rest| record::find(rest, segment.salt)) {
            if is_first && found.place == self.through.place {
                // A commit that was cut short before a restart: the log went on in its place.
                (self.next, self.group) = (self.through.place, Vec::new());
            }
            is_first = false;
            if found.place > self.next {
                return damaged("it lacks records before the one at", found.place);
            }
            if found.place == self.next {
                self.record(&found)?;
            } else if found.place >= self.through.place {
                return damaged("it has a second record at", found.place);
            }
            let blocks = usize::try_from(found.end() - found.place).expect("within the segment");
            at += blocks * BLOCK_BYTES;
        }
        let later = (at + BLOCK_BYTES..bytes.len()).step_by(BLOCK_BYTES);
        match later.filter_map(|at| record::find(&bytes[at..], segment.salt)).next() {
            Some(found) => damaged("a record is unreadable before the one at", found.place),
            None => Ok(()),
        }
    }

    fn record(&mut self, found: &FoundRecord<'_>) -> Result<(), Damage> {
        self.next = found.end();
        if found.continues {
            self.group.push(found.payload.to_vec());
            return Ok(());
        }
        let through = Through { place: self.next, newest_id_ms: found.newest_id_ms };
        for payload in std::mem::take(&mut self.group) {
            (self.apply)(Items::new(&payload), through)?;
            self.records += 1;
        }
        (self.apply)(found.items(), through)?;
        self.records += 1;
        self.through = through;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{Row, Ticket, sample};
    use crate::store::codec::take_message;
    use crate::store::home::Home;
    use crate::store::log::{Front, Table};
    use std::path::Path;

    /// Large messages, a commit each, over as many segments as they need; no index takes any of them.
    fn write(dir: &Path, commits: u64) {
        let (mut files, _) = SegmentFiles::open(&Home::alone(dir).unwrap()).unwrap();
        let mut front = Front::new(files.prepare(0).unwrap().unwrap(), Through::default());
        for seq in 1..=commits {
            let row = sample(seq, wire::BODY_BYTES_MAX);
            front.commit(Ticket(seq), &[Row::Message(row)]);
            let write = front.next_write().unwrap_or_else(|| {
                front.add(files.prepare(0).unwrap().unwrap());
                front.next_write().expect("it has a segment to write to")
            });
            let result = write.perform();
            front.on_written(write, result);
        }
    }

    fn read(dir: &Path, from: Through, known: &[Known]) -> Result<(Vec<u64>, Through), Damage> {
        let (files, found) = SegmentFiles::open(&Home::alone(dir).unwrap())?;
        let mut seqs = Vec::new();
        let (through, _) = recover((&files, &found), from, known, |items, _| {
            for item in items.map(Result::unwrap).filter(|item| item.table == Table::Messages) {
                seqs.push(take_message(item.key, item.head).unwrap().seq.0);
            }
            Ok(())
        })?;
        Ok((seqs, through))
    }

    fn known(place: u64, segment: u64) -> [Known; 1] {
        [Known { by: PathBuf::from("END"), place, segment }]
    }

    #[test]
    fn segments_are_read_in_order_and_from_where_the_index_is() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 600);
        let (seqs, through) = read(dir.path(), Through::default(), &[]).unwrap();
        assert_eq!(seqs, (1..=600).collect::<Vec<_>>());
        assert_eq!(through.newest_id_ms, 1_600);
        let blocks = through.place / 600;
        let half = Through { place: 300 * blocks, newest_id_ms: 1_300 };
        let known = known(through.place, 3);
        assert_eq!(read(dir.path(), half, &known).unwrap(), ((301..=600).collect(), through));
        assert_eq!(read(dir.path(), through, &known).unwrap(), (Vec::new(), through));
    }

    #[test]
    fn a_segment_that_is_gone_is_refused() {
        for (name, text) in
            [("00", "it lacks records before"), ("01", "it lacks records before"), ("02", "newest")]
        {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), 600);
            std::fs::remove_file(dir.path().join("log").join(name)).unwrap();
            let damage =
                read(dir.path(), Through::default(), &known(0, 3)).unwrap_err().to_string();
            assert!(damage.contains(text), "{name}: {damage}");
        }
    }

    #[test]
    fn a_log_that_ends_before_where_it_is_known_to_be_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), 9);
        let (_, through) = read(dir.path(), Through::default(), &[]).unwrap();
        let more = known(through.place + 1, 1);
        let text = read(dir.path(), Through::default(), &more).unwrap_err().to_string();
        assert!(text.contains("lacks its last records") && text.contains("END knows"), "{text}");
    }
}
