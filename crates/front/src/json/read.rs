//! From the text of one message to the frames that it stands for.

use super::fields::named;
use super::kinds::Said;
use super::values::{Key, Number};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer as Json;
use std::fmt;
use std::marker::PhantomData;
use wire::frames::Hello;
use wire::{FEATURE_SESSION_END, FEATURE_SIGNALS, FRAME_BYTES_MAX, RefusalCode, VERSION, encode};

/// A message that is not understood.
#[derive(Debug, PartialEq, Eq)]
pub struct Unclear {
    /// Of the request, if that much could be read.
    pub request_id: Option<u64>,
    /// As what it is refused then.
    pub code: RefusalCode,
    /// What is wrong with it, for a person.
    pub text: String,
}

/// Appends the frames of a message of this user; 0: of nobody yet. A login is two: the hello before it is what the
/// subprotocol's name says.
///
/// # Errors
/// It is no JSON, or no object of one known request, or too large for a frame; nothing is appended.
pub fn read(text: &str, user: u64, out: &mut Vec<u8>) -> Result<(), Unclear> {
    let mut json = Json::from_str(text);
    let read = Message { user }.deserialize(&mut json).and_then(|read| json.end().map(|()| read));
    let (request_id, said, extension) = read.map_err(|error| Unclear {
        request_id: request_id(text),
        code: RefusalCode::Unsupported,
        text: error.to_string(),
    })?;
    if let Said::Login(_) = said {
        encode(out, 0, hello());
    }
    if said.encode(out, request_id, &extension) {
        return Ok(());
    }
    let text = format!("the request is over {FRAME_BYTES_MAX} bytes as a frame");
    Err(Unclear { request_id: Some(request_id), code: RefusalCode::BodyTooLarge, text })
}

/// What every client of the subprotocol knows: signals too, for it passes over messages that it does not know. A feature that asks
/// more of it is not in it: a client of today has the same name.
fn hello() -> Hello {
    let frame_bytes_max = u32::try_from(FRAME_BYTES_MAX).expect("small");
    let (version_min, version_max) = (VERSION, VERSION);
    let features = FEATURE_SESSION_END | FEATURE_SIGNALS;
    Hello { version_min, version_max, frame_bytes_max, features }
}

/// A message while it is read: the request's id, 0 without one, what is said, and the numbers of its extension.
struct Message {
    user: u64,
}

impl<'de> DeserializeSeed<'de> for Message {
    type Value = (u64, Said, Vec<u64>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message {
    type Value = (u64, Said, Vec<u64>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one request, and its id")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut id, mut said) = (None, None);
        while let Some(key) = map.next_key_seed(Key)? {
            if key == ID {
                let number = map.next_value_seed(Number(PhantomData));
                let before = id.replace(number.map_err(named(ID))?);
                if before.is_some() {
                    return Err(Error::custom("id: is said twice"));
                }
            } else if said.is_some() {
                return Err(Error::custom(format_args!("{key}: a message is one request")));
            } else {
                said = Some(Said::read(&key, &mut map, self.user)?);
            }
        }
        let (said, extension) = said.ok_or_else(|| Error::custom("the request is missing"))?;
        Ok((id.unwrap_or(0), said, extension))
    }
}

/// The key of a request's id.
const ID: &str = "id";

/// The id of a message that is not understood, if it stands before what is no JSON.
fn request_id(text: &str) -> Option<u64> {
    let mut found = None;
    // What is wrong with the message was said already.
    let _ = Json::from_str(text).deserialize_map(Finding(&mut found));
    found
}

/// The search for it.
struct Finding<'a>(&'a mut Option<u64>);

impl<'de> Visitor<'de> for Finding<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            if key == ID {
                *self.0 = Some(map.next_value_seed(Number(PhantomData))?);
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}
