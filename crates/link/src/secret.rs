//! The secret that every process of a cluster is given. It does not know where it is kept.

use super::limits::LINK_SECRET_BYTES_MIN;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Shared by all processes of a cluster; shown to nobody.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

/// Why there is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is so short that it could be guessed.
    #[error(
        "the secret has {0} bytes, at least {LINK_SECRET_BYTES_MIN} are needed: `openssl rand -hex 32` makes a good one"
    )]
    TooShort(usize),
    /// No file was given, and others than this machine could connect.
    #[error("a secret is needed unless everything is on loopback: give a file with one")]
    Missing,
    /// Its file cannot be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, String),
}

/// The secret where no file is given: known to everybody.
const LOOPBACK: &[u8] = b"for loopback only";

impl Secret {
    /// From the content of a file, whose last newline is not part of it.
    ///
    /// # Errors
    /// It is shorter than [`LINK_SECRET_BYTES_MIN`].
    pub fn parse(content: &[u8]) -> Result<Self, SecretError> {
        let line = content.strip_suffix(b"\n").unwrap_or(content);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() < LINK_SECRET_BYTES_MIN {
            return Err(SecretError::TooShort(line.len()));
        }
        Ok(Self(line.into()))
    }

    /// The secret of processes that are given none: for loopback only.
    #[must_use]
    pub fn for_loopback() -> Self {
        Self(LOOPBACK.into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_enough_and_ends_before_its_newline() {
        for ending in ["", "\n", "\r\n"] {
            let content = format!("0123456789abcdef{ending}");
            assert_eq!(Secret::parse(content.as_bytes()).unwrap().bytes(), b"0123456789abcdef");
            let short = Secret::parse(format!("0123456789abcde{ending}").as_bytes());
            assert_eq!(short.unwrap_err(), SecretError::TooShort(15));
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::parse(b"correct horse battery staple").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(redacted)");
    }
}
