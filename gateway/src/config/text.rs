//! The configuration as text: the effective one, and the example with every default and its documentation.

use super::settings::{Config, SETTINGS};
use super::typed::Raw;
use std::fmt;

/// TOML that gives the same configuration again. No setting is a secret; keys are named by their files.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.values().iter().try_for_each(|(name, value)| writeln!(f, "{name} = {value}"))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::from_raw(&Raw::default()).expect("the defaults are valid: a test holds them to it")
    }
}

/// The text of `gateway.example.toml`.
#[must_use]
pub fn example() -> String {
    let mut text = String::from(
        "# Every setting of the gateway with its default.\n\
         # gateway --config FILE; LONGLINE_<NAME> in the environment is stronger, a flag --<name> strongest.\n",
    );
    let defaults = Config::default().values();
    for (setting, (name, value)) in SETTINGS.iter().zip(defaults) {
        text.push('\n');
        for line in setting.docs {
            text += &format!("#{line}\n");
        }
        text += &format!("{name} = {value}\n");
    }
    text
}
