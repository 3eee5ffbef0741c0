//! What stands in paths, queries and bodies of calls: one description by which it is read, refused, and told to others.

use super::uuid::uuid;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use wire::{BODY_BYTES_MAX, ConversationId, NUMBER_MAX, Uid};

/// What may stand under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A number of 64 bits but 0, in decimal; in JSON as a string.
    Id,
    /// A whole number from 0 up to this.
    Number(u64),
    /// A UUIDv7.
    Uuid,
    /// A text of at most so many bytes.
    Words(usize),
    /// The text of a message: how long it is judges whoever takes it.
    Text,
    /// The body of a message in base64; as [`Form::Text`].
    Base64,
    /// From one to so many ids.
    Ids(usize),
    /// `user-8`, `group-55` or `system`; or, as answers have it, its kind, a and b: `1:8:7`.
    Conversation,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A name, what may stand there, whether it must, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name.
    pub name: &'static str,
    /// What may stand there.
    pub form: Form,
    /// Whether it has to be there.
    pub is_needed: bool,
    /// What it is for.
    pub text: &'static str,
}

/// One that has to be there.
pub const fn needed(name: &'static str, form: Form, text: &'static str) -> Field {
    Field { name, form, is_needed: true, text }
}

/// One that may be there.
pub const fn perhaps(name: &'static str, form: Form, text: &'static str) -> Field {
    Field { name, form, is_needed: false, text }
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    Number(u64),
    Words(String),
    Bytes(Vec<u8>),
    Ids(Vec<u64>),
}

/// All values that were read, by name: each is as its field says.
#[derive(Clone, Debug, Default)]
pub struct Fields(HashMap<&'static str, Given>);

/// The conversation of a path, as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// The one with this user.
    User(u64),
    /// This group.
    Group(u64),
    /// What the system tells.
    System,
    /// The one of these parts.
    Parts(ConversationId),
}

impl Meant {
    fn parse(text: &str) -> Option<Self> {
        if let [kind, a, b] = text.split(':').collect::<Vec<_>>()[..] {
            let kind = u8::try_from(digits(kind)?).ok()?;
            return ConversationId::from_parts(kind, digits(a)?, digits(b)?).map(Self::Parts);
        }
        match text.split_once('-') {
            None => (text == "system").then_some(Self::System),
            Some(("user", id)) => self::id(id).map(Self::User),
            Some(("group", id)) => self::id(id).map(Self::Group),
            Some(_) => None,
        }
    }

    /// Which it is, for a user.
    #[must_use]
    pub fn of(self, uid: Uid) -> Option<ConversationId> {
        match self {
            Self::User(other) => ConversationId::direct(uid, Uid(other)),
            Self::Group(group) => ConversationId::group(group),
            Self::System => ConversationId::system(uid),
            Self::Parts(conversation) => Some(conversation),
        }
    }
}

impl Fields {
    /// Reads what stands in a path or a query.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add_text(&mut self, field: &Field, text: &str) -> Result<(), String> {
        let given = match field.form {
            Form::Id => id(text).map(Given::Number),
            Form::Number(max) => digits(text).filter(|n| *n <= max).map(Given::Number),
            Form::Uuid | Form::Words(_) | Form::Conversation | Form::OneOf(_) => {
                field.form.words(text).map(Given::Words)
            }
            Form::Text | Form::Base64 | Form::Ids(_) => None,
        };
        self.add(field, given)
    }

    /// Reads what stands in an object: nothing else may, and what is needed must.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add_object(
        &mut self,
        fields: &'static [Field],
        object: &Map<String, Value>,
    ) -> Result<(), String> {
        if let Some(key) = object.keys().find(|key| fields.iter().all(|it| it.name != **key)) {
            return Err(format!("unknown key `{}`", short(key)));
        }
        for field in fields {
            if let Some(value) = object.get(field.name) {
                self.add(field, field.form.read(value))?;
            }
        }
        self.check(fields)
    }

    /// Whether all is there that must be.
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self, fields: &'static [Field]) -> Result<(), String> {
        let is_missing = |field: &&Field| field.is_needed && !self.0.contains_key(field.name);
        match fields.iter().find(is_missing) {
            None => Ok(()),
            Some(field) => Err(format!("`{}` is missing", field.name)),
        }
    }

    fn add(&mut self, field: &Field, given: Option<Given>) -> Result<(), String> {
        let given =
            given.ok_or_else(|| format!("{}: give {}", field.name, field.form.expecting()))?;
        match self.0.insert(field.name, given) {
            None => Ok(()),
            Some(_) => Err(format!("`{}` is said twice", field.name)),
        }
    }

    /// A number or an id.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(Given::Number(number)) => Some(*number),
            Some(Given::Words(_) | Given::Bytes(_) | Given::Ids(_)) | None => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn words(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Words(words)) => Some(words),
            Some(Given::Number(_) | Given::Bytes(_) | Given::Ids(_)) | None => None,
        }
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.0.get(name) {
            Some(Given::Bytes(bytes)) => Some(bytes),
            Some(Given::Number(_) | Given::Words(_) | Given::Ids(_)) | None => None,
        }
    }

    /// Ids.
    #[must_use]
    pub fn ids(&self, name: &str) -> &[u64] {
        match self.0.get(name) {
            Some(Given::Ids(ids)) => ids,
            Some(Given::Number(_) | Given::Words(_) | Given::Bytes(_)) | None => &[],
        }
    }

    /// The conversation that is named.
    #[must_use]
    pub fn meant(&self, name: &str) -> Option<Meant> {
        self.words(name).and_then(Meant::parse)
    }
}

