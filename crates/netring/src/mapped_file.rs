//! The first bytes of a file as memory: what is stored there is in the kernel's pages of the file at once, without a system
//! call. It does not know what the bytes mean.
#![allow(unsafe_code, reason = "memory shared with the kernel")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use std::ptr::NonNull;

/// A file's first bytes, mapped.
///
/// Whoever reads the file sees what was stored, also after this process was killed. It is durable once the file is synced, or
/// when the kernel writes it back by itself, which may be amid a store. If the disk cannot give the page back, or somebody cuts
/// the file short, a store ends the process with SIGBUS.
#[derive(Debug)]
pub struct MappedFile {
    file: File,
    base: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the mapping is reached through this value only, and belongs to the process, not to a thread.
unsafe impl Send for MappedFile {}

impl MappedFile {
    /// Maps the first `bytes` of a file that is open for reading and writing. One that is shorter is made so long with zeros,
    /// which are written, so that a store needs no room on the disk.
    ///
    /// # Errors
    /// The disk's; the file is not one that can be mapped.
    ///
    /// # Panics
    /// `bytes` is 0.
    pub fn new(file: File, bytes: usize) -> io::Result<Self> {
        assert!(bytes > 0, "nothing to map");
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if length < bytes {
            file.write_all_at(&vec![0; bytes - length], length as u64)?;
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let null = std::ptr::null_mut();
        // SAFETY: a fresh mapping at an address of the kernel's choice aliases nothing of this process; its bytes are read
        // and written as bytes only.
        let address =
            unsafe { libc::mmap(null, bytes, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(address.cast::<u8>()).expect("mmap never maps page zero");
        Ok(Self { file, base, bytes })
    }

    /// Stores bytes at a place. What is killed amid of it leaves a part of them.
    ///
    /// # Panics
    /// They do not lie within what is mapped.
    pub fn store(&mut self, at: usize, bytes: &[u8]) {
        let fits = at.checked_add(bytes.len()).is_some_and(|end| end <= self.bytes);
        assert!(fits, "within what is mapped");
        // SAFETY: the place lies inside the mapping, as just seen, and `bytes`, borrowed beside `&mut self`, outside of it.
        unsafe { self.base.as_ptr().add(at).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    /// Makes what was stored durable. Blocks.
    ///
    /// # Errors
    /// The disk's.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size, and nothing that was borrowed of it is left.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn open(path: &std::path::Path) -> File {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(path).unwrap()
    }

    #[test]
    fn what_is_stored_is_in_the_file_at_once_and_the_rest_stays() {
        let path = std::env::temp_dir().join(format!("mapped-{}", std::process::id()));
        fs::write(&path, b"0123456789").unwrap();
        let mut mapped = MappedFile::new(open(&path), 16).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"0123456789\0\0\0\0\0\0", "made longer");
        mapped.store(4, b"abc");
        mapped.store(14, b"yz");
        assert_eq!(fs::read(&path).unwrap(), b"0123abc789\0\0\0\0yz");
        mapped.sync().unwrap();
        drop(mapped);
        let outside = std::panic::catch_unwind(|| {
            MappedFile::new(open(&path), 16).unwrap().store(15, b"ab");
        });
        assert!(outside.is_err(), "nothing is stored outside");
        assert_eq!(fs::read(&path).unwrap(), b"0123abc789\0\0\0\0yz");
        fs::remove_file(&path).unwrap();
    }
}
