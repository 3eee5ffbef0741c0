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
use super::home::Home;
use super::log::{FoundSegment, Front, Items, Known, Segment, SegmentFiles, Through, recover};
use super::synced::{SYNCED, Synced};
use super::tables::{Sizes, Tables, WriteError, database};

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
pub fn open(home: &Home, sizes: Sizes) -> Result<Opened, Damage> {
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
    let mut tables = Tables::open(home, sizes, synced.as_ref())?;
    let from = synced.map(|synced| synced.through).unwrap_or_default();
    let (applied, segment) = tables.knows()?;
    let known = [known_end, Known { by: home.path("index"), place: applied.place, segment }];
    let newest = files.newest();
    let (through, records) = recover((&files, &found), from, &known, |items, through| {
        tables.write(items, (through, newest)).map_err(|error| written(home, error))
    })?;
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

/// Opens the index again, in a process that has lost it for want of room, and replays the log from what was synced up to
/// `target`: what lies behind is still to come.
pub fn reopen(home: &Home, sizes: Sizes, target: Through) -> Result<Tables, Damage> {
    let (_, synced) =
        Synced::read(home)?.ok_or_else(|| Damage::file(&home.path(SYNCED), "is gone"))?;
    let mut tables = Tables::open(home, sizes, Some(&synced))?;
    let (files, found) = SegmentFiles::open(home)?;
    let newest = files.newest();
    let apply = |items: Items<'_>, through: Through| {
        if through.place > target.place {
            return Ok(());
        }
        tables.write(items, (through, newest)).map_err(|error| written(home, error))
    };
    let (through, _) = recover((&files, &found), synced.through, &[], apply)?;
    if through.place < target.place {
        let (end, wanted) = (through.place, target.place);
        return Err(Damage::file(files.dir(), format!("ends at block {end}, not at {wanted}")));
    }
    Ok(tables)
}

fn written(home: &Home, error: WriteError) -> Damage {
    let dir = home.path("index");
    match error {
        WriteError::Database(error) => database(&dir, error),
        WriteError::Io(error) => Damage::io(&home.path(SYNCED), error),
        WriteError::BadItem => Damage::Newer(home.path("log")),
    }
}
