//! A file with options: what is typed on the command line comes before what stands there.

use crate::failure::Failure;
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

/// Options of which one takes the place of the others.
const ALTERNATIVES: &[&[&str]] = &[
    &["rate", "window", "stage"],
    &["duration", "stage"],
    &["target", "serve"],
    &["against", "against-gateway"],
];

/// The command line with the options of the file that `--scenario FILE` names behind the command. The file has the
/// options' names as keys: `users = "20k"`, `serve = true`, `stage = ["30s:1k", "2m:1k-20k"]`,
/// `at = [["10s", "true"]]`.
///
/// # Errors
/// The file cannot be read, or says what is no option's value.
pub fn expand(line: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let Some(at) = line.iter().position(|word| word == "--scenario") else { return Ok(line) };
    let Some(file) = line.get(at + 1) else {
        return Err(Failure::Usage("--scenario is to name a file".into()));
    };
    let path = Path::new(file);
    let of_file = |why: &dyn std::fmt::Display| {
        Failure::Usage(format!("could not take the options of {}: {why}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| of_file(&error))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| of_file(&error))?;
    let mut expanded: Vec<OsString> = line[..2.min(at)].to_vec();
    for (key, value) in &table {
        if !is_typed(key, &line) {
            let words = words(key, value).map_err(|why| of_file(&why))?;
            expanded.extend(words.into_iter().map(OsString::from));
        }
    }
    expanded.extend(line[2.min(at)..at].iter().cloned());
    expanded.extend(line[at + 2..].iter().cloned());
    Ok(expanded)
}

/// Whether the command line has the option, or one that takes its place.
fn is_typed(key: &str, line: &[OsString]) -> bool {
    let has = |option: &str| {
        let flag = format!("--{option}");
        line.iter().filter_map(|word| word.to_str()).any(|word| {
            word.strip_prefix(&flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    };
    let groups = ALTERNATIVES.iter().filter(|group| group.contains(&key));
    has(key) || groups.flat_map(|group| group.iter()).any(|option| has(option))
}

/// An option as it would be typed.
fn words(key: &str, value: &Value) -> Result<Vec<String>, String> {
    let flag = format!("--{key}");
    if let Some(is_set) = value.as_bool() {
        return Ok(if is_set { vec![flag] } else { Vec::new() });
    }
    let one = |value: &Value| -> Result<Vec<String>, String> {
        let parts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let parts = parts.iter().map(|part| word(key, part));
        std::iter::once(Ok(flag.clone())).chain(parts).collect()
    };
    match value.as_array() {
        Some(values) => Ok(values.iter().map(one).collect::<Result<Vec<_>, _>>()?.concat()),
        None => one(value),
    }
}

fn word(key: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => Err(format!(
            "{key} = {value} is no option's value: give a number, a text, or a list of them"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line `loadgen run` with these words and the options of a file.
    fn expanded(file: &str, words: &str) -> Result<String, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scenario.toml");
        std::fs::write(&path, file).unwrap();
        let line = format!("loadgen run {words} --scenario {} --nice 1", path.display());
        let line = line.split_whitespace().map(OsString::from).collect();
        expand(line).map(|line| line.join(&OsString::from(" ")).into_string().unwrap())
    }

    #[test]
    fn options_of_the_file_stand_behind_the_command() {
        let file = "serve = true\nusers = \"2k\"\npayload = 64\noffline-share = 0.5\nno-drain = false\n\
                    stage = [\"1s:5\", \"2s:9\"]\nat = [[\"1s\", \"true\"]]";
        let line = "loadgen run --at 1s true --offline-share 0.5 --payload 64 --serve --stage 1s:5 --stage 2s:9 \
                    --users 2k --devices 2 --nice 1";
        assert_eq!(expanded(file, "--devices 2").unwrap(), line);
    }

    #[test]
    fn what_is_typed_takes_the_place_of_what_the_file_says() {
        let file = "serve = true\nstage = [\"1s:5\"]\nusers = 7\nslo = [\"e2e.p99<1s\"]";
        let line = "loadgen run --users=9 --rate 5 --target x:1 --slo ack.max<1s --nice 1";
        let typed = "--users=9 --rate 5 --target x:1 --slo ack.max<1s";
        assert_eq!(expanded(file, typed).unwrap(), line);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_named() {
        for (file, word) in
            [("users", "users"), ("at = [[[1]]]", "at = "), ("users = 1979-05-27", "users = ")]
        {
            let Err(Failure::Usage(why)) = expanded(file, "") else { panic!("{file} is taken") };
            assert!(why.contains("scenario.toml") && why.contains(word), "{why}");
        }
        let line = ["loadgen", "run", "--scenario", "nowhere.toml"].map(OsString::from);
        assert!(expand(line.to_vec()).unwrap_err().to_string().contains("nowhere.toml"));
    }
}
