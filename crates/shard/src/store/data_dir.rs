//! The directory that a gateway keeps its shards in: whose it is, how it is laid out, how often it was opened.
//!
//! It knows no store. `LOCK` is held while it is open; `LAYOUT` says what it is and is written last; `BOOT` counts the
//! openings, and says when its own file was born: one that was born at another time is a copy, so that the directory is a
//! backup that was put back, or has moved. Its inboxes then begin a new epoch, for clients may know more than it does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::damage::is_no_room;
use super::end::{END, End, EndFile};
use super::home::Home;

/// The layout that this program writes and reads.
const LAYOUT_VERSION: u32 = 3;
/// Openings are the epoch in a message's id, which has 20 bits for it.
const BOOTS_MAX: u32 = 1 << 20;
/// Openings that a directory that was put back passes over at the least: more than it may have had since the backup.
const BOOTS_PASSED: u32 = 1024;
/// What a directory may hold whose creation was cut short, after which it is begun anew; and shards with no more than `END`. Keys
/// of business systems may be made before anything else is.
const BEGUN: [&str; 5] = ["LOCK", "BOOT", "BOOT.tmp", "LAYOUT.tmp", "api-keys"];

/// A data directory, ours until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    layout: Layout,
    boot: u32,
    _lock: File,
}

/// What `LAYOUT` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub shards: u16,
    pub inbox_epoch: u64,
    /// Tells this directory from any other.
    pub id: u64,
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum DataDirError {
    #[error("could not {verb} {}: {source}", path.display())]
    Io { verb: &'static str, path: PathBuf, source: io::Error },
    #[error("no room for {}: {source}; free some on that disk and start again: nothing is lost", path.display())]
    NoRoom { path: PathBuf, source: io::Error },
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
    #[error(
        "{} is damaged: {what}; restore the directory from a backup, or put that file back; `gateway check DIR` says \
         what is left",
        path.display()
    )]
    Damaged { path: PathBuf, what: &'static str },
    #[error(
        "{} is damaged: {what}; write the number into it that `gateway check DIR` says, and start again",
        path.display()
    )]
    Boot { path: PathBuf, what: &'static str },
    #[error(
        "{} is a copy of a directory that was in use: its shards may be of different times; put back a copy of a stopped \
         gateway; only if the process had ended when the copy was made, run `gateway restored DIR` and start again",
        .0.display()
    )]
    LiveCopy(PathBuf),
    #[error("{} was opened {BOOTS_MAX} times; message ids are used up, start an empty directory", .0.display())]
    TooManyBoots(PathBuf),
}

impl DataDirError {
    /// The disk, or what is on it: not what was asked for.
    #[must_use]
    pub fn is_of_the_disk(&self) -> bool {
        use DataDirError::{Boot, Damaged, Io, LiveCopy, NoRoom};
        matches!(self, Io { .. } | NoRoom { .. } | Damaged { .. } | Boot { .. } | LiveCopy(_))
    }
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
            make(&path, shards)?;
        }
        let mut layout = Layout::read(&path)?;
        if layout.shards != shards {
            return Err(DataDirError::OtherShards { path, found: layout.shards, asked: shards });
        }
        for shard in 0..shards {
            let path = path.join(format!("shard-{shard}"));
            if !path.is_dir() {
                return Err(DataDirError::Damaged { path, what: "the shard's folder is gone" });
            }
        }
        let mut boot = Boot::read(&path)?;
        if boot.is_copy {
            // A shard whose end cannot be read is named when it is opened.
            let is_open = |home: &Home| End::read(home).is_ok_and(|(_, end)| !end.is_closed);
            if (0..shards).any(|shard| is_open(&layout.home(&path, shard, boot.number))) {
                return Err(DataDirError::LiveCopy(path));
            }
            tracing::warn!(
                path = %path.display(),
                "this directory is a copy: its inboxes begin a new epoch, and clients read them from the start"
            );
            layout.begin_epoch(&path)?;
            boot.pass_over();
        }
        boot.count(&path)?;
        Ok(Self { path, layout, boot: boot.number, _lock: lock })
    }

    /// Says that the directory, which nobody uses, was put back, and not copied while it was in use: its inboxes begin a new
    /// epoch, and no id that it gave since is given again.
    ///
    /// # Errors
    /// It is in use, damaged, not writable.
    pub fn restored(path: &Path) -> Result<(), DataDirError> {
        let _lock = lock(path)?;
        let mut layout = Layout::read(path)?;
        let mut boot = Boot::read(path)?;
        layout.begin_epoch(path)?;
        boot.pass_over();
        boot.write(path)
    }

    /// Where a shard's store is, and whose it is.
    #[must_use]
    pub fn home(&self, shard: u16) -> Home {
        self.layout.home(&self.path, shard, self.boot)
    }

    /// Which opening this is, from 1: the epoch of the owners. Durable before it is told.
    #[must_use]
    pub fn boot(&self) -> u32 {
        self.boot
    }

    /// Tells the inboxes of this directory from those of any other, and from its own before it was put back from a backup.
    #[must_use]
    pub fn inbox_epoch(&self) -> u64 {
        self.layout.inbox_epoch
    }
}

