//! Segments: files of one size, written once with zeros so that a later write changes no metadata, and used over and over.
//!
//! The first block of a segment is its head: whose it is ([`Home::stamp`]), then, 8 bytes each: 1 if it is in use, 0 if it is
//! free; its number; its salt; the log's place when it was made ready, before which it has no record. A file keeps its name,
//! and its number grows with each use. It knows no records.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::Buffer;
use crate::store::damage::Damage;
use crate::store::home::{Home, STAMP_BYTES, words};
use crate::store::limits::{BLOCK_BYTES, SEGMENT_BYTES, SEGMENTS_MAX};

const KIND: [u8; 4] = *b"LLS2";
/// Bytes of a segment's head that are not zero.
const HEAD_BYTES: usize = STAMP_BYTES + 32;
/// Zeros written at a time.
const ZEROS_BYTES: usize = 1024 * 1024;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    is_in_use: bool,
    number: u64,
    salt: u64,
    from: u64,
}

/// A segment to write to, from its second block on.
#[derive(Debug)]
pub struct Segment {
    /// Open for direct, synchronous writes.
    pub file: Arc<File>,
    /// Its place among the segments in use: later ones have higher numbers.
    pub number: u64,
    /// What its records carry.
    pub salt: u64,
}

/// A segment as it was found, in use.
#[derive(Debug)]
pub struct FoundSegment {
    /// Its place among the segments in use.
    pub number: u64,
    /// What its records carry.
    pub salt: u64,
    /// It has no record before this place.
    pub from: u64,
    /// Its file.
    pub path: PathBuf,
}

/// All segment files of a log.
#[derive(Debug)]
pub struct SegmentFiles {
    home: Home,
    dir: PathBuf,
    names: [bool; SEGMENTS_MAX],
    free: Vec<Arc<File>>,
    number: u64,
    boot: u32,
}

impl SegmentFiles {
    /// Of the log of a shard, which is made if it is not there: with those in use, ascending. Changes nothing that is there,
    /// but for files whose making was cut short.
    pub fn open(home: &Home) -> Result<(Self, Vec<FoundSegment>), Damage> {
        let dir = home.path("log");
        let io = |error| Damage::io(&dir, error);
        fs::create_dir_all(&dir).map_err(io)?;
        // A log whose name a power cut takes away would be a new one.
        File::open(&home.dir).and_then(|parent| parent.sync_all()).map_err(io)?;
        let mut files = Self {
            home: home.clone(),
            dir: dir.clone(),
            names: [false; SEGMENTS_MAX],
            free: Vec::new(),
            number: 0,
            boot: 0,
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).map_err(io)? {
            files.take(entry.map_err(io)?.path(), &mut found)?;
        }
        found.sort_by_key(|segment| segment.number);
        if let Some(twice) = found.windows(2).find(|two| two[0].number == two[1].number) {
            let [one, other] = [&twice[0].path, &twice[1].path].map(|path| path.display());
            return Err(Damage::file(&dir, format!("has one segment twice: {one} and {other}")));
        }
        Ok((files, found))
    }

