//! Single values in JSON: which are taken, and what is said of others.

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Unexpected, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use wire::PAGE_ROWS_MAX;

/// A string of which a value is made.
#[derive(Clone, Copy)]
pub(super) struct Text<T> {
    /// What it has to be, for a person.
    pub expecting: &'static str,
    /// The value; none: the string is not what it has to be.
    pub parse: fn(&str) -> Option<T>,
}

impl<'de, T> DeserializeSeed<'de> for Text<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A number of any 64 bits.
pub(super) const ID: Text<u64> = Text {
    expecting: "a number in decimal, in quotes, below 2^64",
    parse: |text| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_short = text == "0" || !text.starts_with('0');
        text.parse().ok().filter(|_| is_plain && is_short)
    },
};

/// A whole number, up to what its type holds and a double too.
pub(super) struct Number<T>(pub PhantomData<T>);

/// The types of numbers.
pub(super) trait Bounded: Copy + TryFrom<u64> + Into<u64> {
    /// The greatest that is said.
    const MAX: u64;
}

impl Bounded for u8 {
    const MAX: u64 = 0xff;
}

impl Bounded for u16 {
    const MAX: u64 = 0xffff;
}

impl Bounded for u32 {
    const MAX: u64 = 0xffff_ffff;
}

impl Bounded for u64 {
    const MAX: u64 = wire::NUMBER_MAX - 1;
}

impl<'de, T: Bounded> DeserializeSeed<'de> for Number<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_u64(self)
    }
}

impl<T: Bounded> Visitor<'_> for Number<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from 0 to {}", T::MAX)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let bounded = T::try_from(number).ok().filter(|_| number <= T::MAX);
        bounded.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }
}

/// A list of numbers, each below 2^53: as many as a page has rows at most.
pub(super) struct Numbers;

impl<'de> DeserializeSeed<'de> for Numbers {
    type Value = Vec<u64>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<u64>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Numbers {
    type Value = Vec<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {PAGE_ROWS_MAX} numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<u64>, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = list.next_element_seed(Number(PhantomData))? {
            if numbers.len() >= PAGE_ROWS_MAX as usize {
                return Err(Error::invalid_length(numbers.len() + 1, &self));
            }
            numbers.push(number);
        }
        Ok(numbers)
    }
}

/// A key of an object, where it lies if it has no escapes.
pub(super) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
