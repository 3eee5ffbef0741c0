//! Who a token speaks for: JSON Web Tokens, HS256 and EdDSA, with keys that were configured.
//!
//! The key decides the algorithm, never the token: a token's header only picks among the configured
//! keys. It knows no connections and no clock; it is given the time.

mod claims;
mod error;
mod key_file;
mod dev_key;
mod sign;

pub use claims::Claims;
pub(crate) use claims::uid;
pub use dev_key::{FILE as DEV_KEY_FILE, load_or_create as dev_key};
pub use error::{KeyError, TokenError, TokenErrorKind};
pub use sign::sign;

use crate::config::Config;
use arc_swap::ArcSwap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use sign::Signer;
use std::sync::Arc;
use wire::{TOKEN_BYTES_MAX, Uid};

/// The configured keys, made ready. They may be replaced while logins are judged.
#[derive(Debug)]
pub struct Auth {
    keys: ArcSwap<Keys>,
    leeway_s: u64,
}

#[derive(Debug, Default)]
struct Keys {
    verifying: Vec<Key>,
    /// The key for trying out, if there is no other.
    trying_out: Option<Signer>,
}

#[derive(Debug)]
struct Key {
    algorithm: Algorithm,
    decoding: DecodingKey,
    validation: Validation,
}

impl Auth {
    /// Reads the configured keys; with none configured, the key for trying out, which is made if missing.
    ///
    /// # Errors
    /// A key file that cannot be read or holds no such key.
    pub fn open(config: &Config) -> Result<Self, KeyError> {
        let keys = ArcSwap::from_pointee(open_keys(config)?);
        Ok(Self { keys, leeway_s: config.jwt_leeway_s })
    }

    /// Reads the keys again. Logins from now on are judged by them; sessions stay.
    ///
    /// # Errors
    /// A key file that cannot be read or holds no such key: the keys stay as they were.
    pub fn reload(&self, config: &Config) -> Result<(), KeyError> {
        self.keys.store(Arc::new(open_keys(config)?));
        Ok(())
    }

    /// Until when a token is believed, in Unix seconds.
    #[must_use]
    pub fn believed_until_unix_s(&self, claims: &Claims) -> u64 {
        claims.expires_unix_s.saturating_add(self.leeway_s)
    }

    /// Whom a token speaks for, at this time in Unix seconds.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn verify(&self, token: &[u8], now_unix_s: u64) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::bad(format!("is longer than {TOKEN_BYTES_MAX} bytes")));
        }
        let header = decode_header(token).map_err(TokenError::from_jwt)?;
        if header.crit.is_some() {
            return Err(TokenError::bad("asks for extensions (crit) that are not known here"));
        }
        let keys = self.keys.load();
        let key = keys.verifying.iter().find(|key| key.algorithm == header.alg);
        let key = key.ok_or_else(|| TokenError::bad("has an algorithm with no key here"))?;
        let data = decode::<claims::Typed>(token, &key.decoding, &key.validation);
        data.map_err(TokenError::from_jwt)?.claims.judge(now_unix_s, self.leeway_s)
    }

    /// A token for a user, from now on for `ttl_s`; none, unless the key for trying out is in use.
    #[must_use]
    pub fn token_for_trying_out(&self, uid: Uid, now_unix_s: u64, ttl_s: u64) -> Option<String> {
        let keys = self.keys.load();
        keys.trying_out.as_ref().map(|signer| signer.sign(uid, now_unix_s, ttl_s))
    }
}

/// Looks whether the configured keys can be read, and makes none.
///
/// # Errors
/// A key file that cannot be read or holds no such key.
pub fn check(config: &Config) -> Result<(), KeyError> {
    configured_keys(config).map(drop)
}

fn open_keys(config: &Config) -> Result<Keys, KeyError> {
    let mut keys = Keys { verifying: configured_keys(config)?, trying_out: None };
    if keys.verifying.is_empty() {
        let (secret, path) = dev_key(&config.data_dir)?;
        tracing::warn!(
            path = %path.display(),
            "no token key is configured: taking the one for trying out; `gateway token --uid 7` \
             makes tokens with it. For production set jwt_eddsa_public_key_file or jwt_hs256_key_file"
        );
        keys.verifying.push(key(config, Algorithm::HS256, DecodingKey::from_secret(&secret)));
        keys.trying_out = Some(Signer::new(config, &secret));
    }
    Ok(keys)
}

fn configured_keys(config: &Config) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    if let Some(path) = &config.jwt_hs256_key_file {
        let secret = key_file::hs256_secret(path)?;
        keys.push(key(config, Algorithm::HS256, DecodingKey::from_secret(&secret)));
    }
    if let Some(path) = &config.jwt_eddsa_public_key_file {
        keys.push(key(config, Algorithm::EdDSA, key_file::eddsa_public_key(path)?));
    }
    Ok(keys)
}

fn key(config: &Config, algorithm: Algorithm, decoding: DecodingKey) -> Key {
    let mut validation = Validation::new(algorithm);
    // `exp` and `sub` are fields that must be there; the times are judged by the caller's clock.
    validation.validate_exp = false;
    let mut required = Vec::new();
    if let Some(issuer) = &config.jwt_issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &config.jwt_audience {
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    Key { algorithm, decoding, validation }
}
