//! The index's files before fjall opens it. It makes anew, or deletes, what it does not find, and panics at names that it did
//! not give: so all of it must be as it left it.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::damage::Damage;

/// What fjall 3 writes into its version file.
const VERSION: &[u8] = b"FJL\x03";
/// What a keyspace's `current` holds: the number of its manifest, the manifest's checksum, and which kind of checksum it is.
const CURRENT_BYTES: usize = 25;

/// Checks names, version and manifests; `keyspaces` beside fjall's own.
pub fn check(index: &Path, keyspaces: usize) -> Result<(), Damage> {
    if !index.is_dir() {
        return Err(Damage::file(index, "is gone"));
    }
    let version = index.join("version");
    if read(&version)? != VERSION {
        return Err(Damage::file(&version, "is damaged"));
    }
    read(&index.join("lock"))?;
    each(index, |name, entry| match name {
        "version" | "lock" | "keyspaces" => Ok(true),
        name => Ok(number(name.strip_suffix(".jnl")).is_some() && entry.file_type()?.is_file()),
    })?;
    let folders = index.join("keyspaces");
    let mut count = 0;
    each(&folders, |name, entry| {
        count += 1;
        Ok(number(Some(name)).is_some() && entry.file_type()?.is_dir())
    })?;
    if count != keyspaces + 1 {
        let what = format!("has {count} folders, and there must be {}", keyspaces + 1);
        return Err(Damage::file(&folders, what));
    }
    (0..=keyspaces).try_for_each(|id| keyspace(&folders.join(id.to_string())))
}

fn keyspace(folder: &Path) -> Result<(), Damage> {
    let current = folder.join("current");
    let bytes = read(&current)?;
    let Some((id, rest)) = bytes.split_first_chunk::<8>().filter(|_| bytes.len() == CURRENT_BYTES)
    else {
        return Err(Damage::file(&current, "is damaged"));
    };
    let manifest = folder.join(format!("v{}", u64::from_le_bytes(*id)));
    if xxh3_128(&read(&manifest)?).to_le_bytes() != rest[..16] {
        return Err(Damage::file(&manifest, "is damaged: its checksum is wrong"));
    }
    let tables = folder.join("tables");
    each(&tables, |name, entry| Ok(number(Some(name)).is_some() && entry.file_type()?.is_file()))
}

fn read(path: &Path) -> Result<Vec<u8>, Damage> {
    fs::read(path).map_err(|error| Damage::lacks(path, error))
}

fn number(name: Option<&str>) -> Option<u64> {
    name?.parse().ok()
}

/// Every entry of a folder is one that may be there.
fn each(
    folder: &Path,
    mut may_be: impl FnMut(&str, &DirEntry) -> io::Result<bool>,
) -> Result<(), Damage> {
    let entries = fs::read_dir(folder).map_err(|error| Damage::lacks(folder, error))?;
    for entry in entries {
        let looked = entry.and_then(|entry| {
            let may_be = entry.file_name().to_str().is_some_and(|name| !name.is_empty())
                && may_be(&entry.file_name().to_string_lossy(), &entry)?;
            Ok((entry.path(), may_be))
        });
        let (path, may_be) = looked.map_err(|error| Damage::io(folder, error))?;
        if !may_be {
            return Err(Damage::file(&path, "is no file of the index: take it away"));
        }
    }
    Ok(())
}
