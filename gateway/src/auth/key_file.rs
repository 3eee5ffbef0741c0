//! Keys in files, read with care for who else may read them.

use super::error::KeyError;
use crate::small_file;
use jsonwebtoken::DecodingKey;
use std::path::Path;

/// Bytes of an HS256 secret at least: RFC 7518, 3.2.
const SECRET_BYTES_MIN: usize = 32;
/// Bytes of an Ed25519 public key.
const ED25519_BYTES: usize = 32;
/// Bytes of a key file at most; a PEM file has a few hundred.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The secret: the file's bytes without line ends at the end.
pub fn hs256_secret(path: &Path) -> Result<Vec<u8>, KeyError> {
    let mut secret = read(path)?;
    small_file::warn_if_shared(
        path,
        0o077,
        "the secret of tokens can be read by others: chmod 600",
    );
    while secret.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        secret.pop();
    }
    if secret.len() < SECRET_BYTES_MIN {
        let advice = format!(
            "has {} bytes and HS256 wants {SECRET_BYTES_MIN} at least: make one with `openssl rand -hex 32`",
            secret.len()
        );
        return Err(error(path, advice));
    }
    if secret.starts_with(b"-----BEGIN") {
        let advice = "is PEM, not a secret: give a public key as jwt_eddsa_public_key_file";
        return Err(error(path, advice.into()));
    }
    Ok(secret)
}

/// The public key, PEM.
pub fn eddsa_public_key(path: &Path) -> Result<DecodingKey, KeyError> {
    let advice = "holds no Ed25519 public key in PEM: make a pair with `openssl genpkey -algorithm ed25519 \
                  -out private.pem` and give what `openssl pkey -in private.pem -pubout` prints";
    let pem = read(path)?;
    let key = DecodingKey::from_ed_pem(&pem).map_err(|_| error(path, advice.into()))?;
    // A key of another curve would otherwise be found at the first login.
    let bytes = key.try_get_as_bytes().map_err(|_| error(path, advice.into()))?;
    if bytes.len() == ED25519_BYTES { Ok(key) } else { Err(error(path, advice.into())) }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    small_file::read(path, "key file", FILE_BYTES_MAX).map_err(|advice| error(path, advice))
}

pub(super) fn error(path: &Path, advice: String) -> KeyError {
    KeyError { path: path.to_owned(), advice }
}
