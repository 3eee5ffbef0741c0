//! The settings as text: those in effect, the example file, the table of the docs.

use super::setting::Setting;
use super::settings::Settings;

/// TOML that gives the same configuration again, but for hidden passwords. Each line says where its value comes from.
#[must_use]
pub fn print<S: Settings>(config: &S) -> String {
    let line = |(setting, value): (&Setting, toml::Value)| {
        let source = config.sources().get(setting.name).map_or("default", String::as_str);
        format!("{} = {value} # {}\n", setting.name, source.escape_debug())
    };
    S::TABLE.iter().zip(config.values()).map(line).collect()
}

/// The same values on one line, for a log.
#[must_use]
pub fn line<S: Settings>(config: &S) -> String {
    let pair = |(setting, value): (&Setting, toml::Value)| format!("{} = {value}", setting.name);
    S::TABLE.iter().zip(config.values()).map(pair).collect::<Vec<_>>().join(", ")
}

/// An example file: every setting with its documentation and its default.
#[must_use]
pub fn example<S: Settings>() -> String {
    let (program, prefix) = (S::PROGRAM, S::PREFIX);
    let mut text = format!(
        "# Every setting of `{program}` with its default.\n\
         # {program} --config FILE; {prefix}<NAME> in the environment is stronger, a flag --<name> strongest.\n",
    );
    for (setting, value) in S::TABLE.iter().zip(S::defaults().values()) {
        text.push('\n');
        setting.docs.iter().for_each(|line| text += &format!("#{line}\n"));
        text += &format!("{} = {value}\n", setting.name);
    }
    text
}

/// Every setting with its default and what it may be, as a table of Markdown.
#[must_use]
pub fn table<S: Settings>() -> String {
    let mut text = format!("| setting of `{}` | default | may be |\n|---|---|---|\n", S::PROGRAM);
    for (setting, value) in S::TABLE.iter().zip(S::defaults().values()) {
        text += &format!("| `{}` | `{value}` | {} |\n", setting.name, setting.may_be());
    }
    text
}
