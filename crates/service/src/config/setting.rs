//! A line of the table: what a setting is called, what it may be, and what a text means as it.

use super::value::Value;
use std::ops::RangeInclusive;

/// What a number may be.
pub type Range = Option<RangeInclusive<u64>>;

/// Whatever the type can hold.
pub const ANY: Range = None;

/// From one number to another, both allowed.
#[must_use]
pub const fn between(low: u64, high: u64) -> Range {
    Some(low..=high)
}

/// A setting, as far as it is data.
#[derive(Debug)]
pub struct Setting {
    /// Of the file; the flag has hyphens, the variable is in capitals. It ends with its unit.
    pub name: &'static str,
    /// The documentation, a line each.
    pub docs: &'static [&'static str],
    /// As it would be typed.
    pub default: &'static str,
    /// The flag may stand alone, and then means true.
    pub is_switch: bool,
    range: Range,
    expected: &'static str,
}

impl Setting {
    /// A setting of a type.
    #[must_use]
    pub const fn of<T: Value>(
        (name, docs): (&'static str, &'static [&'static str]),
        default: &'static str,
        range: Range,
    ) -> Self {
        Self { name, docs, default, range, expected: T::EXPECTED, is_switch: T::IS_SWITCH }
    }

    /// What it may be, for a person.
    #[must_use]
    pub fn may_be(&self) -> String {
        let text = |range: &RangeInclusive<u64>| format!("{} to {}", range.start(), range.end());
        self.range.as_ref().map_or_else(|| self.expected.to_owned(), text)
    }

    /// What a text means.
    ///
    /// # Errors
    /// Why it cannot be, and what to do.
    pub fn parse<T: Value>(&self, text: &str) -> Result<T, String> {
        let Some(value) = T::parse(text) else {
            let range = self.range.as_ref().map_or(String::new(), |_| self.may_be() + ", as ");
            return Err(format!("cannot be understood: give {range}{}", self.expected));
        };
        match (&self.range, value.number()) {
            (Some(range), Some(number)) if !range.contains(&number) => {
                Err(format!("is out of range: give {}", self.may_be()))
            }
            _ => Ok(value),
        }
    }
}