impl Form {
    fn read(self, value: &Value) -> Option<Given> {
        match (self, value) {
            (Self::Id, Value::String(text)) => id(text).map(Given::Number),
            (Self::Number(max), Value::Number(number)) => {
                number.as_u64().filter(|n| *n <= max).map(Given::Number)
            }
            (Self::Base64, Value::String(text)) => front::json::bytes(text).map(Given::Bytes),
            (Self::Text, Value::String(text)) => Some(Given::Bytes(text.clone().into_bytes())),
            (Self::Ids(max), Value::Array(values)) if (1..=max).contains(&values.len()) => {
                let ids = values.iter().map(|value| value.as_str().and_then(id));
                ids.collect::<Option<_>>().map(Given::Ids)
            }
            (_, Value::String(text)) => self.words(text).map(Given::Words),
            _ => None,
        }
    }

    fn words(self, text: &str) -> Option<String> {
        let is_one = match self {
            Self::Uuid => uuid(text).is_some(),
            Self::Words(max) => text.len() <= max,
            Self::Conversation => Meant::parse(text).is_some(),
            Self::OneOf(words) => words.contains(&text),
            Self::Id | Self::Number(_) | Self::Text | Self::Base64 | Self::Ids(_) => false,
        };
        is_one.then(|| text.to_owned())
    }

    fn expecting(self) -> String {
        match self {
            Self::Id => "a number from 1 up to 2^64 - 1, in decimal, in quotes in JSON".into(),
            Self::Number(max) => format!("a whole number from 0 to {max}"),
            Self::Uuid => "a UUIDv7 with its hyphens".into(),
            Self::Words(max) => format!("a text of at most {max} bytes"),
            Self::Text => "a text".into(),
            Self::Base64 => "base64 with its padding".into(),
            Self::Ids(max) => format!("from 1 to {max} ids, each in quotes"),
            Self::Conversation => "user-ID, group-ID, system or KIND:A:B".into(),
            Self::OneOf(words) => words.join(" or "),
        }
    }

    /// Its schema. In a path or a query ids and numbers are digits.
    #[must_use]
    pub fn schema(self) -> Value {
        match self {
            Self::Id => id_schema(),
            Self::Number(max) => json!({"type": "integer", "minimum": 0, "maximum": max}),
            Self::Uuid => json!({"type": "string", "format": "uuid", "pattern": UUID_V7}),
            Self::Words(max) => json!({"type": "string", "maxLength": max}),
            Self::Text => json!({"type": "string", "maxLength": BODY_BYTES_MAX}),
            Self::Base64 => {
                let length = BODY_BYTES_MAX.div_ceil(3) * 4;
                json!({"type": "string", "contentEncoding": "base64", "maxLength": length})
            }
            Self::Ids(max) => {
                json!({"type": "array", "items": id_schema(), "minItems": 1, "maxItems": max})
            }
            Self::Conversation => {
                json!({"type": "string", "pattern": "^((user|group)-[1-9][0-9]{0,18}|system|[1-4]:[1-9][0-9]{0,18}:(0|[1-9][0-9]{0,18}))$"})
            }
            Self::OneOf(words) => json!({"type": "string", "enum": words}),
        }
    }
}

