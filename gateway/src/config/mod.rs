//! The configuration: typed three ways ([`Raw`]), meant one way ([`Config`]), then read-only.
//!
//! `defaults < file < environment (LONGLINE_*) < flags`. Every setting is one line of the table in
//! `settings`; its flag, its variable, its place in the file, its documentation and the example file
//! come from there. It opens nothing that a setting names.

mod limits;
mod value;
mod problem;
mod typed;
mod settings;
mod raw;
mod check;
mod text;

pub use limits::CORES_MAX;
pub use problem::{Problem, Problems, Source};
pub use settings::{Config, Flags};
pub use text::example;
pub use typed::Raw;
pub use value::{Addresses, LogFilter, LogFormat};

use std::ffi::OsString;
use std::path::Path;

impl Config {
    /// Reads the three layers and says what they mean.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (OsString, OsString)>,
        flags: &Flags,
    ) -> Result<Self, Problems> {
        Self::from_raw(&Raw::read(file, env, flags)?)
    }

    /// What was typed, checked and given its meaning.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn from_raw(raw: &Raw) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let config = Self::each(raw, &mut problems);
        if let Some(config) = config {
            check::together(&config, raw, &mut problems);
            if problems.is_empty() {
                return Ok(config);
            }
        }
        Err(Problems(problems))
    }
}
