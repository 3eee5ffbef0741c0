//! What is wrong with a configuration: which key, which value, where it was typed, and what to do.

use std::fmt;
use std::path::PathBuf;

/// Where a value was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nowhere.
    Default,
    /// In this file.
    File(PathBuf),
    /// In the environment.
    Env,
    /// On the command line.
    Flag,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub key: String,
    /// Its value as typed.
    pub value: String,
    /// Where.
    pub source: Source,
    /// Why it cannot be, and what to do.
    pub advice: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, source, advice } = self;
        write!(f, "{key} = {value:?} (")?;
        match source {
            Source::Default => write!(f, "the default")?,
            Source::File(path) => write!(f, "file {}", path.display())?,
            Source::Env => write!(f, "environment LONGLINE_{}", key.to_uppercase())?,
            Source::Flag => write!(f, "flag --{}", key.replace('_', "-"))?,
        }
        write!(f, "): {advice}")
    }
}

/// Everything that is wrong, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}
