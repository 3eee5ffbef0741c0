//! The OpenAPI document: written of the table of calls and of the tables by which clients' frames are read and written.

use super::call::{Answers, Call, Does};
use super::calls::{CALLS, PLACES};
use super::form::{Field, Form};
use super::limits::LIST_MAX;
use front::json::{Described, Property, Shape, described, describes};
use serde_json::{Map, Value, json};
use wire::{Kind, PAGE_ROWS_MAX, RefusalCode};

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for call in CALLS {
        let path = paths.entry(call.path).or_insert_with(|| json!({}));
        path[call.method.to_lowercase()] = operation(call);
    }
    let mut schemas: Map<String, Value> = own_objects();
    schemas.extend(described().into_iter().map(|it: Described| (it.0.to_owned(), object(&it.1))));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Longline: calls of business systems",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Each call has a key in Authorization. Ids are strings: they are above what a double holds. A refusal is a problem by RFC 9457, with the code and the hint that clients are refused with. What changes something has an id of the producer's, and may be said again with the same: it is done once.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    })
}

fn operation(call: &Call) -> Value {
    let places = call.places(call.path).expect("its own path");
    let place = |name| PLACES.iter().find(|field| field.name == name).expect("it is described");
    let in_path = places.into_iter().map(|(name, _)| parameter(place(name), "path"));
    let in_query = call.query.iter().map(|field| parameter(field, "query"));
    let mut parameters: Vec<Value> = in_path.chain(in_query).collect();
    if call.has_id() {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The message's id, instead of client_msg_id: a UUIDv7, or another text with created_ms beside it.",
            "schema": {"type": "string", "minLength": 1, "maxLength": super::once::ID_BYTES_MAX},
        }));
    }
    let scope = call.scope.map_or_else(|| "any key".to_owned(), |scope| format!("scope {scope}"));
    let mut operation = json!({
        "operationId": call.name,
        "summary": call.text,
        "description": format!("Needs {scope}."),
        "parameters": parameters,
        "responses": responses(call),
    });
    if let Some(body) = call.body {
        let is_needed = body.iter().any(|field| field.is_needed);
        operation["requestBody"] = json!({
            "required": is_needed,
            "content": {"application/json": {"schema": given(body)}},
        });
    }
    operation
}

fn parameter(field: &Field, place: &str) -> Value {
    json!({
        "name": field.name, "in": place, "required": field.is_needed,
        "description": field.text, "schema": field.form.schema(),
    })
}

/// The object of a body.
fn given(fields: &[Field]) -> Value {
    let properties = fields.iter().map(|field| {
        let mut schema = field.form.schema();
        schema["description"] = json!(field.text);
        (field.name.to_owned(), schema)
    });
    let needed: Vec<&str> =
        fields.iter().filter(|field| field.is_needed).map(|field| field.name).collect();
    json!({
        "type": "object", "properties": properties.collect::<Map<_, _>>(), "required": needed,
        "additionalProperties": false,
    })
}

/// The statuses that a call may have.
#[must_use]
pub fn statuses(call: &Call) -> Vec<u16> {
    let mut statuses = vec![200, 400, 401, 429, 503];
    if call.scope.is_some() {
        statuses.push(403);
    }
    if call.path.contains('{') {
        statuses.push(404);
    }
    if call.body.is_some() {
        statuses.extend([408, 413]);
    }
    // Of many users each has its own.
    if call.has_id() && call.does != Does::Tell {
        statuses.push(409);
    }
    statuses.sort_unstable();
    statuses
}

fn responses(call: &Call) -> Value {
    let answer = match call.answers {
        Answers::Frame(kind) => said(kind),
        Answers::Object(name) => json!({"$ref": format!("#/components/schemas/{name}")}),
    };
    let mut responses = Map::new();
    for status in statuses(call) {
        let number = status.to_string();
        let response = match status {
            200 => json!({
                "description": "What was asked for.",
                "content": {"application/json": {"schema": answer}},
            }),
            _ => json!({
                "description": codes(&number),
                "content": {"application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"},
                }},
            }),
        };
        responses.insert(number, response);
    }
    responses.into()
}

/// The codes that have a status, for a person.
fn codes(number: &str) -> String {
    let has = |code: &&RefusalCode| front::status(**code).starts_with(number);
    let names: Vec<String> =
        RefusalCode::ALL.iter().filter(has).map(|code| format!("{code:?}")).collect();
    format!("Refused: {}.", names.join(", "))
}

/// The object of a frame, under its key.
fn said(kind: Kind) -> Value {
    let (key, name, more) = describes(kind).expect("it has a form");
    let name = format!("#/components/schemas/{name}");
    let schema = if more.is_empty() {
        json!({"$ref": name})
    } else {
        json!({"allOf": [{"$ref": name}, properties(&more)]})
    };
    json!({"type": "object", "properties": {key: schema}, "required": [key]})
}