impl Layout {
    pub fn home(&self, path: &Path, shard: u16, boot: u32) -> Home {
        let dir = path.join(format!("shard-{shard}"));
        Home { dir, directory: self.id, shard, boot }
    }

    pub fn read(path: &Path) -> Result<Self, DataDirError> {
        let file = path.join("LAYOUT");
        let bytes = fs::read(&file).map_err(io("read", &file))?;
        let text = String::from_utf8_lossy(&bytes);
        let damaged = |what| DataDirError::Damaged { path: file.clone(), what };
        let field = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once('='));
            let mut values = lines.filter(|(key, _)| key.trim() == name);
            let (_, value) = values.next()?;
            value.trim().parse::<u64>().ok()
        };
        let version = field("version").ok_or_else(|| damaged("no version"))?;
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        if version != LAYOUT_VERSION {
            return Err(DataDirError::OtherLayout { path: path.to_path_buf(), found: version });
        }
        let shards = field("shards").and_then(|it| u16::try_from(it).ok());
        let shards = shards.ok_or_else(|| damaged("no number of shards"))?;
        let inbox_epoch = field("inbox_epoch").ok_or_else(|| damaged("no inbox_epoch"))?;
        let id = field("id").ok_or_else(|| damaged("no id"))?;
        let layout = Self { shards, inbox_epoch, id };
        if layout.text() == *text { Ok(layout) } else { Err(damaged("its checksum is wrong")) }
    }

    /// There is one text for each layout.
    fn text(&self) -> String {
        let Self { shards, inbox_epoch, id } = self;
        let said = format!(
            "version = {LAYOUT_VERSION}\nshards = {shards}\ninbox_epoch = {inbox_epoch}\nid = {id}\n"
        );
        let checksum = crc32fast::hash(said.as_bytes());
        format!("{said}checksum = {checksum}\n")
    }

    fn begin_epoch(&mut self, path: &Path) -> Result<(), DataDirError> {
        self.inbox_epoch = random();
        write_whole(path, "LAYOUT", &self.text())
    }
}

/// What `BOOT` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    /// How often the directory was opened.
    pub number: u32,
    /// The file is not the one that was written.
    pub is_copy: bool,
}

