//! Keys and certificates in files: read with a bound, and with care for who else may read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What stands in a file of at most so many bytes, which should be `what`.
///
/// # Errors
/// It could not be read, or is another; and what to do.
pub fn read(path: &Path, what: &str, bytes_max: u64) -> Result<Vec<u8>, String> {
    let could_not = |cause| format!("could not be read: {cause}");
    let metadata = fs::metadata(path).map_err(could_not)?;
    if !metadata.is_file() || metadata.len() > bytes_max {
        return Err(format!("is no {what}: give a small regular file"));
    }
    fs::read(path).map_err(could_not)
}

/// Warns of a file that users may read who should not: those of these bits of its mode.
pub fn warn_if_shared(path: &Path, bits: u32, warning: &str) {
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    if mode & bits != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{mode:03o}"), "{warning}");
    }
}
