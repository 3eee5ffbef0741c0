//! Makes login tokens with the key that a local gateway made for trying out.

use crate::clock;
use crate::failure::Failure;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use std::path::{Path, PathBuf};
use wire::Bytes;

/// The key's name in a gateway's data directory.
pub const DEV_KEY_FILE: &str = "dev-key.hs256";
/// Longer than any run.
const TOKEN_TTL_S: u64 = 7 * 86_400;

#[derive(Serialize)]
struct Claims {
    sub: String,
    iat: u64,
    exp: u64,
}

/// Signs tokens.
#[derive(Clone)]
pub struct Tokens {
    key: EncodingKey,
}

impl Tokens {
    /// Reads a key file: its text without the line end is the HS256 secret.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::Preflight(format!(
                "could not read the key {}: {error}; start the gateway once so that it makes one and \
                 give its data directory as --data-dir, or the key as --key-file",
                path.display()
            ))
        })?;
        Ok(Self::from_secret(text.trim_end_matches(['\r', '\n']).as_bytes()))
    }

    /// With this secret.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self { key: EncodingKey::from_secret(secret) }
    }

    /// A token for a user.
    #[must_use]
    pub fn sign(&self, uid: u64) -> Bytes {
        let now = clock::unix().as_secs();
        let claims = Claims { sub: uid.to_string(), iat: now, exp: now + TOKEN_TTL_S };
        let token = encode(&Header::new(Algorithm::HS256), &claims, &self.key);
        token.expect("an HMAC takes any key, and the claims are plain JSON").into()
    }
}

/// Where the key is: as given, or in the data directory.
#[must_use]
pub fn key_path(key_file: Option<&Path>, data_dir: &Path) -> PathBuf {
    key_file.map_or_else(|| data_dir.join(DEV_KEY_FILE), Path::to_owned)
}
