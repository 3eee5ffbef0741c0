//! Reads what was typed, layer by layer. It knows which keys there are, not what they mean.

use super::problem::{Problem, Problems, Source};
use super::settings::{Flags, SETTINGS};
use super::typed::Raw;
use std::ffi::OsString;
use std::path::Path;

const ENV_PREFIX: &str = "LONGLINE_";
/// Variables with the prefix that are no settings: the file, which the command line reads; and the
/// servers of a cluster, which tests use and the gateway does not.
const NO_SETTINGS: [&str; 3] = ["CONFIG", "CQL", "REDIS"];
/// Begins the variables of a logic node; a gateway may have them in its environment.
const NODE_PREFIX: &str = "LOGIC_";

impl Raw {
    /// Reads the layers, the weakest first.
    ///
    /// # Errors
    /// A file that cannot be read or is no TOML, and every key that is not known.
    pub fn read(
        file: Option<&Path>,
        env: impl Iterator<Item = (OsString, OsString)>,
        flags: &Flags,
    ) -> Result<Self, Problems> {
        let mut raw = Self::default();
        let mut problems = Vec::new();
        if let Some(path) = file {
            raw.take_file(path, &mut problems);
        }
        raw.take_env(env, &mut problems);
        for (key, text) in flags.typed() {
            raw.set(key, text, Source::Flag);
        }
        if problems.is_empty() { Ok(raw) } else { Err(Problems(problems)) }
    }

    fn take_file(&mut self, path: &Path, problems: &mut Vec<Problem>) {
        let source = Source::File(path.to_owned());
        let problem = |advice| Problem {
            key: "config".into(),
            value: path.display().to_string(),
            source: Source::Flag,
            advice,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                return problems
                    .push(problem(format!("cannot be read: {error}; correct the path")));
            }
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            Err(error) => {
                return problems.push(problem(format!("is no TOML: {error}")));
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
                    let advice =
                        "no setting is such a value: give a text, a whole number, true or \
                                  false; there are no sections"
                            .into();
                    problems.push(Problem {
                        key,
                        value: value.to_string(),
                        source: source.clone(),
                        advice,
                    });
                    continue;
                }
            };
            self.take(key, text, source.clone(), problems);
        }
    }

    fn take_env(
        &mut self,
        env: impl Iterator<Item = (OsString, OsString)>,
        problems: &mut Vec<Problem>,
    ) {
        for (name, value) in env {
            let Some(key) = name.to_str().and_then(|name| name.strip_prefix(ENV_PREFIX)) else {
                continue;
            };
            if NO_SETTINGS.contains(&key) || key.starts_with(NODE_PREFIX) {
                continue;
            }
            let key = key.to_lowercase();
            match value.into_string() {
                Ok(text) => self.take(key, text, Source::Env, problems),
                Err(value) => problems.push(Problem {
                    key,
                    value: value.to_string_lossy().into_owned(),
                    source: Source::Env,
                    advice: "is no UTF-8: give a text that is".into(),
                }),
            }
        }
    }

    fn take(&mut self, key: String, text: String, source: Source, problems: &mut Vec<Problem>) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) {
            self.set(setting.name, text, source);
            return;
        }
        let mut advice = match nearest(&key) {
            Some(name) => format!("there is no such setting; did you mean {name}?"),
            None => "there is no such setting; `gateway --help` lists them".to_owned(),
        };
        if source == Source::Env {
            advice += " Unset it otherwise (in Kubernetes: enableServiceLinks: false)";
        }
        problems.push(Problem { key, value: text, source, advice });
    }
}

/// A setting that shares most of its words with `key`.
fn nearest(key: &str) -> Option<&'static str> {
    let shared = |name: &str| {
        let words = key.split(['_', '-', '.']);
        words.filter(|word| name.split('_').any(|part| part == *word)).count()
    };
    let best = SETTINGS.iter().max_by_key(|setting| shared(setting.name))?;
    (shared(best.name) > 0).then_some(best.name)
}