    fn take(&mut self, path: PathBuf, found: &mut Vec<FoundSegment>) -> Result<(), Damage> {
        let io = |error| Damage::io(&path, error);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".new") {
            // Its making was cut short.
            return fs::remove_file(&path).map_err(io);
        }
        let slot = name.parse().ok().filter(|slot| file_name(*slot) == name);
        let Some(taken) = slot.and_then(|slot| self.names.get_mut(slot)) else {
            return Err(Damage::file(&path, "is no file of the log: take it away"));
        };
        *taken = true;
        let (boot, head) = self.read_head(&path)?;
        self.boot = self.boot.max(boot);
        self.number = self.number.max(head.number);
        if head.is_in_use {
            let Head { number, salt, from, .. } = head;
            found.push(FoundSegment { number, salt, from, path });
        } else {
            self.free.push(Arc::new(open_direct(&path).map_err(io)?));
        }
        Ok(())
    }

    /// The number of the newest segment, also if it is free again.
    pub fn newest(&self) -> u64 {
        self.number
    }

    /// The last opening in which one was made ready.
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A segment ready for records from a place on, if one is free or may be made.
    pub fn prepare(&mut self, from: u64) -> io::Result<Option<Segment>> {
        let free = self.free.pop();
        let Some(file) = free.map_or_else(|| self.make(), |file| Ok(Some(file)))? else {
            return Ok(None);
        };
        self.number += 1;
        let salt = RandomState::new().hash_one(self.number);
        let head = Head { is_in_use: true, number: self.number, salt, from };
        write_head(&self.home, &file, head)?;
        Ok(Some(Segment { file, number: self.number, salt }))
    }

    /// The index has everything that is in it, durably.
    pub fn release(&mut self, segment: Segment) {
        self.free.push(segment.file);
    }

    /// The same of a segment that was found: nothing in it is a record any more.
    pub fn free(&mut self, found: &FoundSegment) -> io::Result<()> {
        let file = open_direct(&found.path)?;
        let FoundSegment { number, salt, from, .. } = *found;
        write_head(&self.home, &file, Head { is_in_use: false, number, salt, from })?;
        self.free.push(Arc::new(file));
        Ok(())
    }

    /// One more file, if there may be, under a name that none has.
    fn make(&mut self) -> io::Result<Option<Arc<File>>> {
        let Some(slot) = self.names.iter().position(|taken| !taken) else { return Ok(None) };
        let path = self.dir.join(file_name(slot));
        let begun = path.with_extension("new");
        let file = open_direct(&begun)?;
        let made = fill(&file).and_then(|()| {
            let head = Head { is_in_use: false, number: 0, salt: 0, from: 0 };
            write_head(&self.home, &file, head)?;
            file.sync_all()?;
            move_new(&begun, &path)?;
            File::open(&self.dir)?.sync_all()
        });
        if let Err(error) = made {
            // Without room for it, it must not take any.
            let _ = fs::remove_file(&begun);
            return Err(error);
        }
        self.names[slot] = true;
        Ok(Some(Arc::new(file)))
    }

    fn read_head(&self, path: &Path) -> Result<(u32, Head), Damage> {
        let mut bytes = [0; HEAD_BYTES];
        let read = File::open(path).and_then(|mut file| {
            file.read_exact(&mut bytes)?;
            file.metadata()
        });
        let length = match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            read => read.map_err(|error| Damage::io(path, error))?.len(),
        };
        if length != SEGMENT_BYTES as u64 {
            let what = format!("has {length} bytes and must have {SEGMENT_BYTES}");
            return Err(Damage::file(path, what));
        }
        let (boot, mut fields) = self.home.read(KIND, &bytes, path)?;
        let mut next = || fields.u64().expect("the head has as many bytes");
        let [is_in_use, number, salt, from] = [next(), next(), next(), next()];
        Ok((boot, Head { is_in_use: is_in_use == 1, number, salt, from }))
    }
}

fn file_name(slot: usize) -> String {
    format!("{slot:02}")
}

/// Gives a file a name that must be free: what is there is never replaced.
fn move_new(begun: &Path, path: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, begun, CWD, path, RenameFlags::NOREPLACE) {
        // A file system that does not know how: nobody else makes files here.
        Err(Errno::INVAL | Errno::NOSYS) if !path.try_exists()? => fs::rename(begun, path),
        moved => Ok(moved?),
    }
}

/// Everything in a segment's file.
pub fn read_all(found: &FoundSegment) -> io::Result<Vec<u8>> {
    fs::read(&found.path)
}

fn fill(file: &File) -> io::Result<()> {
    let zeros = zeros(ZEROS_BYTES);
    let mut parts = 0..SEGMENT_BYTES / ZEROS_BYTES;
    parts.try_for_each(|part| file.write_all_at(zeros.content(), (part * ZEROS_BYTES) as u64))
}

fn zeros(len: usize) -> Buffer {
    let mut zeros = Buffer::with_capacity(len);
    let tail = zeros.tail();
    tail.resize(tail.len() + len, 0);
    zeros
}

