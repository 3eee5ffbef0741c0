//! Opens a shard's parts, and sees that they agree: the log, the index, and what both are known to have reached.
//!
//! | part | what it says |
//! |---|---|
//! | `END` | how far the log was written, and the number of the segment; exact after a kill |
//! | `SYNCED` | from where the log is needed; the checksums of the index's journals |
//! | `index` | now and then, and in every keyspace when it is synced: how far it has the log, the number of the newest segment |
//! | `log` | in every segment: its number, from which place on it has records |
//!
//! A start that cannot account for what any of them knows is refused. Only what no part knows of is dropped: a record that was
//! being written.

use std::io;

use super::damage::Damage;
use super::end::{END, End, EndFile};
use super::filling::fill;
use super::held::Held;
use super::home::Home;
use super::log::{BadItem, FoundSegment, Front, Known, Segment, SegmentFiles, Through, recover};
use super::synced::{SYNCED, Synced};
use super::tables::{Tables, WriteError, database};

/// A shard's parts, in agreement.
pub struct Opened {
    pub tables: Tables,
    pub files: SegmentFiles,
    /// How far log and index are.
    pub through: Through,
    pub front: Front,
    pub end: EndFile,
}

/// Opens them, and replays what the index lacks. Blocks.
pub fn open(home: &Home) -> Result<Opened, Damage> {
    let (boot, known_end) = End::read(home)?;
    home.check_boot(boot, &home.path(END))?;
    let synced = Synced::read(home)?;
    if let Some((boot, _)) = &synced {
        home.check_boot(*boot, &home.path(SYNCED))?;
    }
    let synced = synced.map(|(_, synced)| synced);
    let (mut files, found) = SegmentFiles::open(home)?;
    home.check_boot(files.boot(), files.dir())?;
    let known_end =
        Known { by: home.path(END), place: known_end.place, segment: known_end.segment };
    match &synced {
        // It was cut short while it was made, or the log has everything.
        None if boot == 0 || has_all(&files, &found, &known_end) => {}
        None => return Err(Damage::file(&home.path(SYNCED), "is gone")),
        Some(synced) if boot == 0 && synced.through.place > 0 => {
            return Err(Damage::file(&home.path(END), "is older than the shard"));
        }
        Some(_) => {}
    }
    let mut tables = Tables::open(home, synced.as_ref())?;
    let from = synced.map(|synced| synced.through).unwrap_or_default();
    let (applied, segment) = tables.knows()?;
    let known = [known_end, Known { by: home.path("index"), place: applied.place, segment }];
    let newest = files.newest();
    let mut held = Held::default();
    let (through, records) = recover((&files, &found), from, &known, |items, _| {
        held.insert(items).map_err(|BadItem| Damage::Newer(home.path("log")))
    })?;
    if records > 0 || tables.has_rows_in_memory() {
        let sorted = held.sorted();
        fill(&tables.to_be_filled(through, newest), &sorted, &mut held)
            .map_err(|error| written(home, error))?;
    }
    if records > 0 {
        tracing::info!(records, dir = %home.dir.display(), "replayed the log");
    }
    tables.sync(through, newest).map_err(|error| written(home, error))?;
    let dir = files.dir().to_path_buf();
    let io = |error| Damage::io(&dir, error);
    found.iter().try_for_each(|segment| files.free(segment)).map_err(io)?;
    let segment = prepare(&mut files, through.place).map_err(io)?;
    let front = Front::new(segment, through);
    let mut end = EndFile::open(home)?;
    end.write(front.end());
    end.sync()?;
    Ok(Opened { tables, files, through, front, end })
}

/// Whether an index can be made of the log alone: nothing of it was used again.
pub fn has_all(files: &SegmentFiles, found: &[FoundSegment], end: &Known) -> bool {
    recover((files, found), Through::default(), std::slice::from_ref(end), |_, _| Ok(())).is_ok()
}

fn prepare(files: &mut SegmentFiles, from: u64) -> io::Result<Segment> {
    let none = || io::Error::other("no segment of the log is free");
    files.prepare(from)?.ok_or_else(none)
}

