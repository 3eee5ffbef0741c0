//! How far the log of a shard was written, as its core knows it: the file `END`.
//!
//! The core stores it after each record, before the record's commits are told of, into the kernel's page of the file, which is
//! mapped: no system call. So after a kill the log must reach exactly as far as `END` says, or further by the one record that
//! was being written. After a power cut `END` may be older, by what the kernel had not written back, and says only how far the
//! log reaches at the least. It is durable when the shard is opened and when it is closed. A shard that was made and never
//! opened has one of opening 0.
//!
//! It is two slots of [`SLOT_BYTES`], written in turn, each a stamp ([`Home::stamp`]) and then, 8 bytes each: the place, the
//! segment, 1 if the shard was closed. The later whole one counts: a kill or a power cut amid a store leaves the one before,
//! and the record of the store was not told of. The former release had one slot and no more bytes behind it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use netring::MappedFile;

use super::damage::Damage;
use super::home::{Home, STAMP_BYTES, words};

const KIND: [u8; 4] = *b"LLE1";
/// The file's name.
pub const END: &str = "END";
/// Bytes of a slot: one line of a processor's cache.
const SLOT_BYTES: usize = 64;
const SLOTS: usize = 2;
/// Bytes of a slot that say something.
const END_BYTES: usize = STAMP_BYTES + 24;

/// How far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct End {
    /// The place behind the last whole commit.
    pub place: u64,
    /// The number of the segment that is written to.
    pub segment: u64,
    /// The shard was closed, and nothing of it was under way.
    pub is_closed: bool,
}

impl Home {
    /// A folder that belongs to no data directory, for tests: it is made if it is not there, and counts its own openings.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub fn alone(dir: &Path) -> io::Result<Self> {
        let mut home = Self { dir: dir.to_path_buf(), directory: 0, shard: 0, boot: 0 };
        fs::create_dir_all(dir)?;
        if fs::read_dir(dir)?.next().is_none() {
            EndFile::create(&home)?;
        }
        let count = dir.join("opened");
        let opened = fs::read_to_string(&count).ok().and_then(|text| text.parse().ok());
        home.boot = opened.unwrap_or(0) + 1;
        fs::write(count, home.boot.to_string())?;
        Ok(home)
    }
}

impl End {
    /// What the file of a shard says, and in which opening it was written.
    pub fn read(home: &Home) -> Result<(u32, Self), Damage> {
        find(home).map(|(_, boot, end)| (boot, end))
    }

    fn stamp(self, home: &Home) -> Vec<u8> {
        home.stamp(KIND, &words(&[self.place, self.segment, self.is_closed.into()]))
    }

    fn from_slot(home: &Home, slot: &[u8], path: &Path) -> Result<(u32, Self), Damage> {
        let (boot, mut fields) = home.read(KIND, slot.get(..END_BYTES).unwrap_or(slot), path)?;
        let (Some(place), Some(segment), Some(closed)) = (fields.u64(), fields.u64(), fields.u64())
        else {
            return Err(Damage::file(path, "is cut short"));
        };
        Ok((boot, Self { place, segment, is_closed: closed == 1 }))
    }
}

/// The slot that counts, and what it says.
fn find(home: &Home) -> Result<(usize, u32, End), Damage> {
    let path = home.path(END);
    let bytes = fs::read(&path).map_err(|error| Damage::lacks(&path, error))?;
    let slots: [_; SLOTS] = std::array::from_fn(|slot| {
        let said = bytes.get(slot * SLOT_BYTES..).unwrap_or_default();
        End::from_slot(home, said, &path).map(|(boot, end)| (boot, end, slot))
    });
    let (boot, end, slot) = match slots {
        [Ok(one), Ok(other)] => one.max(other),
        [Ok(one), Err(_)] | [Err(_), Ok(one)] => one,
        [Err(damage), Err(_)] => return Err(damage),
    };
    Ok((slot, boot, end))
}

/// The file, mapped.
pub struct EndFile {
    home: Home,
    file: MappedFile,
    /// The slot to write: not the one that counts.
    next: usize,
}