/// Where direct IO is not offered, as on some file systems in memory, a write goes through the page cache.
fn open_direct(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::DSYNC | OFlags::CLOEXEC;
    let open = |flags| rustix::fs::open(path, flags, Mode::from_raw_mode(0o600));
    let opened = match open(flags | OFlags::DIRECT) {
        Err(Errno::INVAL) => open(flags),
        opened => opened,
    };
    Ok(File::from(opened?))
}

fn write_head(home: &Home, file: &File, head: Head) -> io::Result<()> {
    let Head { is_in_use, number, salt, from } = head;
    let stamped = home.stamp(KIND, &words(&[is_in_use.into(), number, salt, from]));
    let mut block = zeros(BLOCK_BYTES);
    block.content_mut()[..HEAD_BYTES].copy_from_slice(&stamped);
    file.write_all_at(block.content(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(dir: &tempfile::TempDir) -> Home {
        Home::alone(dir.path()).unwrap()
    }

    #[test]
    fn a_segment_is_found_until_it_is_freed_and_its_number_stays_known() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(&dir);
        let (mut files, found) = SegmentFiles::open(&home).unwrap();
        assert!(found.is_empty());
        let first = files.prepare(0).unwrap().unwrap();
        let second = files.prepare(7).unwrap().unwrap();
        assert_ne!(first.salt, second.salt);
        files.release(first);
        let (mut files, found) = SegmentFiles::open(&home).unwrap();
        assert_eq!(
            found.iter().map(|it| (it.number, it.from)).collect::<Vec<_>>(),
            [(1, 0), (2, 7)]
        );
        assert_eq!((found[1].salt, files.newest()), (second.salt, 2));
        found.iter().for_each(|it| files.free(it).unwrap());
        let (mut files, found) = SegmentFiles::open(&home).unwrap();
        assert!(found.is_empty());
        assert_eq!((files.free.len(), files.newest()), (2, 2), "their files are used again");
        assert_eq!(files.prepare(9).unwrap().unwrap().number, 3);
        assert_eq!(files.names.iter().filter(|taken| **taken).count(), 2);
    }

    #[test]
    fn segments_are_bounded_and_half_made_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(&dir);
        fs::create_dir(home.path("log")).unwrap();
        fs::write(home.path("log/03.new"), b"half").unwrap();
        let (mut files, _) = SegmentFiles::open(&home).unwrap();
        assert!(!home.path("log/03.new").exists());
        files.names = [true; SEGMENTS_MAX];
        assert!(files.prepare(0).unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_there_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(&dir);
        let (mut files, _) = SegmentFiles::open(&home).unwrap();
        for from in 0..3 {
            files.prepare(from).unwrap().unwrap();
        }
        fs::remove_file(home.path("log/00")).unwrap();
        let (mut files, found) = SegmentFiles::open(&home).unwrap();
        assert_eq!(found.len(), 2);
        let fourth = files.prepare(3).unwrap().unwrap();
        assert_eq!(fourth.number, 4);
        let (_, found) = SegmentFiles::open(&home).unwrap();
        assert_eq!(found.iter().map(|it| it.number).collect::<Vec<_>>(), [2, 3, 4]);
        // Also where the listing did not show it.
        files.names[1] = false;
        assert!(files.prepare(4).is_err());
        assert_eq!(SegmentFiles::open(&home).unwrap().1.len(), 3);
    }

    #[test]
    fn a_head_that_is_damaged_is_no_free_segment() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(&dir);
        let (mut files, _) = SegmentFiles::open(&home).unwrap();
        files.prepare(0).unwrap().unwrap();
        let path = home.path("log/00");
        let mut bytes = fs::read(&path).unwrap();
        bytes[HEAD_BYTES - 20] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let text = SegmentFiles::open(&home).unwrap_err().to_string();
        assert!(text.contains("log/00 is damaged"), "{text}");
        fs::write(&path, &bytes[..SEGMENT_BYTES / 2]).unwrap();
        let text = SegmentFiles::open(&home).unwrap_err().to_string();
        assert!(text.contains("has 4194304 bytes and must have 8388608"), "{text}");
    }
}
