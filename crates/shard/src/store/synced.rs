//! What the index of a shard has for sure: the file `SYNCED`, written each time that the index was synced.
//!
//! From its place on the log is replayed at a start, whatever the index has of it. What the index had up to there lies in
//! tables, which carry checksums of their own, and in journals, of which this file has the checksums.

use std::fs::{self, File};
use std::io::{self, Write as _};

use super::damage::Damage;
use super::home::{Home, words};
use super::log::Through;

const KIND: [u8; 4] = *b"LLI1";
/// The file's name.
pub const SYNCED: &str = "SYNCED";

/// The part of a journal that is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalPart {
    /// The journal's number.
    pub number: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Their CRC-32.
    pub checksum: u32,
    /// The number of the last batch in it.
    pub last_batch: u64,
}

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    /// How much of the log is in the index.
    pub through: Through,
    /// The number of the newest segment then.
    pub segment: u64,
    /// The index's journals.
    pub journals: Vec<JournalPart>,
}

impl Synced {
    /// What it says, and in which opening it was written. None if there is no such file.
    pub fn read(home: &Home) -> Result<Option<(u32, Self)>, Damage> {
        let path = home.path(SYNCED);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| Damage::io(&path, error))?,
        };
        let (boot, mut fields) = home.read(KIND, &bytes, &path)?;
        let mut take = || {
            let [place, newest_id_ms, segment, count] =
                [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?];
            let part = |_| {
                let [number, bytes, checksum, last_batch] =
                    [fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?];
                let checksum = u32::try_from(checksum).ok()?;
                Some(JournalPart { number, bytes, checksum, last_batch })
            };
            let journals = (0..count).map(part).collect::<Option<_>>()?;
            Some(Self { through: Through { place, newest_id_ms }, segment, journals })
        };
        let synced = take().ok_or_else(|| Damage::file(&path, "is cut short"))?;
        Ok(Some((boot, synced)))
    }

    /// Replaces the file, durably.
    pub fn write(&self, home: &Home) -> io::Result<()> {
        let Through { place, newest_id_ms } = self.through;
        let mut body = words(&[place, newest_id_ms, self.segment, self.journals.len() as u64]);
        for part in &self.journals {
            let JournalPart { number, bytes, checksum, last_batch } = *part;
            body.extend(words(&[number, bytes, checksum.into(), last_batch]));
        }
        let (path, draft) = (home.path(SYNCED), home.path("SYNCED.tmp"));
        let mut file = File::create(&draft)?;
        file.write_all(&home.stamp(KIND, &body))?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(&home.dir)?.sync_all()
    }
}
