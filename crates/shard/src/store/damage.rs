//! Why a shard's files cannot be used, and what to do about it. It knows no format.

use std::io;
use std::path::{Path, PathBuf};

/// What is wrong, and with which file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum Damage {
    #[error("no room for {}: {source}; free some on that disk and start again: nothing is lost", path.display())]
    NoRoom { path: PathBuf, source: io::Error },
    #[error(
        "could not write {}: the limit of a file's size is too low; raise it (ulimit -f, LimitFSIZE= of systemd) and \
         start again",
        .0.display()
    )]
    SizeLimit(PathBuf),
    #[error("could not use {}: {source}; mend the disk and start again", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("another process uses {}; stop that one first", .0.display())]
    Locked(PathBuf),
    #[error(
        "{} {what}; restore the directory from a backup, or put that file back; `gateway check DIR` says what is left",
        path.display()
    )]
    File { path: PathBuf, what: String },
    #[error(
        "{} was written at opening {found}, and this is opening {boot}: BOOT was set back; write {found} into BOOT \
         and start again",
        path.display()
    )]
    Boot { path: PathBuf, found: u32, boot: u32 },
    #[error("{} holds items of an unknown kind; start the version that wrote it", .0.display())]
    Newer(PathBuf),
}

impl Damage {
    /// The failure of an access to a file.
    pub fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        if is_no_room(&source) {
            Self::NoRoom { path, source }
        } else if source.kind() == io::ErrorKind::FileTooLarge {
            Self::SizeLimit(path)
        } else {
            Self::Io { path, source }
        }
    }

    /// The same of a file that must be there.
    pub fn lacks(path: &Path, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            Self::file(path, "is gone")
        } else {
            Self::io(path, error)
        }
    }

    /// A file that is not what it must be.
    pub fn file(path: &Path, what: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), what: what.into() }
    }
}

/// Room would help.
pub fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
