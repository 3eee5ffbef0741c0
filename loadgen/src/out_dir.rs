//! Where the files of a run go: a directory that is empty, or one whose files the user gave up. It
//! deletes nothing.

use crate::failure::Failure;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

/// A directory for files.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OutArgs {
    /// Directory for the summary and the other files of the result; made if missing, refused if not
    /// empty.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take a directory that is not empty: files of the same names are replaced, others stay.
    #[arg(long, requires = "out")]
    force: bool,
}

impl OutArgs {
    /// The directory, made and looked at.
    ///
    /// # Errors
    /// It cannot be made, or has something in it.
    pub fn prepare(&self) -> Result<Option<&Path>, Failure> {
        let Some(out) = &self.out else { return Ok(None) };
        let named = out.display();
        let listed = std::fs::create_dir_all(out).and_then(|()| std::fs::read_dir(out));
        let mut entries =
            listed.map_err(|error| Failure::preflight(&format!("make {named}"), error))?;
        if !self.force && entries.next().is_some() {
            let text = format!(
                "{named} is not empty: give a new --out, or --force to replace files in it"
            );
            return Err(Failure::Preflight(text));
        }
        Ok(Some(out))
    }
}

/// Writes files into a directory.
///
/// # Errors
/// One could not be written: names the directory.
pub fn write(out: &Path, files: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), Failure> {
    let named = || format!("write to {}", out.display());
    files(out).map_err(|error| Failure::preflight(&named(), error))
}

/// One of them, as JSON.
///
/// # Errors
/// It could not be written.
pub fn json(out: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let mut json = serde_json::to_string_pretty(value)?;
    json.push('\n');
    std::fs::write(out.join(name), json)
}
