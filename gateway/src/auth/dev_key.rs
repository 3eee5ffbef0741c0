//! The key for trying out: made in the data directory when no key is configured.

use super::error::KeyError;
use super::key_file;
use crate::hex::hex;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its name in the data directory: one line, 64 hex digits. The line's text is the HS256 secret.
pub const FILE: &str = "dev-key.hs256";

/// The secret and its file; made if missing. Two processes that start at once agree on one.
///
/// # Errors
/// A directory or file that cannot be made or read.
pub fn load_or_create(data_dir: &Path) -> Result<(Vec<u8>, PathBuf), KeyError> {
    let path = data_dir.join(FILE);
    if !path.exists() {
        create(data_dir, &path)
            .map_err(|cause| key_file::error(&path, format!("could not be made: {cause}")))?;
    }
    Ok((key_file::hs256_secret(&path)?, path))
}

/// Writes it whole beside its place, then links it there: nobody ever sees half a key.
fn create(data_dir: &Path, path: &Path) -> io::Result<()> {
    fs::create_dir_all(data_dir)?;
    let draft =
        data_dir.join(format!("{FILE}.{}.{:016x}", std::process::id(), rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let random: [u8; 32] = rand::random();
    let written = writeln!(file, "{}", hex(&random)).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&draft)?;
    linked
}