/// What a UUIDv7 looks like.
const UUID_V7: &str =
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$";

fn id_schema() -> Value {
    // Some ids have a digit more: whoever checks by the pattern refuses only those that nobody has.
    json!({"type": "string", "pattern": "^[1-9][0-9]{0,18}$"})
}

fn id(text: &str) -> Option<u64> {
    digits(text).filter(|id| *id != 0)
}

fn digits(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| is_plain && is_short)
}

/// The beginning of a text that somebody else chose.
fn short(text: &str) -> &str {
    &text[..text.floor_char_boundary(40)]
}

/// The greatest number that JSON says.
pub const NUMBER: Form = Form::Number(NUMBER_MAX - 1);

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] = &[
        needed("uid", Form::Id, ""),
        perhaps("count", Form::Number(9), ""),
        perhaps("uids", Form::Ids(2), ""),
        perhaps("text", Form::Words(3), ""),
        perhaps("body", Form::Base64, ""),
        perhaps("role", Form::OneOf(&["admin"]), ""),
    ];

    fn read(value: &Value) -> Result<Fields, String> {
        let mut fields = Fields::default();
        fields.add_object(FIELDS, value.as_object().unwrap()).map(|()| fields)
    }

    #[test]
    fn values_are_read_by_their_form() {
        let given = json!({"uid": "18446744073709551615", "count": 9, "uids": ["1", "2"], "text": "\u{fc}",
                           "body": "aGk=", "role": "admin"});
        let fields = read(&given).unwrap();
        assert_eq!((fields.number("uid"), fields.number("count")), (Some(u64::MAX), Some(9)));
        assert_eq!((fields.ids("uids"), fields.bytes("body")), (&[1, 2][..], Some(&b"hi"[..])));
        assert_eq!((fields.words("text"), fields.words("role")), (Some("ü"), Some("admin")));
        assert_eq!((fields.number("text"), fields.words("other")), (None, None));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (value, why) in [
            (json!({}), "`uid` is missing"),
            (json!({"uid": 7}), "uid: give"),
            (json!({"uid": "0"}), "uid: give"),
            (json!({"uid": "07"}), "uid: give"),
            (json!({"uid": "18446744073709551616"}), "uid: give"),
            (json!({"uid": "7", "count": 10}), "count: give a whole number from 0 to 9"),
            (json!({"uid": "7", "count": -1}), "count: give"),
            (json!({"uid": "7", "count": 1.5}), "count: give"),
            (json!({"uid": "7", "uids": []}), "uids: give"),
            (json!({"uid": "7", "uids": ["1", "2", "3"]}), "uids: give"),
            (json!({"uid": "7", "text": "four"}), "text: give"),
            (json!({"uid": "7", "text": null}), "text: give"),
            (json!({"uid": "7", "body": "a"}), "body: give"),
            (json!({"uid": "7", "role": "king"}), "role: give admin"),
            (json!({"uid": "7", "other": 1}), "unknown key `other`"),
        ] {
            let said = read(&value).unwrap_err();
            assert!(said.starts_with(why), "{value}: {said}");
        }
    }

    #[test]
    fn a_conversation_has_a_name() {
        let named = |text: &str| Meant::parse(text);
        assert_eq!(named("user-8"), Some(Meant::User(8)));
        assert_eq!(named("group-55"), Some(Meant::Group(55)));
        assert_eq!(named("system"), Some(Meant::System));
        assert_eq!(named("1:8:7"), ConversationId::direct(Uid(7), Uid(8)).map(Meant::Parts));
        for bad in
            ["", "user", "user-", "user-0", "user--8", "system-1", "8", "topic-4", "1:7:8", "1:8"]
        {
            assert_eq!(named(bad), None, "{bad:?}");
        }
        assert_eq!(Meant::User(7).of(Uid(7)), None);
        assert_eq!(Meant::System.of(Uid(7)), ConversationId::system(Uid(7)));
    }
}
