//! A write to a file, as the caller gives it and gets it back. It does not know how it is done.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

/// Bytes for a place in a file. How durable a write is, is said when the file is opened (`O_DSYNC`,
/// `O_DIRECT`, the latter with its rules of alignment).
pub struct FileWrite {
    /// Open for writing.
    pub file: Arc<File>,
    /// Where, in bytes from the file's start.
    pub offset: u64,
    /// Holds what is written; comes back with `Event::Written`.
    pub buffer: Vec<u8>,
    /// Which part of it is written.
    pub content: Range<usize>,
}

impl fmt::Debug for FileWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileWrite({} bytes at {})", self.content.len(), self.offset)
    }
}
