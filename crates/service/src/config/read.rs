//! Reads what was typed, layer by layer: a file, the environment, flags. It knows which settings there are, not what they
//! mean.

use super::raw::{Raw, problem};
use super::setting::Setting;
use super::settings::Settings;
use crate::exit::Fatal;
use std::ffi::OsString;
use std::marker::PhantomData;
use std::path::Path;

/// The file's own name among variables and flags.
pub(super) const FILE: &str = "config";

/// Reads the three layers, the weakest first, and says what they mean.
///
/// # Errors
/// Everything that is wrong, a line each.
pub fn load<S: Settings>(
    file: Option<&Path>,
    env: impl Iterator<Item = (OsString, OsString)>,
    flags: &[(&'static str, String)],
) -> Result<S, Fatal> {
    let mut read = Read::<S>::default();
    if let Some(path) = file {
        read.take_file(path);
    }
    read.take_env(env);
    for &(name, ref text) in flags {
        read.raw.set(name, text.clone(), &format!("flag --{}", name.replace('_', "-")));
    }
    let Read { raw, mut problems, .. } = read;
    let config = S::each(&raw, &mut problems);
    if let Some(config) = &config {
        let together = config.together();
        problems.extend(together.iter().map(|(name, advice)| config.problem(name, advice)));
    }
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Fatal::Config(format!("configuration:\n{}", problems.join("\n")))),
    }
}

/// What was read so far.
struct Read<S> {
    raw: Raw,
    problems: Vec<String>,
    settings: PhantomData<S>,
}

impl<S> Default for Read<S> {
    fn default() -> Self {
        Self { raw: Raw::default(), problems: Vec::new(), settings: PhantomData }
    }
}

impl<S: Settings> Read<S> {
    fn take_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let source = format!("file {name}");
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let text = format!("{source}: cannot be read: {error}; correct the path");
                return self.problems.push(text);
            }
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                // Its own text quotes the line, which may have a password.
                let at = error.span().map_or(0, |span| span.start.min(text.len()));
                let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
                let text = format!("{source}: is no TOML: line {line}: {}", error.message());
                return self.problems.push(text);
            }
        };
        for (key, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(_) | toml::Value::Boolean(_) => value.to_string(),
                toml::Value::Float(_)
                | toml::Value::Datetime(_)
                | toml::Value::Array(_)
                | toml::Value::Table(_) => {
                    let advice = "no setting is such a value: give a text, a whole number, true or \
                                  false; there are no sections";
                    self.problems.push(problem((&key, &value.to_string()), &source, advice));
                    continue;
                }
            };
            self.take((key, text), &source);
        }
    }

    fn take_env(&mut self, env: impl Iterator<Item = (OsString, OsString)>) {
        for (name, value) in env {
            let Some(name) = name.to_str() else { continue };
            let Some(key) = name.strip_prefix(S::PREFIX).map(str::to_lowercase) else { continue };
            let is_foreign = |foreign: &&str| {
                let foreign = foreign.to_lowercase();
                key == foreign || (foreign.ends_with('_') && key.starts_with(&foreign))
            };
            if key == FILE || S::FOREIGN.iter().any(is_foreign) {
                continue;
            }
            let source = format!("environment {name}");
            match value.into_string() {
                Ok(text) => self.take((key, text), &source),
                Err(value) => {
                    let text = value.to_string_lossy();
                    let advice = "is no UTF-8: give a text that is";
                    self.problems.push(problem((&key, &text), &source, advice));
                }
            }
        }
    }

    fn take(&mut self, (key, text): (String, String), source: &str) {
        if let Some(setting) = S::TABLE.iter().find(|setting| setting.name == key) {
            self.raw.set(setting.name, text, source);
            return;
        }
        let mut advice = match nearest(&key, S::TABLE) {
            Some(name) => format!("there is no such setting; did you mean {name}?"),
            None => format!("there is no such setting; `{} --help` lists them", S::PROGRAM),
        };
        if source.starts_with("environment") {
            advice += " Unset it otherwise (in Kubernetes: enableServiceLinks: false)";
        }
        self.problems.push(problem((&key, &text), source, &advice));
    }
}

/// A setting that shares most of its words with `key`.
fn nearest(key: &str, table: &[Setting]) -> Option<&'static str> {
    let shared = |name: &str| {
        let words = key.split(['_', '-', '.']);
        words.filter(|word| name.split('_').any(|part| part == *word)).count()
    };
    let best = table.iter().max_by_key(|setting| shared(setting.name))?;
    (shared(best.name) > 0).then_some(best.name)
}
