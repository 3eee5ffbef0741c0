//! How far the log of a shard was written, as its core knows it: the file `END`.
//!
//! It is written after each record, into the kernel's memory, and is right after a kill; after a power cut it may be older. So
//! the log reaches at least as far as it says. It is durable when the shard is opened and when it is closed. A shard that was
//! made and never opened has one of opening 0.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::damage::Damage;
use super::home::{Home, words};

const KIND: [u8; 4] = *b"LLE1";
/// The file's name.
pub const END: &str = "END";

/// How far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// The file, open.
pub struct EndFile {
    home: Home,
    file: File,
    is_failing: bool,
}

impl EndFile {
    /// Of a shard that was never opened. Not durable before its folder is.
    pub fn create(home: &Home) -> io::Result<()> {
        let mut file = File::create(home.path(END))?;
        file.write_all(&Home { boot: 0, ..home.clone() }.stamp(KIND, &words(&[0, 0, 1])))?;
        file.sync_all()
    }

    /// With what it says, and in which opening it was written.
    pub fn open(home: &Home) -> Result<(Self, u32, End), Damage> {
        let path = home.path(END);
        let mut bytes = Vec::new();
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = opened.and_then(|mut file| {
            io::Read::read_to_end(&mut file, &mut bytes)?;
            Ok(file)
        });
        let file = file.map_err(|error| Damage::lacks(&path, error))?;
        let (boot, mut fields) = home.read(KIND, &bytes, &path)?;
        let (Some(place), Some(segment), Some(closed)) = (fields.u64(), fields.u64(), fields.u64())
        else {
            return Err(Damage::file(&path, "is cut short"));
        };
        let end = Self { home: home.clone(), file, is_failing: false };
        Ok((end, boot, End { place, segment, is_closed: closed == 1 }))
    }

    /// What is written is right after a kill. A disk that does not take it costs that, and is told once.
    pub fn write(&mut self, end: End) {
        let bytes = self.home.stamp(KIND, &words(&[end.place, end.segment, end.is_closed.into()]));
        match self.file.write_all_at(&bytes, 0) {
            Ok(()) => self.is_failing = false,
            Err(error) if !self.is_failing => {
                self.is_failing = true;
                let path = self.home.path(END);
                tracing::warn!(%error, path = %path.display(), "could not write how far the log is");
            }
            Err(_) => {}
        }
    }

    /// What was written is durable.
    pub fn sync(&self) -> Result<(), Damage> {
        self.file.sync_data().map_err(|error| Damage::io(&self.home.path(END), error))
    }
}
