//! Whether the disk still has the room that must stay free. It knows no rows.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::limits::{SPACE_CHECK_BYTES, SPACE_CHECK_INTERVAL};

/// Watches the file system of a directory.
pub struct Space {
    dir: File,
    reserve_bytes: u64,
    /// When there last was room; `None`: there was none.
    checked: Option<Instant>,
    written: usize,
}

/// Bytes that may be written to the file system of `dir`.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    free(&File::open(dir)?)
}

fn free(dir: &File) -> io::Result<u64> {
    let stat = rustix::fs::fstatvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

impl Space {
    /// Of the file system that holds `dir`.
    pub fn new(dir: &Path, reserve_bytes: u64) -> io::Result<Self> {
        Ok(Self { dir: File::open(dir)?, reserve_bytes, checked: None, written: 0 })
    }

    /// Whether `bytes` may be written. Looks again when the last look is old, or found no room.
    pub fn has_room_for(&mut self, bytes: usize) -> io::Result<bool> {
        self.written += bytes;
        let holds = self.checked.is_some_and(|time| time.elapsed() < SPACE_CHECK_INTERVAL);
        if holds && self.written < SPACE_CHECK_BYTES {
            return Ok(true);
        }
        let has_room = free(&self.dir)? >= self.reserve_bytes;
        self.checked = has_room.then(Instant::now);
        self.written = 0;
        Ok(has_room)
    }
}
