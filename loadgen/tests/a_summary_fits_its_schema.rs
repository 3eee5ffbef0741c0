//! `summary.json` is what its schema says, to the last field, and the schema is the one that is published.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod fake;

use fake::Planted;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn loadgen(line: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_loadgen")).args(line).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// To write it anew: `cargo run -p loadgen -- schema > loadgen/summary.schema.json`.
#[test]
fn the_published_schema_is_that_of_the_code() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("summary.schema.json");
    let published = std::fs::read_to_string(published).unwrap();
    assert_eq!(loadgen(&["schema"]), published);
}

/// Where a value is not what a schema says: it has the types and fields that are asked for, and no field more.
fn misfits(value: &Value, schema: &Value, root: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        let meant = root.pointer(pointer).unwrap_or_else(|| panic!("{name} is nowhere"));
        return misfits(value, meant, root, at, found);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[key].as_array() {
            let fits = |choice: &&Value| {
                let mut found = Vec::new();
                misfits(value, choice, root, at, &mut found);
                found.is_empty()
            };
            if !choices.iter().any(|choice| fits(&choice)) {
                found.push(format!("{at}: {value} is none of the choices"));
            }
            return;
        }
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_of = |of: &Value| of == name || (of == "number" && name == "integer");
    let of = &schema["type"];
    if !of.is_null() && !is_of(of) && !of.as_array().is_some_and(|all| all.iter().any(is_of)) {
        return found.push(format!("{at}: {value} is not {of}"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        let name = required.as_str().unwrap();
        if value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, field) in value.as_object().into_iter().flatten() {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Null | Value::Bool(_)) => {
                found.push(format!("{at}: {name} is not in the schema"));
            }
            (Value::Null, of) | (of, _) => {
                misfits(field, of, root, &format!("{at}/{name}"), found);
            }
        }
    }
    for item in value.as_array().into_iter().flatten() {
        misfits(item, &schema["items"], root, &format!("{at}/items"), found);
    }
}

/// Runs of each shape: with faults and an event, in groups, in stages, and one whose server is gone.
#[test]
fn a_run_writes_what_the_schema_says() {
    let schema: Value = serde_json::from_str(&loadgen(&["schema"])).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let key = fake::key_file(directory.path());
    let shapes: [(Planted, &[&str]); 4] = [
        (Planted::Corrupt(20), &["--duration", "2s", "--at", "1s", "true", "--slo", "e2e.p99<1s"]),
        (Planted::Nothing, &["--duration", "1s", "--groups", "2", "--group-size", "3..5"]),
        (Planted::Nothing, &["--stage", "1s:100", "--stage", "1s:100-200"]),
        (Planted::Die(30), &["--duration", "2s", "--outage-max", "1s"]),
    ];
    for (nth, (planted, more)) in shapes.into_iter().enumerate() {
        let (target, out) =
            (fake::start(planted).to_string(), directory.path().join(nth.to_string()));
        let mut line = vec!["run", "--target", &target, "--warmup", "0s", "--users", "10"];
        line.extend(["--friends", "2"]);
        if !more.contains(&"--stage") {
            line.extend(["--rate", "100"]);
        }
        line.extend(["--key-file", key.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        let said = loadgen(&[&line, more].concat());
        let summary = std::fs::read_to_string(out.join("summary.json")).expect(&said);
        let summary: Value = serde_json::from_str(&summary).unwrap();
        let mut found = Vec::new();
        misfits(&summary, &schema, &schema, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{said}");
        assert!(summary["about"]["started"].as_str().unwrap().ends_with('Z'));
        let examples = summary["examples"].as_array().unwrap();
        assert_eq!(examples.is_empty(), nth != 0, "{summary}");
    }
}

/// The check can fail.
#[test]
fn what_does_not_fit_is_found() {
    let schema: Value = serde_json::from_str(&loadgen(&["schema"])).unwrap();
    let mut found = Vec::new();
    let wrong = serde_json::json!({ "version": "three", "more": 1 });
    misfits(&wrong, &schema, &schema, "", &mut found);
    let has = |text: &str| found.iter().any(|it: &String| it.contains(text));
    assert!(
        has("\"three\" is not") && has("more is not in") && has("verdict is missing"),
        "{found:?}"
    );
}
