//! Why a token is not believed, and why a key cannot be used.

use std::borrow::Cow;
use std::path::PathBuf;
use wire::RefusalCode;

/// Whether a new token would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenErrorKind {
    /// It was never valid here, or is damaged.
    Bad,
    /// It was valid, and its time is over.
    Expired,
}

/// Why a token is not believed. The text names no secret and may go to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token {reason}")]
pub struct TokenError {
    /// Whether a new token would help.
    pub kind: TokenErrorKind,
    /// Why.
    pub reason: Cow<'static, str>,
}

impl TokenError {
    pub(crate) fn bad(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: TokenErrorKind::Bad, reason: reason.into() }
    }

    pub(super) fn expired(reason: &'static str) -> Self {
        Self { kind: TokenErrorKind::Expired, reason: reason.into() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    pub(super) fn from_jwt(error: jsonwebtoken::errors::Error) -> Self {
        Self::bad(format!("could not be verified: {error}"))
    }

    /// The refusal that says so.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        match self.kind {
            TokenErrorKind::Bad => RefusalCode::BadToken,
            TokenErrorKind::Expired => RefusalCode::TokenExpired,
        }
    }
}

/// Why a key cannot be used, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("token key {}: {advice}", path.display())]
pub struct KeyError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub advice: String,
}
