//! The directory that a gateway keeps its shards in: whose it is, how it is laid out, how often it was opened.
//!
//! It knows no store. `LOCK` is held while it is open; `LAYOUT` says what it is and is written once, last;
//! `BOOT` counts the openings.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The layout that this program writes and reads.
const LAYOUT_VERSION: u32 = 3;
/// Openings are the epoch in a message's id, which has 20 bits for it.
const BOOTS_MAX: u32 = 1 << 20;
/// What a directory may hold whose creation was cut short, after which it is begun anew.
const BEGUN: [&str; 4] = ["LOCK", "BOOT", "BOOT.tmp", "LAYOUT.tmp"];

/// A data directory, ours until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    inbox_epoch: u64,
    boot: u32,
    _lock: File,
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum DataDirError {
    #[error("could not {verb} {}: {source}", path.display())]
    Io { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not a directory; give a directory, or a path that does not exist yet", .0.display())]
    NotADirectory(PathBuf),
    #[error(
        "{} holds other files and no LAYOUT, so it is not a data directory; give an empty one",
        .0.display()
    )]
    NotOurs(PathBuf),
    #[error("another gateway uses {}; stop it, or give this one its own directory", .0.display())]
    Locked(PathBuf),
    #[error(
        "{} has layout version {found}, this program reads {LAYOUT_VERSION}; start the version that made it",
        path.display()
    )]
    OtherLayout { path: PathBuf, found: u32 },
    #[error(
        "{} was made with {found} shards, and {asked} were asked for; start with --shards {found}, \
         or start an empty directory and move the users there",
        path.display()
    )]
    OtherShards { path: PathBuf, found: u16, asked: u16 },
    #[error("shards must be 1 or more; start with --shards 1")]
    NoShards,
    #[error("{} is damaged: {what}; restore the directory from a backup", path.display())]
    Damaged { path: PathBuf, what: &'static str },
    #[error("{} was opened {BOOTS_MAX} times; message ids are used up, start an empty directory", .0.display())]
    TooManyBoots(PathBuf),
}

impl DataDir {
    /// Creates the directory or checks that it is as asked for, locks it, and counts this opening.
    ///
    /// # Errors
    /// It is in use, not ours, laid out otherwise, damaged, not writable.
    pub fn open(path: impl Into<PathBuf>, shards: u16) -> Result<Self, DataDirError> {
        let path = path.into();
        if shards == 0 {
            return Err(DataDirError::NoShards);
        }
        create(&path)?;
        let is_new = is_new(&path)?;
        let lock = lock(&path)?;
        if is_new {
            write_whole(&path, "BOOT", "0\n")?;
            let epoch = unix_ms();
            let layout =
                format!("version = {LAYOUT_VERSION}\nshards = {shards}\ninbox_epoch = {epoch}\n");
            write_whole(&path, "LAYOUT", &layout)?;
        }
        let inbox_epoch = check_layout(&path, shards)?;
        for shard in 0..shards {
            create(&path.join(format!("shard-{shard}")))?;
        }
        let boot = count_boot(&path)?;
        Ok(Self { path, inbox_epoch, boot, _lock: lock })
    }

    /// Where a shard's store is.
    #[must_use]
    pub fn shard_dir(&self, shard: u16) -> PathBuf {
        self.path.join(format!("shard-{shard}"))
    }

    /// Which opening this is, from 1: the epoch of the owners. Durable before it is told.
    #[must_use]
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// Tells the inboxes of this directory from those of any other: when it was made, Unix ms.
    #[must_use]
    pub fn inbox_epoch(&self) -> u64 {
        self.inbox_epoch
    }
}

/// Names what failed.
fn io<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DataDirError + 'a {
    move |source| DataDirError::Io { verb, path: path.to_path_buf(), source }
}

fn create(path: &Path) -> Result<(), DataDirError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(DataDirError::NotADirectory(path.to_path_buf())),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(DataDirError::NotADirectory(path.to_path_buf()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path).map_err(io("create", path))?;
            sync_dir(path.parent().filter(|it| *it != Path::new("")).unwrap_or(Path::new(".")))
        }
        Err(error) => Err(io("look at", path)(error)),
    }
}

fn is_new(path: &Path) -> Result<bool, DataDirError> {
    let mut is_empty = true;
    for entry in fs::read_dir(path).map_err(io("list", path))? {
        let name = entry.map_err(io("list", path))?.file_name();
        if name == "LAYOUT" {
            return Ok(false);
        }
        is_empty &= BEGUN.iter().any(|it| OsStr::new(it) == name);
    }
    if is_empty { Ok(true) } else { Err(DataDirError::NotOurs(path.to_path_buf())) }
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let name = path.join("LOCK");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(&name).map_err(io("write", &name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(path.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(io("lock", &name)(error)),
    }
}

fn check_layout(path: &Path, asked: u16) -> Result<u64, DataDirError> {
    let file = path.join("LAYOUT");
    let text = fs::read_to_string(&file).map_err(io("read", &file))?;
    let damaged = |what| DataDirError::Damaged { path: file.clone(), what };
    let field = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut values = lines.filter(|(key, _)| key.trim() == name);
        values.next().and_then(|(_, value)| value.trim().parse::<u64>().ok())
    };
    let version = field("version").and_then(|it| u32::try_from(it).ok());
    let version = version.ok_or_else(|| damaged("no version"))?;
    if version != LAYOUT_VERSION {
        return Err(DataDirError::OtherLayout { path: path.to_path_buf(), found: version });
    }
    let found = field("shards").and_then(|it| u16::try_from(it).ok());
    let found = found.ok_or_else(|| damaged("no number of shards"))?;
    if found != asked {
        return Err(DataDirError::OtherShards { path: path.to_path_buf(), found, asked });
    }
    field("inbox_epoch").ok_or_else(|| damaged("no inbox_epoch"))
}

fn count_boot(path: &Path) -> Result<u32, DataDirError> {
    let file = path.join("BOOT");
    let text = fs::read_to_string(&file).map_err(io("read", &file))?;
    let damaged = DataDirError::Damaged { path: file, what: "not a number of openings" };
    let boot = text.trim().parse::<u32>().map_err(|_| damaged)?.saturating_add(1);
    if boot >= BOOTS_MAX {
        return Err(DataDirError::TooManyBoots(path.to_path_buf()));
    }
    write_whole(path, "BOOT", &format!("{boot}\n"))?;
    Ok(boot)
}

/// Replaces a file: after a crash it holds the old text or the new.
fn write_whole(dir: &Path, name: &str, text: &str) -> Result<(), DataDirError> {
    let (path, temporary) = (dir.join(name), dir.join(format!("{name}.tmp")));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, &path)).map_err(io("write", &path))?;
    sync_dir(dir)
}

fn sync_dir(dir: &Path) -> Result<(), DataDirError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("sync", dir))
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
