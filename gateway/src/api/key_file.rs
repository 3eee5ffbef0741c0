//! The file of API keys: read whole, and replaced whole. It does not know what keys are good for.

use super::keys::{self, Key};
use crate::config::Config;
use crate::small_file;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its name in the data directory, unless another is configured.
const FILE: &str = "api-keys";
/// Bytes of the file at most: [`keys::KEYS_MAX`] lines of 200.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// What the file begins with.
const HEAD: &str = "# API keys of Longline, by `gateway api-key`: name, SHA-256 of the key, scopes, end in Unix seconds\n";

/// Where the keys of a configuration are.
#[must_use]
pub fn path(config: &Config) -> PathBuf {
    config.api_keys_file.clone().unwrap_or_else(|| config.data_dir.join(FILE))
}

/// The keys of a file.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn read(path: &Path) -> Result<Vec<Key>, String> {
    let says = |why: String| format!("api_keys_file {}: {why}", path.display());
    let bytes = small_file::read(path, "file of keys", FILE_BYTES_MAX)
        .map_err(|why| says(format!("{why}; make a key with `gateway api-key`")))?;
    let text = String::from_utf8(bytes).map_err(|_| says("is no text".into()))?;
    keys::parse(&text).map_err(says)
}

/// Changes the keys of a file; it is made if missing. Nobody ever sees half of it, and of two who change it at once one is
/// told to try again.
///
/// # Errors
/// The file could not be read or written, or `change` refuses.
pub fn change(
    path: &Path,
    change: impl FnOnce(&mut Vec<Key>) -> Result<(), String>,
) -> Result<(), String> {
    let draft = path.with_extension("draft");
    let could_not = |error: io::Error| {
        let at = draft.display();
        if error.kind() == ErrorKind::AlreadyExists {
            format!("{at} is there: another command changes the keys, or one died; remove it then")
        } else {
            format!("could not write {at}: {error}")
        }
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(could_not)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
    let mut file = file.map_err(could_not)?;
    let changed = || {
        let mut keys = if path.exists() { read(path)? } else { Vec::new() };
        change(&mut keys)?;
        let lines: String = keys.iter().map(|key| format!("{key}\n")).collect();
        file.write_all((HEAD.to_owned() + &lines).as_bytes()).map_err(could_not)?;
        file.sync_all().and_then(|()| fs::rename(&draft, path)).map_err(could_not)
    };
    let changed = changed();
    if changed.is_err() {
        // What is left of it would stop the next command.
        let _ = fs::remove_file(&draft);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::keys::{Print, Secret};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn keys_come_and_go_and_a_change_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/keys");
        assert!(read(&path).unwrap_err().contains("gateway api-key"));
        let print = Print::of(Secret::new([1; 32]).text());
        let key = |name: &str| {
            let scopes = "read".parse().unwrap();
            Key { name: name.into(), print, scopes, expires_s: 9 }
        };
        for name in ["one", "two"] {
            let add = |keys: &mut Vec<Key>| {
                keys.push(key(name));
                Ok(())
            };
            change(&path, add).unwrap();
        }
        assert_eq!(read(&path).unwrap(), [key("one"), key("two")]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(change(&path, |_| Err("no".into())), Err("no".into()));
        let end = |keys: &mut Vec<Key>| {
            keys.retain(|key| key.name != "one");
            Ok(())
        };
        change(&path, end).unwrap();
        assert_eq!(read(&path).unwrap(), [key("two")]);
        fs::write(path.with_extension("draft"), "").unwrap();
        assert!(change(&path, |_| Ok(())).unwrap_err().contains("is there"));
        assert_eq!(read(&path).unwrap(), [key("two")]);
    }
}
