//! The files that the checks read, in memory, and their meaning as values. It does not judge.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Path from the root to text: all of `deploy/`, the runbook, and the code that it is held to.
#[derive(Clone)]
pub struct Tree(pub BTreeMap<String, String>);

const ROOTS: &[&str] = &["crates/service/src", "deploy", "docs", "gateway", "logic"];

impl Tree {
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files = BTreeMap::new();
        ROOTS.iter().for_each(|dir| read_dir(&root, dir, &mut files));
        Self(files)
    }

    pub fn text(&self, path: &str) -> &str {
        self.0.get(path).unwrap_or_else(|| panic!("{path} is not in the tree"))
    }

    /// What is deployed or says how, without the code.
    pub fn deployed(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_ours = |path: &&str| path.starts_with("deploy/") || path.starts_with("docs/");
        self.0
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(move |(p, _)| is_ours(p))
    }

    pub fn code(&self, dir: &str) -> impl Iterator<Item = &str> {
        let is_code = move |path: &str| path.starts_with(dir) && path.ends_with(".rs");
        self.0.iter().filter(move |(path, _)| is_code(path)).map(|(_, text)| text.as_str())
    }

    /// The documents of a YAML or JSON file. Empty if it cannot be parsed, which [`Tree::unparsed`] reports.
    pub fn documents(&self, path: &str) -> Vec<Value> {
        parse(path, self.text(path)).unwrap_or_default()
    }

    /// Every document of every file below, with its file.
    pub fn all_documents(&self, dir: &str) -> Vec<(String, Value)> {
        let paths = self.0.keys().filter(|path| path.starts_with(dir));
        let each = |path: &String| {
            let documents = parse(path, &self.0[path]).unwrap_or_default();
            documents.into_iter().map(|document| (path.clone(), document)).collect::<Vec<_>>()
        };
        paths.flat_map(each).collect()
    }

    /// Files below `deploy/` that are not what their name says.
    pub fn unparsed(&self) -> Vec<String> {
        let ours = self.0.iter().filter(|(path, _)| path.starts_with("deploy/"));
        ours.filter_map(|(path, text)| {
            parse(path, text).err().map(|error| format!("{path}: {error}"))
        })
        .collect()
    }
}

fn read_dir(root: &Path, dir: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(dir)).expect("a directory of the tree") {
        let entry = entry.expect("an entry");
        let path = format!("{dir}/{}", entry.file_name().display());
        let kind = entry.file_type().expect("its type");
        if kind.is_dir() && !path.ends_with("/secrets") {
            read_dir(root, &path, files);
        } else if kind.is_file() && !path.ends_with(".tar.gz") {
            files.insert(path, fs::read_to_string(entry.path()).expect("text"));
        }
    }
}

fn parse(path: &str, text: &str) -> Result<Vec<Value>, String> {
    match path.rsplit('.').next() {
        Some("yaml" | "yml") => {
            let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
            let documents: Vec<_> = documents.iter().map(value).collect();
            let is_whole = documents.iter().all(Value::is_object) && !documents.is_empty();
            if is_whole { Ok(documents) } else { Err("a document is no mapping".into()) }
        }
        Some("json") => serde_json::from_str(text).map(|one| vec![one]).map_err(|e| e.to_string()),
        Some("service" | "env") => unit(text).map(|()| Vec::new()),
        Some("rs" | "md" | "toml" | "lua") => Ok(Vec::new()),
        _ if path.contains("Dockerfile") => Ok(Vec::new()),
        _ => Err("no check knows this kind of file".into()),
    }
}

/// Comments, sections, `Name=value`.
fn unit(text: &str) -> Result<(), String> {
    let is_well = |line: &str| {
        let section = line.starts_with('[') && line.ends_with(']');
        let name = line.split_once('=').map_or("", |(name, _)| name);
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        line.is_empty() || line.starts_with('#') || section || is_name
    };
    text.lines().find(|line| !is_well(line)).map_or(Ok(()), |line| Err(format!("`{line}`")))
}

/// With merge keys (`<<`) merged in.
fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(truth)) => (*truth).into(),
        Yaml::Value(Scalar::Integer(number)) => (*number).into(),
        Yaml::Value(Scalar::FloatingPoint(number)) => number.into_inner().into(),
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(pairs) => {
            let mut object = Map::new();
            for (key, item) in pairs {
                match (key.as_str(), value(item)) {
                    (Some("<<"), Value::Object(merged)) => {
                        merged.into_iter().for_each(|(key, item)| {
                            object.entry(key).or_insert(item);
                        });
                    }
                    (Some(key), item) => drop(object.insert(key.to_owned(), item)),
                    (None, _) => drop(object.insert(format!("{key:?}"), Value::Null)),
                }
            }
            object.into()
        }
        Yaml::Value(Scalar::Null)
        | Yaml::Representation(..)
        | Yaml::Tagged(..)
        | Yaml::Alias(_)
        | Yaml::BadValue => Value::Null,
    }
}

/// Every value below, itself first.
pub fn below(value: &Value) -> Vec<&Value> {
    let mut found = vec![value];
    match value {
        Value::Array(items) => found.extend(items.iter().flat_map(below)),
        Value::Object(items) => found.extend(items.values().flat_map(below)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found
}

/// The text at a JSON pointer, or nothing.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items at a JSON pointer: of a list, or the values of a mapping.
pub fn items<'a>(value: &'a Value, pointer: &str) -> Vec<&'a Value> {
    match value.pointer(pointer) {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Object(items)) => items.values().collect(),
        _ => Vec::new(),
    }
}

/// The words of a text that are made of letters, digits and underscores, and begin so.
pub fn words<'a>(text: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(move |word| word.starts_with(prefix))
}
