//! Reads the uid out of a token. It does not verify the token: verification happens once a login, not once a message.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The `sub` of a JWT as a uid, unless it is none.
pub fn uid(token: &[u8]) -> Option<u64> {
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    claims.get("sub")?.as_str()?.parse().ok().filter(|uid| *uid != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uid_is_the_subject() {
        let token = |claims: &str| format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(uid(token(r#"{"sub":"7","exp":1}"#).as_bytes()), Some(7));
        for bad in [token("{}"), token(r#"{"sub":"0"}"#), "h.%.s".to_owned(), String::new()] {
            assert_eq!(uid(bad.as_bytes()), None, "{bad}");
        }
    }
}
