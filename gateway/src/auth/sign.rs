//! Makes tokens for trying out and for tests. In production the app's own backend does.

use super::key_file;
use super::{KeyError, dev_key};
use crate::config::Config;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use wire::Uid;

#[derive(Serialize)]
struct Claims<'a> {
    sub: String,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// What tokens are made with.
#[derive(Debug)]
pub(super) struct Signer {
    key: EncodingKey,
    issuer: Option<String>,
    audience: Option<String>,
}

impl Signer {
    /// One whose tokens this configuration believes, if it has this secret.
    pub(super) fn new(config: &Config, secret: &[u8]) -> Self {
        let (issuer, audience) = (config.jwt_issuer.clone(), config.jwt_audience.clone());
        Self { key: EncodingKey::from_secret(secret), issuer, audience }
    }

    /// A token for a user, from now on for `ttl_s`.
    pub(super) fn sign(&self, uid: Uid, now_unix_s: u64, ttl_s: u64) -> String {
        let claims = Claims {
            sub: uid.to_string(),
            iat: now_unix_s,
            exp: now_unix_s.saturating_add(ttl_s),
            iss: self.issuer.as_deref(),
            aud: self.audience.as_deref(),
        };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.key);
        token.expect("an HMAC takes any key, and the claims are plain JSON")
    }
}

/// A token for a user, from now on for `ttl_s`, with the HS256 key that this configuration verifies by.
///
/// # Errors
/// There is none: only a public key is configured, or a file cannot be used.
pub fn sign(config: &Config, uid: Uid, now_unix_s: u64, ttl_s: u64) -> Result<String, KeyError> {
    let secret = match (&config.jwt_hs256_key_file, &config.jwt_eddsa_public_key_file) {
        (Some(path), _) => key_file::hs256_secret(path)?,
        (None, Some(path)) => {
            let advice = "is a public key, which only verifies: sign with its private key where that is kept";
            return Err(key_file::error(path, advice.into()));
        }
        (None, None) => dev_key(&config.data_dir)?.0,
    };
    Ok(Signer::new(config, &secret).sign(uid, now_unix_s, ttl_s))
}
