//! Whose a shard's folder is: of which directory, which shard, at which opening. Each part of a shard carries it in a
//! stamp, so that no part of another shard, directory or time is taken for its own. It knows no part.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | what kind of part it is |
//! | 4..8 | CRC-32 of everything behind |
//! | 8..16 | the directory's id |
//! | 16..20 | the shard |
//! | 20..24 | the opening in which it was written |

use std::path::{Path, PathBuf};

use super::damage::Damage;

/// Bytes of a stamp.
pub const STAMP_BYTES: usize = 24;

/// A shard's folder, and whose it is.
#[derive(Clone, Debug)]
pub struct Home {
    /// The folder.
    pub dir: PathBuf,
    /// The id of the data directory that it is in.
    pub directory: u64,
    /// The shard.
    pub shard: u16,
    /// Which opening of the directory this is, from 1.
    pub boot: u32,
}

impl Home {
    /// A part, stamped: of a kind, with what it says.
    pub fn stamp(&self, kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(STAMP_BYTES + body.len());
        bytes.extend_from_slice(&kind);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.directory.to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.shard).to_le_bytes());
        bytes.extend_from_slice(&self.boot.to_le_bytes());
        bytes.extend_from_slice(body);
        let checksum = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// What a stamped part says, and in which opening it was written.
    ///
    /// # Errors
    /// It is damaged, or another's.
    pub fn read<'a>(
        &self,
        kind: [u8; 4],
        bytes: &'a [u8],
        path: &Path,
    ) -> Result<(u32, Fields<'a>), Damage> {
        let damaged = || Damage::file(path, "is damaged: its checksum is wrong");
        let mut fields = Fields(bytes);
        let found = fields.raw::<4>().ok_or_else(damaged)?;
        let checksum = fields.u32().ok_or_else(damaged)?;
        if found != kind || crc32fast::hash(fields.0) != checksum {
            return Err(damaged());
        }
        let directory = fields.u64().ok_or_else(damaged)?;
        let shard = fields.u32().ok_or_else(damaged)?;
        let boot = fields.u32().ok_or_else(damaged)?;
        if directory != self.directory {
            return Err(Damage::file(path, "belongs to another data directory"));
        }
        if shard != u32::from(self.shard) {
            return Err(Damage::file(
                path,
                format!("belongs to shard {shard}, not {}", self.shard),
            ));
        }
        Ok((boot, fields))
    }

    /// Refuses a part that was written in this opening or a later one: two openings with one number would give the same ids.
    ///
    /// # Errors
    /// It was.
    pub fn check_boot(&self, found: u32, path: &Path) -> Result<(), Damage> {
        let (path, boot) = (path.to_path_buf(), self.boot);
        if found < boot { Ok(()) } else { Err(Damage::Boot { path, found, boot }) }
    }

    /// A file or folder of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Reads numbers off the front of what a part says.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn raw<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next 4 bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.raw().map(u32::from_le_bytes)
    }

    /// The next 8 bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.raw().map(u64::from_le_bytes)
    }
}

/// Numbers as a part says them.
pub fn words(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(directory: u64, shard: u16) -> Home {
        Home { dir: PathBuf::new(), directory, shard, boot: 3 }
    }

    #[test]
    fn a_part_is_read_by_its_own_shard_only_and_any_change_of_it_is_seen() {
        let stamped = home(7, 1).stamp(*b"TEST", &words(&[5]));
        let read = |home: &Home, bytes: &[u8]| {
            let (boot, mut fields) = home.read(*b"TEST", bytes, Path::new("X"))?;
            Ok::<_, Damage>((boot, fields.u64(), fields.u64()))
        };
        assert_eq!(read(&home(7, 1), &stamped).unwrap(), (3, Some(5), None));
        let text = |home: &Home| read(home, &stamped).unwrap_err().to_string();
        assert!(text(&home(8, 1)).contains("X belongs to another data directory"));
        assert!(text(&home(7, 2)).contains("belongs to shard 1, not 2"));
        for bit in 0..8 * stamped.len() {
            let mut damaged = stamped.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&home(7, 1), &damaged).is_err(), "bit {bit}");
        }
        assert!(read(&home(7, 1), &stamped[..stamped.len() - 1]).is_err());
    }

    #[test]
    fn a_part_of_this_opening_or_a_later_one_says_that_boot_was_set_back() {
        let home = home(7, 1);
        assert!(home.check_boot(2, Path::new("X")).is_ok());
        let text = home.check_boot(3, Path::new("X")).unwrap_err().to_string();
        assert!(text.contains("BOOT was set back; write 3 into BOOT"), "{text}");
    }
}
