//! The index's journals as files: which there are, and the checksum of what is synced of each. Fjall takes a journal that is
//! cut short or gone for one that ended so; here it is noticed. It knows no more of their format than that the last byte that
//! is not zero ends what was written: they are made with zeros, and each batch ends with a byte that is none.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use super::damage::Damage;
use super::synced::JournalPart;

/// Bytes read at a time.
const PIECE_BYTES: usize = 1024 * 1024;

/// What is known of each journal.
#[derive(Default)]
pub struct Journals {
    parts: BTreeMap<u64, Part>,
}

#[derive(Default)]
struct Part {
    bytes: u64,
    hasher: Hasher,
    last_batch: u64,
}

impl Journals {
    /// Looks at what was written since the last look, all of it synced; `last_batch` is in the newest.
    pub fn look(&mut self, index: &Path, last_batch: u64) -> io::Result<Vec<JournalPart>> {
        let mut there = list(index)?;
        for (number, path) in there.clone() {
            match self.parts.entry(number).or_default().read_on(&path) {
                // Fjall's own thread takes one away whose rows are all in tables.
                Err(error) if error.kind() == io::ErrorKind::NotFound => _ = there.remove(&number),
                read => read?,
            }
        }
        self.parts.retain(|number, _| there.contains_key(number));
        if let Some(mut newest) = self.parts.last_entry() {
            newest.get_mut().last_batch = last_batch;
        }
        let told = |(number, part): (&u64, &Part)| JournalPart {
            number: *number,
            bytes: part.bytes,
            checksum: part.hasher.clone().finalize(),
            last_batch: part.last_batch,
        };
        Ok(self.parts.iter().map(told).collect())
    }
}

impl Part {
    fn read_on(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        // Behind the hole there is nothing but the zeros of its making.
        let hole = rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(self.bytes));
        let end = hole.map_or_else(|_| file.metadata().map(|it| it.len()), Ok)?;
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut piece = vec![0; PIECE_BYTES];
        let mut rest = file.take(end.saturating_sub(self.bytes));
        // Zeros that were read and belong to the part only if something comes behind them.
        let mut zeros = 0;
        loop {
            let read = rest.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            let content = piece[..read].iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            if content > 0 {
                self.add_zeros(zeros);
                self.hasher.update(&piece[..content]);
                self.bytes += content as u64;
                zeros = 0;
            }
            zeros += read - content;
        }
    }

    fn add_zeros(&mut self, mut count: usize) {
        self.bytes += count as u64;
        while count > 0 {
            let some = count.min(BLANK.len());
            self.hasher.update(&BLANK[..some]);
            count -= some;
        }
    }
}

static BLANK: [u8; 4096] = [0; 4096];

/// Whether each journal that is there holds what was synced of it. Those that are gone are returned: they may be, if all that
/// was in them is in tables.
pub fn check(index: &Path, parts: &[JournalPart]) -> Result<Vec<JournalPart>, Damage> {
    let there = list(index).map_err(|error| Damage::io(index, error))?;
    let mut gone = Vec::new();
    for part in parts {
        let Some(path) = there.get(&part.number) else {
            gone.push(*part);
            continue;
        };
        if checksum(path, part.bytes).map_err(|error| Damage::io(path, error))?
            != Some(part.checksum)
        {
            return Err(Damage::file(path, "is damaged: its checksum is wrong"));
        }
    }
    if gone.len() == parts.len() && !parts.is_empty() && there.is_empty() {
        return Err(Damage::file(index, "has no journal"));
    }
    Ok(gone)
}

/// Of the first so many bytes, if there are.
fn checksum(path: &Path, bytes: u64) -> io::Result<Option<u32>> {
    let mut rest = File::open(path)?.take(bytes);
    let (mut hasher, mut left) = (Hasher::new(), bytes);
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = rest.read(&mut piece)?;
        if read == 0 {
            return Ok((left == 0).then(|| hasher.finalize()));
        }
        hasher.update(&piece[..read]);
        left -= read as u64;
    }
}

/// By their numbers.
fn list(index: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut there = BTreeMap::new();
    for entry in fs::read_dir(index)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(number) = name.and_then(|name| name.strip_suffix(".jnl")?.parse().ok()) {
            there.insert(number, path);
        }
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn what_was_seen_of_a_journal_must_be_there_and_what_comes_behind_may_be_anything() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("3.jnl");
        let file = File::create(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        let mut journals = Journals::default();
        let content = [&[7; 5_000][..], &[0; 9_000], &[9; 100]].concat();
        file.write_all_at(&content[..5_000], 0).unwrap();
        assert_eq!(journals.look(dir.path(), 1).unwrap()[0].bytes, 5_000);
        file.write_all_at(&content[5_000..], 5_000).unwrap();
        let parts = journals.look(dir.path(), 2).unwrap();
        assert_eq!((parts[0].bytes, parts[0].checksum), (14_100, crc32fast::hash(&content)));
        file.write_all_at(b"more", 14_100).unwrap();
        assert_eq!(check(dir.path(), &parts).unwrap(), []);
        file.write_all_at(&[8], 13_000).unwrap();
        assert!(check(dir.path(), &parts).unwrap_err().to_string().contains("3.jnl is damaged"));
        file.set_len(14_000).unwrap();
        assert!(check(dir.path(), &parts).is_err());
        fs::rename(&path, dir.path().join("4.jnl")).unwrap();
        assert_eq!(check(dir.path(), &parts).unwrap(), parts, "it is gone");
    }
}
