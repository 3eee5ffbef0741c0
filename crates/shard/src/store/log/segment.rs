//! Segments: files of one size, written once with zeros so that a later write changes no metadata, and used over and over.
//!
//! The first block of a segment in use says its number and its salt; that of a free one is zero. It knows no records.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Buffer;
use crate::store::limits::{BLOCK_BYTES, SEGMENT_BYTES, SEGMENTS_MAX};

const MAGIC: [u8; 4] = *b"LLS1";
/// Bytes of a segment's head that are not zero.
const HEAD_BYTES: usize = 24;
/// Zeros written at a time.
const ZEROS_BYTES: usize = 1024 * 1024;

/// A segment to write to, from its second block on.
#[derive(Debug)]
pub struct Segment {
    /// Open for direct, synchronous writes.
    pub file: Arc<File>,
    /// What its records carry.
    pub salt: u64,
}

/// A segment as it was found.
pub struct FoundSegment {
    /// Its place among the segments in use: later ones have higher numbers.
    pub number: u64,
    /// What its records carry.
    pub salt: u64,
    /// Its file.
    pub path: PathBuf,
}

/// All segment files of a log.
pub struct SegmentFiles {
    dir: PathBuf,
    count: usize,
    free: Vec<Arc<File>>,
    number: u64,
}

impl SegmentFiles {
    /// Of the log in `dir`, which is made if it is not there: with those in use, ascending.
    pub fn open(dir: &Path) -> io::Result<(Self, Vec<FoundSegment>)> {
        fs::create_dir_all(dir)?;
        // A log whose name a power cut takes away would be a new one.
        if let Some(parent) = dir.parent() {
            File::open(parent)?.sync_all()?;
        }
        let mut files = Self { dir: dir.to_path_buf(), count: 0, free: Vec::new(), number: 0 };
        let mut found = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "new") {
                // Its making was cut short.
                fs::remove_file(&path)?;
                continue;
            }
            files.count += 1;
            if let Some((number, salt)) = read_head(&path)? {
                files.number = files.number.max(number);
                found.push(FoundSegment { number, salt, path });
            } else {
                files.free.push(Arc::new(open_direct(&path)?));
            }
        }
        found.sort_by_key(|segment| segment.number);
        Ok((files, found))
    }

    /// There is no segment, not even a free one: the log is new, or its files were taken away.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A segment ready for records, if one is free or may be made and there is room for it.
    pub fn prepare(&mut self) -> io::Result<Option<Segment>> {
        let file = match self.free.pop() {
            Some(file) => file,
            None if self.count == SEGMENTS_MAX => return Ok(None),
            None => match self.make() {
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(None),
                made => made?,
            },
        };
        self.number += 1;
        let salt = RandomState::new().hash_one(self.number);
        write_head(&file, Some((self.number, salt)))?;
        Ok(Some(Segment { file, salt }))
    }

    /// The index has everything that is in it, durably.
    pub fn release(&mut self, segment: Segment) {
        self.free.push(segment.file);
    }

    /// The same of a segment that was found: nothing in it is a record any more.
    pub fn free(&mut self, found: &FoundSegment) -> io::Result<()> {
        let file = open_direct(&found.path)?;
        write_head(&file, None)?;
        self.free.push(Arc::new(file));
        Ok(())
    }

    fn make(&mut self) -> io::Result<Arc<File>> {
        let path = self.dir.join(format!("{:02}", self.count));
        let begun = path.with_extension("new");
        let file = open_direct(&begun)?;
        let zeros = zeros(ZEROS_BYTES);
        let mut parts = 0..SEGMENT_BYTES / ZEROS_BYTES;
        let filled = parts
            .try_for_each(|part| file.write_all_at(zeros.content(), (part * ZEROS_BYTES) as u64));
        if let Err(error) = filled.and_then(|()| file.sync_all()) {
            fs::remove_file(&begun)?;
            return Err(error);
        }
        fs::rename(&begun, &path)?;
        File::open(&self.dir)?.sync_all()?;
        self.count += 1;
        Ok(Arc::new(file))
    }
}

/// Everything in a segment's file.
pub fn read_all(found: &FoundSegment) -> io::Result<Vec<u8>> {
    let bytes = fs::read(&found.path)?;
    let fits = bytes.len() == SEGMENT_BYTES;
    fits.then_some(bytes).ok_or_else(|| io::Error::other("a segment of another size"))
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

fn write_head(file: &File, head: Option<(u64, u64)>) -> io::Result<()> {
    let mut block = zeros(BLOCK_BYTES);
    if let Some((number, salt)) = head {
        let bytes = block.content_mut();
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&number.to_le_bytes());
        bytes[16..HEAD_BYTES].copy_from_slice(&salt.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[8..HEAD_BYTES]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
    file.write_all_at(block.content(), 0)
}

/// Number and salt of a segment in use. A head that was cut short is that of a segment without records.
fn read_head(path: &Path) -> io::Result<Option<(u64, u64)>> {
    let mut head = [0; HEAD_BYTES];
    File::open(path)?.read_exact(&mut head)?;
    let [m0, m1, m2, m3, c0, c1, c2, c3, fields @ ..] = head;
    let is_whole = [m0, m1, m2, m3] == MAGIC
        && crc32fast::hash(&fields) == u32::from_le_bytes([c0, c1, c2, c3]);
    let (number, salt) = fields.split_at(8);
    let long = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).expect("eight bytes");
    Ok(is_whole.then(|| (long(number), long(salt))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_until_it_is_freed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut files, found) = SegmentFiles::open(dir.path()).unwrap();
        assert!(found.is_empty());
        let first = files.prepare().unwrap().unwrap();
        let second = files.prepare().unwrap().unwrap();
        assert_ne!(first.salt, second.salt);
        files.release(first);
        let (mut files, found) = SegmentFiles::open(dir.path()).unwrap();
        assert_eq!(found.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(found[1].salt, second.salt);
        found.iter().for_each(|it| files.free(it).unwrap());
        let (mut files, found) = SegmentFiles::open(dir.path()).unwrap();
        assert!(found.is_empty());
        assert_eq!((files.count, files.free.len()), (2, 2), "their files are used again");
        assert!(files.prepare().unwrap().is_some() && files.count == 2);
    }

    #[test]
    fn segments_are_bounded_and_half_made_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("03.new"), b"half").unwrap();
        let (mut files, _) = SegmentFiles::open(dir.path()).unwrap();
        assert!(!dir.path().join("03.new").exists());
        files.count = SEGMENTS_MAX;
        assert!(files.prepare().unwrap().is_none());
    }
}
