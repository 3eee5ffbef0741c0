//! What was typed: texts with their sources, the strongest of each key.

use super::problem::{Problem, Source};
use std::collections::BTreeMap;

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    typed: BTreeMap<&'static str, (String, Source)>,
}

impl Raw {
    /// The text of a key and where it was typed, if it was.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&(String, Source)> {
        self.typed.get(key)
    }

    /// A problem with a key, as it was typed or with its default.
    #[must_use]
    pub fn problem(&self, key: &str, default: &str, advice: String) -> Problem {
        let (value, source) =
            self.get(key).cloned().unwrap_or_else(|| (default.to_owned(), Source::Default));
        Problem { key: key.to_owned(), value, source, advice }
    }

    /// A key was typed; it covers what was before.
    pub(super) fn set(&mut self, key: &'static str, text: String, source: Source) {
        self.typed.insert(key, (text, source));
    }
}
