//! The forms that fields have in objects: under which keys, and as what. It does not know which fields there are.

use super::fields::{Field, Object, Whole, Writing};
use super::shapes::{Property, Shape};
use super::values::{Bounded, ID, Number, Text};
use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::MapAccess;
use serde::ser::SerializeMap;
use std::marker::PhantomData;
use uuid::Uuid;
use wire::frames::Conversation;
use wire::{Bytes, ConversationKind, RefusalCode};

/// An id, or another number of 64 bits: in decimal, as a string.
pub(super) struct Id;

impl Field for Id {
    type Value = u64;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::Id)]
    }

    fn write<M: SerializeMap>(
        value: &u64,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        map.serialize_entry(name, &format_args!("{value}"))
    }

    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A, _: u64) -> Result<Option<u64>, A::Error> {
        map.next_value_seed(ID).map(Some)
    }
}

/// A position, a time, a count, a code: a number.
pub(super) struct Count<T>(PhantomData<T>);

impl<T: Bounded> Field for Count<T> {
    type Value = T;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::Number(T::MAX))]
    }

    fn write<M: SerializeMap>(value: &T, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        let number: u64 = (*value).into();
        map.serialize_entry(name, &number)
    }

    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A, _: u64) -> Result<Option<T>, A::Error> {
        map.next_value_seed(Number(PhantomData)).map(Some)
    }
}

/// 0 or 1: whether it is so.
pub(super) struct Flag;

impl Field for Flag {
    type Value = u8;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::Flag)]
    }

    fn write<M: SerializeMap>(value: &u8, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &(*value != 0))
    }

    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A, _: u64) -> Result<Option<u8>, A::Error> {
        Ok(Some(map.next_value::<bool>()?.into()))
    }
}

/// A field that is this number where its key is not.
pub(super) struct Or<F, const ABSENT: u8>(PhantomData<F>);

impl<F: Field<Value: From<u8> + PartialEq>, const ABSENT: u8> Field for Or<F, ABSENT> {
    type Value = F::Value;
    const OTHER: Option<&'static str> = F::OTHER;

    fn shape(name: &'static str) -> Vec<Property> {
        let shape = F::shape(name).into_iter();
        shape.map(|property| Property { is_always: false, ..property }).collect()
    }

    fn write<M: SerializeMap>(
        value: &Self::Value,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if *value == ABSENT.into() { Ok(()) } else { F::write(value, name, map) }
    }

    fn read<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        user: u64,
    ) -> Result<Option<Self::Value>, A::Error> {
        F::read(key, map, user)
    }

    fn absent() -> Option<Self::Value> {
        Some(ABSENT.into())
    }
}

/// A `client_msg_id`: a UUID with its four hyphens.
pub(super) struct MsgId;

const UUID: Text<[u8; 16]> = Text {
    expecting: "a UUID",
    parse: |text| {
        let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        Uuid::try_parse(text).ok().filter(|_| hyphenated).map(Uuid::into_bytes)
    },
};

impl Field for MsgId {
    type Value = [u8; 16];

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::Uuid)]
    }

    fn write<M: SerializeMap>(
        value: &[u8; 16],
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let mut text = Uuid::encode_buffer();
        map.serialize_entry(name, Uuid::from_bytes(*value).hyphenated().encode_lower(&mut text))
    }

    fn read<'de, A: MapAccess<'de>>(
        _: &str,
        map: &mut A,
        _: u64,
    ) -> Result<Option<[u8; 16]>, A::Error> {
        map.next_value_seed(UUID).map(Some)
    }
}

/// A string for a person, or a token.
pub(super) struct Words;

const WORDS: Text<Bytes> =
    Text { expecting: "a string", parse: |text| Some(Bytes::copy_from_slice(text.as_bytes())) };

impl Field for Words {
    type Value = Bytes;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::Words)]
    }

    fn write<M: SerializeMap>(
        value: &Bytes,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        map.serialize_entry(name, &*String::from_utf8_lossy(value))
    }

    fn read<'de, A: MapAccess<'de>>(
        _: &str,
        map: &mut A,
        _: u64,
    ) -> Result<Option<Bytes>, A::Error> {
        map.next_value_seed(WORDS).map(Some)
    }
}

/// A body: as `text`, or in base64.
pub(super) struct Body;

const BASE64: Text<Bytes> = Text {
    expecting: "base64 with its padding",
    parse: |text| STANDARD.decode(text).ok().map(Bytes::from),
};

/// What says it as a string.
const TEXT: &str = "text";

