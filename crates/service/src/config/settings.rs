//! What a process has settings for: its table, and what the settings mean together.

use super::raw::Raw;
use super::setting::Setting;
use crate::exit::Fatal;
use std::collections::BTreeMap;

/// Where each setting that was typed comes from, by its name.
pub type Sources = BTreeMap<&'static str, String>;

/// The settings of a process.
pub trait Settings: Sized + 'static {
    /// The program's name.
    const PROGRAM: &'static str;
    /// Begins the name of each variable.
    const PREFIX: &'static str;
    /// Variables with the prefix that others read, without it. One that ends with `_` stands for all that begin so.
    const FOREIGN: &'static [&'static str];
    /// Every setting.
    const TABLE: &'static [Setting];

    /// Gives each setting its meaning; `None` with at least one problem.
    fn each(raw: &Raw, problems: &mut Vec<String>) -> Option<Self>;

    /// What does not fit together: settings, and what to do.
    fn together(&self) -> Vec<(&'static str, String)>;

    /// In the order of the table. A password is hidden.
    fn values(&self) -> Vec<toml::Value>;

    /// Where they come from.
    fn sources(&self) -> &Sources;

    /// What every setting is if nobody says anything.
    #[must_use]
    fn defaults() -> Self {
        Self::each(&Raw::default(), &mut Vec::new()).expect("a test holds the defaults to be valid")
    }

    /// What is wrong with a setting.
    #[must_use]
    fn problem(&self, name: &str, advice: &str) -> String {
        let at = Self::TABLE.iter().position(|it| it.name == name).expect("a setting's name");
        let source = self.sources().get(name).map_or("the default", String::as_str);
        format!("{name} = {} ({source}): {advice}", self.values()[at])
    }

    /// The same as the end of a process.
    #[must_use]
    fn refuse(&self, name: &str, advice: &str) -> Fatal {
        Fatal::Config(self.problem(name, advice))
    }
}