impl EndFile {
    /// Of a shard that was never opened. Not durable before its folder is.
    pub fn create(home: &Home) -> io::Result<()> {
        let mut slots =
            End { is_closed: true, ..End::default() }.stamp(&Home { boot: 0, ..home.clone() });
        slots.resize(SLOTS * SLOT_BYTES, 0);
        let mut file = File::create(home.path(END))?;
        file.write_all(&slots)?;
        file.sync_all()
    }

    /// To be written to, behind what it says.
    pub fn open(home: &Home) -> Result<Self, Damage> {
        let path = home.path(END);
        let (newest, ..) = find(home)?;
        let file = OpenOptions::new().read(true).write(true).open(&path);
        let file = file.and_then(|file| MappedFile::new(file, SLOTS * SLOT_BYTES));
        let file = file.map_err(|error| Damage::io(&path, error))?;
        Ok(Self { home: home.clone(), file, next: (newest + 1) % SLOTS })
    }

    /// What is written is right after a kill.
    pub fn write(&mut self, end: End) {
        self.file.store(self.next * SLOT_BYTES, &end.stamp(&self.home));
        self.next = (self.next + 1) % SLOTS;
    }

    /// What was written is durable.
    pub fn sync(&self) -> Result<(), Damage> {
        self.file.sync().map_err(|error| Damage::io(&self.home.path(END), error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(place: u64) -> End {
        End { place, segment: 3, is_closed: false }
    }

    /// A folder with an `END` that was written so often, the last time at that place.
    fn written(times: u64) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::alone(dir.path()).unwrap();
        let mut file = EndFile::open(&home).unwrap();
        (1..=times).for_each(|place| file.write(end(place)));
        (dir, home)
    }

    fn change(home: &Home, slot: usize) {
        let path = home.path(END);
        let mut bytes = fs::read(&path).unwrap();
        bytes[slot * SLOT_BYTES + END_BYTES - 1] ^= 1;
        fs::write(&path, bytes).unwrap();
    }

    #[test]
    fn the_last_that_was_written_counts_without_a_close() {
        for times in 1..6 {
            let (_dir, home) = written(times);
            assert_eq!(End::read(&home).unwrap(), (1, end(times)));
        }
    }

    #[test]
    fn a_slot_that_was_cut_short_leaves_the_one_before_and_is_the_next_to_be_written() {
        for times in 2..6_u64 {
            let (_dir, home) = written(times);
            // The first one goes behind the slot of the making.
            let newest = usize::from(times % 2 == 1);
            change(&home, newest);
            assert_eq!(End::read(&home).unwrap().1, end(times - 1), "{times}");
            EndFile::open(&home).unwrap().write(end(times + 5));
            assert_eq!(End::read(&home).unwrap().1, end(times + 5), "{times}");
            change(&home, newest);
            assert_eq!(End::read(&home).unwrap().1, end(times - 1), "the other was not touched");
            change(&home, 1 - newest);
            let text = End::read(&home).unwrap_err().to_string();
            assert!(text.contains("END is damaged"), "{text}");
        }
    }

    #[test]
    fn an_opening_that_is_later_counts_and_a_close_is_later_than_what_it_closes() {
        let (_dir, home) = written(7);
        let later = Home { boot: home.boot + 1, ..home };
        let mut file = EndFile::open(&later).unwrap();
        file.write(end(5));
        assert_eq!(End::read(&later).unwrap(), (2, end(5)));
        let closed = End { is_closed: true, ..end(5) };
        file.write(closed);
        file.sync().unwrap();
        assert_eq!(End::read(&later).unwrap(), (2, closed));
    }

    #[test]
    fn the_one_slot_of_the_former_release_is_read_and_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::alone(dir.path()).unwrap();
        fs::write(home.path(END), end(9).stamp(&home)).unwrap();
        assert_eq!(End::read(&home).unwrap(), (1, end(9)));
        let mut file = EndFile::open(&home).unwrap();
        assert_eq!(End::read(&home).unwrap(), (1, end(9)), "room was made behind it");
        file.write(end(10));
        assert_eq!(End::read(&home).unwrap(), (1, end(10)));
    }
}
