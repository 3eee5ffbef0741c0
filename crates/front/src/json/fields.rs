//! What a field of a frame is in an object, and how objects are read and written field by field. It does not know which forms
//! fields have, nor which there are.

use super::shapes::{Property, Shape};
use super::values::{Bounded, ID, Key, Number, Numbers};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use wire::RawFrame;

/// One field.
pub(super) trait Field {
    /// What it holds.
    type Value;
    /// The other key that it has, beside its name.
    const OTHER: Option<&'static str> = None;

    /// Writes it.
    fn write<M: SerializeMap>(
        value: &Self::Value,
        name: &'static str,
        map: &mut M,
    ) -> Result<(), M::Error>;

    /// Reads the value of one of its keys; none: what it says is said by the other. Numbers of others are those of this user.
    fn read<'de, A: MapAccess<'de>>(
        key: &str,
        map: &mut A,
        user: u64,
    ) -> Result<Option<Self::Value>, A::Error>;

    /// What it is without a key; none: it needs one.
    fn absent() -> Option<Self::Value> {
        None
    }

    /// Its keys, and what stands there.
    fn shape(name: &'static str) -> Vec<Property>;

    /// Whether a key is one of its.
    fn has(name: &str, key: &str) -> bool {
        name == key || Self::OTHER == Some(key)
    }
}

/// A struct of frames.
pub(super) trait Object: Sized {
    /// What it is called.
    const NAME: &'static str;

    /// Its keys, and what stands there.
    fn shape() -> Vec<Property>;

    /// Writes its fields.
    fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads them; other keys are `more`'s.
    fn read<'de, A: MapAccess<'de>>(map: &mut A, more: &mut More<'_>) -> Result<Self, A::Error>;
}

/// A field of an extension, by its name and how it stands in JSON.
#[derive(Clone, Copy)]
pub(super) enum Added {
    /// A number that a double holds.
    Number(&'static str),
    /// One of any 64 bits, as a string.
    Id(&'static str),
    /// All numbers from its place on, as an array: one for each row of a page. Nothing may come behind it.
    Numbers(&'static str),
}

impl Added {
    fn name(self) -> &'static str {
        let (Self::Number(name) | Self::Id(name) | Self::Numbers(name)) = self;
        name
    }

    /// Its key, and what stands there; what is 0 is not there.
    pub fn shape(self) -> Property {
        let shape = match self {
            Self::Number(_) => Shape::Number(<u64 as Bounded>::MAX),
            Self::Id(_) => Shape::Id,
            Self::Numbers(_) => Shape::Numbers,
        };
        Property::sometimes(self.name(), shape)
    }

    /// Writes what a frame has of it from this place of its extension on; a number that is 0 is as if it were not there.
    pub fn write<M: SerializeMap>(
        self,
        (frame, place): (&RawFrame<'_>, usize),
        map: &mut M,
    ) -> Result<(), M::Error> {
        let number = frame.extended(place);
        match self {
            Self::Numbers(name) => {
                let end = frame.header.extension / size_of::<u64>();
                let numbers: Vec<u64> = (place..end).map(|place| frame.extended(place)).collect();
                if numbers.is_empty() { Ok(()) } else { map.serialize_entry(name, &numbers) }
            }
            Self::Number(_) | Self::Id(_) if number == 0 => Ok(()),
            Self::Number(name) => map.serialize_entry(name, &number),
            Self::Id(name) => map.serialize_entry(name, &format_args!("{number}")),
        }
    }
}

/// What an object may have beside its struct, and what it is read for.
#[derive(Default)]
pub(super) struct More<'a> {
    /// The user who says it; 0: nobody yet.
    pub user: u64,
    /// What is in the kind's extension, in order.
    pub names: &'a [Added],
    /// Those that were there, and those before.
    pub numbers: Vec<u64>,
}

impl More<'_> {
    /// Reads the value of a key that is none of the struct.
    pub fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let Some(place) = self.names.iter().position(|added| added.name() == key) else {
            return Err(Error::custom(format_args!("unknown key `{key}`")));
        };
        let number = match self.names[place] {
            Added::Number(_) => map.next_value_seed(Number(PhantomData)),
            Added::Id(_) => map.next_value_seed(ID),
            Added::Numbers(_) => {
                let numbers = map.next_value_seed(Numbers).map_err(named(key))?;
                self.numbers.resize(place, 0);
                self.numbers.extend(numbers);
                return Ok(());
            }
        };
        let number = number.map_err(named(key))?;
        // One that is 0 is as if it were not there.
        if number != 0 {
            self.numbers.resize(self.numbers.len().max(place + 1), 0);
            self.numbers[place] = number;
        }
        Ok(())
    }
}

/// Says in which key an error is.
pub(super) fn named<E: Error>(key: &str) -> impl FnOnce(E) -> E {
    move |error| E::custom(format_args!("{key}: {error}"))
}

/// Reads a field into its slot.
pub(super) fn fill<'de, F: Field, A: MapAccess<'de>>(
    slot: &mut Option<F::Value>,
    key: &str,
    map: &mut A,
    user: u64,
) -> Result<(), A::Error> {
    let Some(value) = F::read(key, map, user).map_err(named(key))? else { return Ok(()) };
    if slot.replace(value).is_some() {
        return Err(Error::custom(format_args!("{key}: is said twice")));
    }
    Ok(())
}

/// The value of a field whose object is read.
pub(super) fn end<F: Field, E: Error>(
    slot: Option<F::Value>,
    name: &'static str,
) -> Result<F::Value, E> {
    slot.or_else(F::absent).ok_or_else(|| match F::OTHER {
        None => E::custom(format_args!("`{name}` is missing")),
        Some(other) => E::custom(format_args!("`{name}` or `{other}` is missing")),
    })
}

/// An object where a value stands.
pub(super) struct Whole<T>(pub T);

impl<'de, T: Object> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reading(&mut More::default(), PhantomData).deserialize(deserializer).map(Self)
    }
}

/// The same while it is read, with what is beside it.
pub(super) struct Reading<'a, 'b, T>(pub &'a mut More<'b>, pub PhantomData<T>);

impl<'de, T: Object> DeserializeSeed<'de> for Reading<'_, '_, T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Object> Visitor<'de> for Reading<'_, '_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        T::read(&mut map, self.0)
    }
}

/// The same while it is written.
pub(super) struct Writing<'a, T>(pub &'a T);

impl<T: Object> Serialize for Writing<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}

/// The key of the next value.
pub(super) fn next_key<'de, A: MapAccess<'de>>(
    map: &mut A,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    map.next_key_seed(Key)
}
