//! What was typed: texts with their sources, the strongest of each setting. It does not know where they are typed.

use super::setting::Setting;
use super::value::{Value, masked};
use std::collections::BTreeMap;

/// What was typed.
#[derive(Default)]
pub struct Raw {
    /// By name: the text, and where it was typed.
    typed: BTreeMap<&'static str, (String, String)>,
}

impl Raw {
    /// A setting was typed; it covers what was before.
    pub(super) fn set(&mut self, name: &'static str, text: String, source: &str) {
        self.typed.insert(name, (text, source.to_owned()));
    }

    /// The meaning of a setting, as it was typed or by default. `None` with a problem.
    pub fn value<T: Value>(&self, setting: &Setting, problems: &mut Vec<String>) -> Option<T> {
        let (text, source) = self
            .typed
            .get(setting.name)
            .map_or((setting.default, "the default"), |(text, source)| {
                (text.as_str(), source.as_str())
            });
        let parsed = setting.parse(text);
        parsed.map_err(|advice| problems.push(problem((setting.name, text), source, &advice))).ok()
    }

    /// Where each setting that was typed comes from.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<&'static str, String> {
        self.typed.iter().map(|(name, (_, source))| (*name, source.clone())).collect()
    }
}

/// What is wrong with a text.
pub(super) fn problem((name, text): (&str, &str), source: &str, advice: &str) -> String {
    format!("{name} = {:?} ({source}): {advice}", masked(text))
}
