//! Reads the tree: every source, manifest and page, with its path from the root.
//!
//! It knows which directories are not ours (`target` and what is hidden); it does not judge anything.

use std::fs;
use std::io;
use std::path::Path;

use super::code;
use super::tables::SOURCE_DIRS;

/// One file of the tree.
#[derive(Debug)]
pub struct SourceFile {
    /// From the root, with `/`.
    pub path: String,
    /// As it is on disk.
    pub text: String,
    /// For Rust, the text without comments and quoted texts; else empty.
    pub code: String,
}

impl SourceFile {
    /// A file of that path and text.
    pub fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { code::blank(text) } else { String::new() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }
}

/// Whether `path` is `place`, lies below it, or is the file of the module `place`.
pub fn is_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest == ".rs" || rest.starts_with('/'))
}

/// Every source, manifest and page below the root.
///
/// # Errors
/// When a directory or file cannot be read.
pub fn read(root: &Path) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    read_dir(root, "", false, &mut files)?;
    for dir in SOURCE_DIRS {
        if root.join(dir).is_dir() {
            read_dir(root, dir, true, &mut files)?;
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_dir(root: &Path, dir: &str, deep: bool, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if dir.is_empty() { name.clone() } else { format!("{dir}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() && deep && name != "target" && !name.starts_with('.') {
            read_dir(root, &path, deep, files)?;
        } else if kind.is_file() && is_ours(&name) {
            files.push(SourceFile::new(&path, &fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == "rs" || e == "md" || e == "toml")
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn a_place_is_a_file_a_directory_or_a_module() {
        assert!(is_in("crates/shard/src/shard.rs", "crates/shard/src/shard"));
        assert!(is_in("crates/shard/src/shard/step.rs", "crates/shard/src/shard"));
        assert!(is_in("gateway/src/core.rs", "gateway/src/core.rs"));
        assert!(!is_in("crates/shard/src/sharding.rs", "crates/shard/src/shard"));
        assert!(!is_in("crates/shard/src/inbox.rs", "crates/shard/src/shard"));
    }
}
