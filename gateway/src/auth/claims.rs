//! What a verified token says, and whether it holds at a time.

use super::error::TokenError;
use crate::canary::is_reserved;
use serde::Deserialize;
use wire::Uid;

/// What a token that is believed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom it speaks for.
    pub uid: Uid,
    /// Until when, in Unix seconds.
    pub expires_unix_s: u64,
    /// When it was made, in Unix seconds; 0: it does not say.
    pub issued_unix_s: u64,
}

/// The claims as typed; the signature is verified.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    sub: String,
    // RFC 7519, 2: a NumericDate may have a fraction.
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

impl Typed {
    pub(super) fn judge(&self, now_unix_s: u64, leeway_s: u64) -> Result<Claims, TokenError> {
        let uid = uid(&self.sub).ok_or_else(|| {
            TokenError::bad(
                "has a sub that is no user id: give a decimal number from 1 up, as a text",
            )
        })?;
        if is_reserved(uid) {
            return Err(TokenError::bad(
                "has a sub that is reserved: the server's own users have it",
            ));
        }
        let expires_unix_s = whole_seconds(self.exp);
        if now_unix_s >= expires_unix_s.saturating_add(leeway_s) {
            return Err(TokenError::expired("is expired (exp)"));
        }
        if self.nbf.is_some_and(|nbf| whole_seconds(nbf) > now_unix_s.saturating_add(leeway_s)) {
            return Err(TokenError::bad("is not valid yet (nbf): compare the clocks"));
        }
        let issued_unix_s = self.iat.map_or(0, whole_seconds);
        Ok(Claims { uid, expires_unix_s, issued_unix_s })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates: before 1970 is 0, after the end of time is the end of time"
)]
fn whole_seconds(date: f64) -> u64 {
    date as u64
}

/// A user id in its one decimal form: no sign, no leading zero, not 0.
pub(crate) fn uid(sub: &str) -> Option<Uid> {
    let canonical = sub.bytes().all(|b| b.is_ascii_digit()) && !sub.starts_with('0');
    canonical.then(|| sub.parse().ok().map(Uid)).flatten()
}
