//! API keys: what is kept of each, never the key itself, and which key a text is. Pure: it knows no file and no clock.

use super::scope::Scopes;
use crate::hex::hex;
use sha2::{Digest, Sha256};
use std::fmt;

/// Keys of a file at most.
pub const KEYS_MAX: usize = 1_024;
/// Bytes of a key's name at most.
pub const NAME_BYTES_MAX: usize = 64;
/// What a key begins with, so that a search finds one that leaked.
const PREFIX: &str = "llk_";
/// Bytes of a key's random part.
const SECRET_BYTES: usize = 32;
/// Bytes of a key as a text: its random part in hex.
const KEY_BYTES: usize = PREFIX.len() + 2 * SECRET_BYTES;

/// A key as its holder has it. It is shown once.
pub struct Secret(String);

impl Secret {
    /// Of random bytes.
    #[must_use]
    pub fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(PREFIX.to_owned() + &hex(&random))
    }

    /// The text to show.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// What stands for a key in the file: keys are random, so a plain hash is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print([u8; 32]);

impl Print {
    /// Of a text that may be a key.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate().filter(|_| is_hex) {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
        }
        is_hex.then_some(Self(bytes))
    }

    /// Whether both are the same, in a time that does not say where they differ.
    fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is called, in logs too.
    pub name: String,
    /// Which key it is.
    pub print: Print,
    /// What it is good for.
    pub scopes: Scopes,
    /// When it is over, in Unix seconds.
    pub expires_s: u64,
}

impl Key {
    /// Whether a text can be a key's name.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain)
    }

    fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, print, scopes, expires] = words[..] else {
            return Err("a key is a name, a SHA-256 in hex, scopes, and Unix seconds".into());
        };
        if !Self::is_name(name) {
            return Err(format!("{name:?} is no name"));
        }
        let print = Print::parse(print).ok_or("its second word is no SHA-256 in hex")?;
        let expires_s = expires.parse().map_err(|_| "its last word is no number of seconds")?;
        Ok(Self { name: name.to_owned(), print, scopes: scopes.parse()?, expires_s })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, print, scopes, expires_s } = self;
        write!(f, "{name} {} {scopes} {expires_s}", hex(&print.0))
    }
}

/// The keys of a text: one a line; what begins with # is for people.
///
/// # Errors
/// Which line is wrong, and how.
pub fn parse(text: &str) -> Result<Vec<Key>, String> {
    let mut keys: Vec<Key> = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| is_key(line)) {
        let key = Key::parse(line).map_err(|why| format!("line {number}: {why}"))?;
        if keys.iter().any(|other| other.name == key.name) {
            return Err(format!("line {number}: {} was named before", key.name));
        }
        if keys.len() == KEYS_MAX {
            return Err(format!("has over {KEYS_MAX} keys"));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn is_key(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// The key that a text is; none: it is no key of these.
#[must_use]
pub fn find<'a>(mut keys: impl Iterator<Item = &'a Key>, text: &str) -> Option<usize> {
    if text.len() != KEY_BYTES {
        return None;
    }
    let print = Print::of(text);
    keys.position(|key| key.print.is(&print))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, byte: u8) -> (Secret, Key) {
        let secret = Secret::new([byte; 32]);
        let print = Print::of(secret.text());
        let scopes = "read,send".parse().unwrap();
        (secret, Key { name: name.into(), print, scopes, expires_s: 9 })
    }

    #[test]
    fn a_key_is_found_by_its_text_and_kept_without_it() {
        let ((one, key_one), (two, key_two)) = (key("one", 1), key("two", 2));
        let text = format!("# keys\n\n{key_one}\n{key_two}\n");
        assert!(!text.contains(one.text()) && !text.contains(&one.text()[4..]));
        let keys = parse(&text).unwrap();
        assert_eq!(keys, [key_one, key_two]);
        assert_eq!(
            (find(keys.iter(), one.text()), find(keys.iter(), two.text())),
            (Some(0), Some(1))
        );
        let other = Secret::new([3; 32]);
        for text in ["", "llk_", other.text(), &one.text()[1..], &format!("{} ", one.text())] {
            assert_eq!(find(keys.iter(), text), None, "{text:?}");
        }
    }

    #[test]
    fn a_bad_line_is_named() {
        let (_, good) = key("one", 1);
        let print = hex(&good.print.0);
        for bad in [
            "one",
            &format!("a/b {print} read 9"),
            &format!("one {} read 9", &print[1..]),
            &format!("one {} read 9", print.replace('a', "x").replace('b', "y")),
            &format!("one {print} rule 9"),
            &format!("one {print} read tomorrow"),
            &format!("{good}\n{good}"),
        ] {
            let why = parse(bad).unwrap_err();
            assert!(why.starts_with("line "), "{bad}: {why}");
        }
        let many: String = (0..=KEYS_MAX).map(|n| format!("k{n} {print} read 9\n")).collect();
        assert!(parse(&many).unwrap_err().contains("over"));
    }
}