fn object(all: &[Property]) -> Value {
    let needed: Vec<&str> = all.iter().filter(|it| it.is_always).map(|it| it.key).collect();
    let mut object = properties(all);
    object["required"] = json!(needed);
    object
}

fn properties(all: &[Property]) -> Value {
    let properties = all.iter().map(|it| (it.key.to_owned(), shape(it.shape)));
    json!({"type": "object", "properties": properties.collect::<Map<_, _>>()})
}

fn shape(shape: Shape) -> Value {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    match shape {
        Shape::Id => id(),
        Shape::Number(max) => json!({"type": "integer", "minimum": 0, "maximum": max}),
        Shape::Numbers => {
            let number = json!({"type": "integer", "minimum": 0});
            json!({"type": "array", "items": number, "maxItems": PAGE_ROWS_MAX})
        }
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Uuid => json!({"type": "string", "format": "uuid"}),
        Shape::Words => json!({"type": "string"}),
        Shape::Base64 => json!({"type": "string", "contentEncoding": "base64"}),
        Shape::Object(name) => named(name),
        Shape::List(name) => {
            json!({"type": "array", "items": named(name), "maxItems": PAGE_ROWS_MAX})
        }
    }
}

fn id() -> Value {
    json!({"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"})
}

/// The objects that no frame has.
fn own_objects() -> Map<String, Value> {
    let number = || super::form::NUMBER.schema();
    let flag = || json!({"type": "boolean"});
    let or_null = |mut schema: Value| {
        schema["type"] = json!([schema["type"], "null"]);
        schema
    };
    let refusal = || json!({"$ref": "#/components/schemas/Refusal"});
    let text = || json!({"type": "string"});
    let of_each = |name: &str, schema: Value| {
        let list = json!({"type": "array", "items": schema, "maxItems": LIST_MAX});
        all_of(&[(name, list)])
    };
    let with_refusal = |found: &[(&str, Value)]| {
        let mut schema = all_of(found);
        schema["properties"]["refusal"] = refusal();
        schema["properties"]["uid"] = id();
        schema["required"] = json!(["uid"]);
        schema
    };
    let told = [("message_id", id()), ("seq", number()), ("time_ms", number())];
    let device = all_of(&[
        ("device", id()),
        ("platform", text()),
        ("silent_s", number()),
        ("acked_inbox_seq", or_null(number())),
        ("has_it", or_null(flag())),
    ]);
    let devices = json!({"type": "array", "items": device, "maxItems": PAGE_ROWS_MAX});
    let ack = said(Kind::SendAck);
    let made = json!({"allOf": [ack, all_of(&[("group", Form::Id.schema())])]});
    let objects = [
        ("Document", json!({"type": "object"})),
        ("Health", all_of(&[("ready", flag()), ("degraded", or_null(text()))])),
        ("Told", of_each("told", with_refusal(&told))),
        ("Online", of_each("users", with_refusal(&[("devices", number())]))),
        ("Unread", all_of(&[("unread", number()), ("chats", number()), ("is_whole", flag())])),
        ("Ended", all_of(&[("ended", number())])),
        ("Made", made),
        (
            "Trace",
            all_of(&[
                ("message_id", id()),
                ("seq", number()),
                ("sender", id()),
                ("kind", number()),
                ("time_ms", number()),
                ("inbox_seq", or_null(number())),
                ("devices", devices),
            ]),
        ),
        ("Problem", problem(refusal())),
    ];
    objects.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// An object with all of these.
fn all_of(properties: &[(&str, Value)]) -> Value {
    let keys: Vec<&str> = properties.iter().map(|(key, _)| *key).collect();
    let of_key = |(key, schema): &(&str, Value)| ((*key).to_owned(), schema.clone());
    let properties: Map<_, _> = properties.iter().map(of_key).collect();
    json!({"type": "object", "properties": properties, "required": keys})
}

fn problem(refusal: Value) -> Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "type": text, "title": text, "detail": text,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "refusal": refusal,
        },
        "required": ["type", "title", "status", "detail"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name that is referred to is there.
    fn check(value: &Value, schemas: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(name)) = object.get("$ref") {
                    let name = name.strip_prefix("#/components/schemas/").expect("a schema");
                    assert!(schemas[name].is_object(), "{name}");
                }
                object.values().for_each(|value| check(value, schemas));
            }
            Value::Array(values) => values.iter().for_each(|value| check(value, schemas)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn the_document_has_every_call_and_every_name_in_it() {
        let document = document();
        for call in CALLS {
            let operation = &document["paths"][call.path][call.method.to_lowercase()];
            assert_eq!(operation["operationId"], call.name);
        }
        check(&document, &document["components"]["schemas"]);
    }

    #[test]
    fn every_refusal_has_a_documented_status() {
        for code in RefusalCode::ALL {
            let number: u16 = front::status(*code)[..3].parse().unwrap();
            assert!(CALLS.iter().any(|call| statuses(call).contains(&number)), "{code:?}");
        }
    }
}