impl Field for Body {
    type Value = Bytes;
    const OTHER: Option<&'static str> = Some(TEXT);

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::sometimes(TEXT, Shape::Words), Property::sometimes(name, Shape::Base64)]
    }

    fn write<M: SerializeMap>(
        value: &Bytes,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        match str::from_utf8(value) {
            Ok(text) if is_short(text) => map.serialize_entry(TEXT, text),
            Ok(_) | Err(_) => {
                map.serialize_entry(name, &format_args!("{}", Base64Display::new(value, &STANDARD)))
            }
        }
    }

    fn read<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        _: u64,
    ) -> Result<Option<Bytes>, A::Error> {
        map.next_value_seed(if key == TEXT { WORDS } else { BASE64 }).map(Some)
    }
}

/// Whether no character of a text takes more than twice its bytes in JSON. So a row has a bound: see
/// [`crate::SAID_BYTES_MAX`].
fn is_short(text: &str) -> bool {
    let is_long = |byte| byte < b' ' && !matches!(byte, 8 | b'\t' | b'\n' | 12 | b'\r');
    !text.bytes().any(is_long)
}

/// The code of a refusal, and its name if it is known.
pub(super) struct Code;

impl Field for Code {
    type Value = u16;
    const OTHER: Option<&'static str> = Some("name");

    fn shape(name: &'static str) -> Vec<Property> {
        vec![
            Property::always(name, Shape::Number(u16::MAX.into())),
            Property::sometimes("name", Shape::Words),
        ]
    }

    fn write<M: SerializeMap>(
        value: &u16,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        map.serialize_entry(name, value)?;
        match RefusalCode::from_wire(*value) {
            Some(known) => map.serialize_entry("name", &format_args!("{known:?}")),
            None => Ok(()),
        }
    }

    fn read<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        _: u64,
    ) -> Result<Option<u16>, A::Error> {
        if Some(key) == Self::OTHER {
            return map.next_value_seed(WORDS).map(|_| None);
        }
        map.next_value_seed(Number(PhantomData)).map(Some)
    }
}

/// A struct within another.
pub(super) struct Inner<T>(PhantomData<T>);

impl<T: Object> Field for Inner<T> {
    type Value = T;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::Object(T::NAME))]
    }

    fn write<M: SerializeMap>(value: &T, name: &'static str, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry(name, &Writing(value))
    }

    fn read<'de, A: MapAccess<'de>>(_: &str, map: &mut A, _: u64) -> Result<Option<T>, A::Error> {
        map.next_value::<Whole<T>>().map(|whole| Some(whole.0))
    }
}

/// A list of structs.
pub(super) struct List<T>(PhantomData<T>);

impl<T: Object> Field for List<T> {
    type Value = Vec<T>;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::always(name, Shape::List(T::NAME))]
    }

    fn write<M: SerializeMap>(
        value: &Vec<T>,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        let rows: Vec<Writing<'_, T>> = value.iter().map(Writing).collect();
        map.serialize_entry(name, &rows)
    }

    fn read<'de, A: MapAccess<'de>>(
        _: &str,
        map: &mut A,
        _: u64,
    ) -> Result<Option<Vec<T>>, A::Error> {
        let rows = map.next_value::<Vec<Whole<T>>>()?;
        Ok(Some(rows.into_iter().map(|whole| whole.0).collect()))
    }
}

/// The conversation that a request means; `to` is the one with this user.
pub(super) struct Place;

impl Field for Place {
    type Value = Conversation;
    const OTHER: Option<&'static str> = Some("to");

    fn shape(name: &'static str) -> Vec<Property> {
        vec![
            Property::sometimes("to", Shape::Id),
            Property::sometimes(name, Shape::Object(Conversation::NAME)),
        ]
    }

    fn write<M: SerializeMap>(
        value: &Conversation,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        Inner::write(value, name, map)
    }

    fn read<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        user: u64,
    ) -> Result<Option<Conversation>, A::Error> {
        if Some(key) != Self::OTHER {
            return Inner::<Conversation>::read(key, map, user);
        }
        let other = map.next_value_seed(ID)?;
        let kind = ConversationKind::Direct as u8;
        Ok(Some(Conversation { kind, a: user.max(other), b: user.min(other) }))
    }
}

/// The conversation behind which a list goes on; no key: none.
pub(super) struct Behind;

impl Field for Behind {
    type Value = Conversation;

    fn shape(name: &'static str) -> Vec<Property> {
        vec![Property::sometimes(name, Shape::Object(Conversation::NAME))]
    }

    fn write<M: SerializeMap>(
        value: &Conversation,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if *value == Conversation::NONE {
            return Ok(());
        }
        Inner::write(value, name, map)
    }

    fn read<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        user: u64,
    ) -> Result<Option<Conversation>, A::Error> {
        Inner::<Conversation>::read(key, map, user)
    }

    fn absent() -> Option<Conversation> {
        Some(Conversation::NONE)
    }
}

/// The bytes of base64 with its padding; none: it is none.
#[must_use]
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