impl Boot {
    pub fn read(path: &Path) -> Result<Self, DataDirError> {
        let file = path.join("BOOT");
        let text = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DataDirError::Boot { path: file, what: "it is gone" });
            }
            read => read.map_err(io("read", &file))?,
        };
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let number = lines.next().and_then(|line| line.trim().parse().ok());
        let what = "it is not a number of openings";
        let number = number.ok_or_else(|| DataDirError::Boot { path: file.clone(), what })?;
        let metadata = fs::metadata(&file).map_err(io("look at", &file))?;
        // One that a person wrote says nothing of it.
        let said = lines.next().map(|line| line.trim().to_owned());
        let is_copy = match (said, born(&metadata)) {
            (Some(said), Some(born)) => said != born.to_string(),
            _ => false,
        };
        Ok(Self { number, is_copy })
    }

    /// Openings that others may have had are not had again.
    fn pass_over(&mut self) {
        let some = u32::try_from(random() % u64::from(BOOTS_PASSED)).expect("small");
        self.number = self.number.saturating_add(BOOTS_PASSED + some);
    }

    fn count(&mut self, path: &Path) -> Result<(), DataDirError> {
        self.number = self.number.saturating_add(1);
        if self.number >= BOOTS_MAX {
            return Err(DataDirError::TooManyBoots(path.to_path_buf()));
        }
        self.write(path)
    }

    fn write(&self, path: &Path) -> Result<(), DataDirError> {
        write_born(path, "BOOT", |born| match born {
            Some(born) => format!("{}\n{born}\n", self.number),
            None => format!("{}\n", self.number),
        })
    }
}

/// When a file was made, in ns of the Unix time. No copy of it was made then. None where the file system does not know.
fn born(metadata: &fs::Metadata) -> Option<u128> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(since.as_nanos())
}

/// Another number each time.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

fn make(path: &Path, shards: u16) -> Result<(), DataDirError> {
    write_whole(path, "BOOT", "0\n")?;
    let layout = Layout { shards, inbox_epoch: random(), id: random() };
    for shard in 0..shards {
        let home = layout.home(path, shard, 0);
        create(&home.dir)?;
        let end = home.path(END);
        EndFile::create(&home).map_err(io("write", &end))?;
        sync_dir(&home.dir)?;
    }
    write_whole(path, "LAYOUT", &layout.text())
}

/// Names what failed.
fn io<'a>(verb: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> DataDirError + 'a {
    move |source| {
        let path = path.to_path_buf();
        if is_no_room(&source) {
            DataDirError::NoRoom { path, source }
        } else {
            DataDirError::Io { verb, path, source }
        }
    }
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
    let (mut has_others, mut has_shards) = (false, false);
    for entry in fs::read_dir(path).map_err(io("list", path))? {
        let entry = entry.map_err(io("list", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "LAYOUT" {
            return Ok(false);
        }
        if name.starts_with("shard-") {
            has_shards |= !is_begun(&entry.path())?;
        } else {
            has_others |= !BEGUN.contains(&name.as_str());
        }
    }
    if has_shards {
        let path = path.join("LAYOUT");
        return Err(DataDirError::Damaged { path, what: "it is gone" });
    }
    if has_others { Err(DataDirError::NotOurs(path.to_path_buf())) } else { Ok(true) }
}

/// A shard that was made and never opened.
fn is_begun(shard: &Path) -> Result<bool, DataDirError> {
    let names = fs::read_dir(shard).map_err(io("list", shard))?;
    let names: Result<Vec<_>, _> = names.map(|entry| entry.map(|it| it.file_name())).collect();
    Ok(names.map_err(io("list", shard))?.iter().all(|name| name == END))
}

pub(super) fn lock(path: &Path) -> Result<File, DataDirError> {
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

/// Replaces a file: after a crash it holds the old text or the new.
fn write_whole(dir: &Path, name: &str, text: &str) -> Result<(), DataDirError> {
    write_born(dir, name, |_| text.to_owned())
}

/// The same with a text that knows when its file was made.
fn write_born(
    dir: &Path,
    name: &str,
    text: impl FnOnce(Option<u128>) -> String,
) -> Result<(), DataDirError> {
    let (path, temporary) = (dir.join(name), dir.join(format!("{name}.tmp")));
    // What a crash left was made at another time, and is not written into.
    let _ = fs::remove_file(&temporary);
    let written = File::create_new(&temporary).and_then(|mut file| {
        let text = text(born(&file.metadata()?));
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&temporary, &path)).map_err(io("write", &path))?;
    sync_dir(dir)
}

fn sync_dir(dir: &Path) -> Result<(), DataDirError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io("sync", dir))
}
