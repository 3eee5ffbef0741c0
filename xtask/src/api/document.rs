//! The OpenAPI document as a gateway serves it: which calls it has, and whether an answer is one that it has.

use std::thread::park_timeout;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::ask::{Answer, Ask, Tally};
use super::place::Place;

/// One call of it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What it is called.
    pub name: String,
    pub method: String,
    pub path: String,
    /// The scope that it needs, if any.
    pub scope: Option<String>,
    pub has_body: bool,
    /// The statuses that it may have.
    pub statuses: Vec<u16>,
    responses: Value,
}

const RATE_TRIES: u32 = 5;
const RATE_REST: Duration = Duration::from_millis(1_100);

/// All of it.
pub struct Document {
    pub operations: Vec<Operation>,
    schemas: Value,
}

impl Document {
    /// As a gateway serves it.
    pub fn read(place: &Place) -> Result<Self> {
        let key = Some(place.key("all"));
        let ask = Ask { method: "GET".into(), path: "/openapi.json".into(), key, ..Ask::default() };
        let mut answer = ask.at(&place.api)?;
        // Where the rate is small, looking whether it is ready has used it up.
        for _ in 0..RATE_TRIES {
            if answer.status == 429 {
                park_timeout(RATE_REST);
                answer = ask.at(&place.api)?;
            }
        }
        ensure!(answer.status == 200, "no document: {answer:?}");
        let mut operations = Vec::new();
        let paths = answer.body["paths"].as_object().context("no paths")?;
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().context("no methods")? {
                operations.push(Operation::read(path, method, operation)?);
            }
        }
        let schemas = answer.body["components"]["schemas"].clone();
        Ok(Self { operations, schemas })
    }

    /// A call by its name.
    pub fn operation(&self, name: &str) -> &Operation {
        let found = self.operations.iter().find(|operation| operation.name == name);
        found.unwrap_or_else(|| panic!("the document has no call {name}"))
    }

    /// Whether the document has this answer to a call; it is counted as seen.
    pub fn judge(&self, operation: &Operation, answer: &Answer, tally: &mut Tally) -> Result<()> {
        let status = answer.status;
        tally.seen.insert((operation.name.clone(), status));
        let response = &operation.responses[status.to_string()];
        ensure!(response.is_object(), "undocumented status: {answer:?}");
        let content = response["content"].as_object().context("a response without content")?;
        let (kind, described) = content.iter().next().context("a response without a body")?;
        ensure!(answer.head.contains(&format!("content-type: {kind}")), "undocumented: {answer:?}");
        self.fits(&described["schema"], &answer.body).with_context(|| format!("{answer:?}"))
    }

    /// What is documented and was never seen; with the long form only what takes long.
    pub fn unseen(&self, tally: &Tally, is_long: bool) -> Vec<String> {
        let mut unseen = Vec::new();
        for operation in &self.operations {
            let statuses =
                operation.statuses.iter().filter(|it| is_long || !matches!(it, 408 | 503));
            for status in statuses {
                if !tally.seen.contains(&(operation.name.clone(), *status)) {
                    unseen.push(format!("{} {status}", operation.name));
                }
            }
        }
        unseen
    }

    /// Whether a value is one of a schema, as far as the document uses schemas; and has no key that the schema has not.
    fn fits(&self, schema: &Value, value: &Value) -> Result<()> {
        let mut keys = Map::new();
        self.check(schema, value, &mut keys)?;
        if let (Value::Object(object), false) = (value, keys.is_empty()) {
            for key in object.keys() {
                ensure!(keys.contains_key(key), "undocumented key {key}");
            }
        }
        Ok(())
    }

    fn check(&self, schema: &Value, value: &Value, keys: &mut Map<String, Value>) -> Result<()> {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.strip_prefix("#/components/schemas/").context("a foreign $ref")?;
            return self.check(&self.schemas[name], value, keys);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.check(part, value, keys)?;
        }
        self.check_type(schema, value)?;
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            ensure!(value.get(key).is_some(), "{key} is missing");
        }
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            keys.insert(key.clone(), Value::Null);
            if let Some(value) = value.get(key) {
                self.fits(schema, value).with_context(|| format!("in {key}"))?;
            }
        }
        for value in value.as_array().into_iter().flatten() {
            self.fits(&schema["items"], value)?;
        }
        Ok(())
    }

    fn check_type(&self, schema: &Value, value: &Value) -> Result<()> {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Ok(()),
        };
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => false,
        };
        if types.iter().any(|name| is(name)) { Ok(()) } else { bail!("{value} is not {types:?}") }
    }
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value) -> Result<Self> {
        let responses = operation["responses"].clone();
        let numbers = responses.as_object().context("no responses")?.keys();
        let statuses = numbers.map(|number| number.parse()).collect::<Result<_, _>>()?;
        let scope = operation["description"].as_str().and_then(|text| text.split_once("scope "));
        Ok(Self {
            name: operation["operationId"].as_str().context("no name")?.to_owned(),
            method: method.to_uppercase(),
            path: path.to_owned(),
            scope: scope.map(|(_, scope)| scope.trim_end_matches('.').to_owned()),
            has_body: operation["requestBody"].is_object(),
            statuses,
            responses,
        })
    }
}