/// Opens the index again, in a process that has lost it for want of room, as it was last synced: what it may lack is held.
pub fn reopen(home: &Home) -> Result<Tables, Damage> {
    let (_, synced) =
        Synced::read(home)?.ok_or_else(|| Damage::file(&home.path(SYNCED), "is gone"))?;
    Tables::open(home, Some(&synced))
}

fn written(home: &Home, error: WriteError) -> Damage {
    match error {
        WriteError::Database(error) => database(&home.path("index"), error),
        WriteError::Io(error) => Damage::io(&home.path(SYNCED), error),
    }
}

#[cfg(test)]
mod tests {
    use wire::{ConversationId, InboxSeq, Seq, Uid};

    use super::*;
    use crate::group::MarkRow;
    use crate::rows::{Found, Read, Row, Ticket, UserRow, sample};
    use crate::store::filling::Rows;
    use crate::store::read::{View, read};

    /// Rows of which only so many keyspaces are filled: then the process dies.
    struct Dies {
        held: Held,
        keyspaces: usize,
    }

    impl Rows for Dies {
        fn held(&self) -> &Held {
            &self.held
        }

        fn pause(&mut self) -> bool {
            self.keyspaces -= 1;
            self.keyspaces > 0
        }

        fn wait(&mut self) {
            std::thread::yield_now();
        }
    }

    /// What round after round writes: one more message, the same user again, a mark that is open every other time.
    fn rows(round: u64) -> [Row; 3] {
        let chats_version = round;
        let group = ConversationId::group(9).unwrap();
        [
            Row::Message(sample(round, 100)),
            Row::User(UserRow { chats_version, ..UserRow::empty(Uid(1)) }),
            Row::Mark(MarkRow { group, is_open: round % 2 == 1 }),
        ]
    }

    fn check(tables: &Tables, rounds: u64) {
        let ask = |question| {
            let view = View { tables, held: &Held::default() };
            read(view, question).unwrap_or_else(|error| panic!("{}", error.text(tables)))
        };
        let Row::Message(newest) = rows(rounds)[0].clone() else { unreachable!("it is one") };
        let conversation = newest.conversation;
        let (before, limit, bytes_max) = (Seq(u64::MAX), 1_000, 1 << 20);
        let found = ask(Read::Messages { conversation, before, limit, bytes_max });
        let Found::Messages(messages) = found else { panic!("{found:?}") };
        assert_eq!(messages.len() as u64, rounds);
        assert_eq!(messages.last(), Some(&newest));
        let found = ask(Read::User { uid: Uid(1) });
        let Found::User { row: Some(row), head: InboxSeq(0), .. } = found else {
            panic!("{found:?}")
        };
        assert_eq!(row.chats_version, rounds);
        let found = ask(Read::Marks { after: None, limit: 9 });
        let Found::Marks(open) = found else { panic!("{found:?}") };
        assert_eq!(open.len() as u64, rounds % 2);
    }

    #[test]
    fn a_filling_that_was_cut_between_two_keyspaces_is_made_good() {
        let dir = tempfile::tempdir().unwrap();
        let opening = |boot| Home { boot, ..Home::alone(dir.path()).unwrap() };
        for (boot, round) in (1..).zip(1..=12_u64) {
            let home = opening(boot);
            let Opened { tables, files, mut front, mut end, .. } = open(&home).unwrap();
            if round > 1 {
                check(&tables, round - 1);
            }
            front.commit(Ticket(round), &rows(round));
            let write = front.next_write().unwrap();
            let result = write.perform();
            front.on_written(write, result);
            end.write(front.end());
            let (records, _) = front.take_written();
            let mut held = Held::default();
            let last = records.last().unwrap();
            let through = Through { place: last.end(), newest_id_ms: last.newest_id_ms() };
            records.iter().for_each(|record| held.insert(record.items()).unwrap());
            let sorted = held.sorted();
            let keyspaces = 1 + usize::try_from(round).unwrap() % 6;
            let mut dies = Dies { held, keyspaces };
            let is_whole =
                fill(&tables.to_be_filled(through, files.newest()), &sorted, &mut dies).unwrap();
            assert_eq!(is_whole, keyspaces == 6);
        }
        check(&open(&opening(13)).unwrap().tables, 12);
    }
}
