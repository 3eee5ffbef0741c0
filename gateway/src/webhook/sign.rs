//! The signature of a request: that it comes from whoever has the secret, and when. It knows no request.

use crate::hex::hex;
use crate::small_file;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;
use std::path::Path;

/// Bytes of a file of secrets at most.
const FILE_BYTES_MAX: u64 = 4 * 1024;
/// Bytes of a secret at least.
const SECRET_BYTES_MIN: usize = 32;
/// Secrets at a time: the one that is, and the one that was or will be.
const SECRETS_MAX: usize = 2;

/// The secrets that requests are signed with, each with its name. Every request is signed with each.
#[derive(Clone)]
pub struct Secrets(Vec<(String, Vec<u8>)>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

impl Secrets {
    /// From a file: a line a secret, its name, a space, the secret.
    ///
    /// # Errors
    /// It cannot be read, or is another; and what to do.
    pub fn of_file(path: &Path) -> Result<Self, String> {
        let content = small_file::read(path, "file of secrets", FILE_BYTES_MAX)?;
        small_file::warn_if_shared(
            path,
            0o077,
            "the secret of the webhook can be read by others: chmod 600",
        );
        Self::parse(&content)
    }

    fn parse(content: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(content).map_err(|_| "is no text".to_owned())?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut secrets = Vec::new();
        for line in lines {
            let (name, secret) = line.split_once(' ').ok_or_else(|| {
                "has a line that is no name, space, secret: write one with `echo \"k1 $(openssl rand -hex 32)\"`"
                    .to_owned()
            })?;
            if !name.bytes().all(|it| it.is_ascii_alphanumeric()) {
                return Err(format!("names a secret {name:?}: give letters and digits"));
            }
            if secret.len() < SECRET_BYTES_MIN {
                let bytes = secret.len();
                return Err(format!(
                    "has a secret of {bytes} bytes and at least {SECRET_BYTES_MIN} are needed: `openssl rand -hex 32` makes a good one"
                ));
            }
            secrets.push((name.to_owned(), secret.as_bytes().to_vec()));
        }
        match secrets.len() {
            1..=SECRETS_MAX => Ok(Self(secrets)),
            count => Err(format!("has {count} secrets: give one, or two while they change")),
        }
    }

    /// The values of the header `Longline-Signature` of a body, signed at a time in Unix seconds.
    pub fn sign(&self, unix_s: u64, body: &[u8]) -> Vec<String> {
        let of = |(name, secret): &(String, Vec<u8>)| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key of any length");
            mac.update(unix_s.to_string().as_bytes());
            mac.update(b".");
            mac.update(body);
            let digest = mac.finalize().into_bytes();
            format!("t={unix_s},kid={name},v1={}", hex(&digest))
        };
        self.0.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that receivers test themselves with: `examples/push-receiver/` and `docs/push.md` have it too.
    #[test]
    fn a_signature_is_as_the_vector_says() {
        let secrets = Secrets::parse(b"k1 0123456789abcdef0123456789abcdef\n").unwrap();
        let vector = include_str!("../../../examples/push-receiver/vector.txt");
        let value = |name: &str| vector.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let signed = secrets.sign(1_790_000_000, value("body: ").as_bytes());
        assert_eq!(signed, [value("Longline-Signature: ")]);
    }

    #[test]
    fn a_file_has_one_secret_or_two() {
        let good = "0123456789abcdef0123456789abcdef";
        let count = |text: String| Secrets::parse(text.as_bytes()).map(|it| it.0.len());
        assert_eq!(count(format!("k1 {good}")), Ok(1));
        assert_eq!(count(format!("k1 {good}\r\n\nk2 {good}\n")), Ok(2));
        for (text, part) in [
            (String::new(), "has 0 secrets"),
            (format!("a {good}\nb {good}\nc {good}"), "has 3 secrets"),
            (good.into(), "no name, space, secret"),
            ("k1 short".into(), "5 bytes"),
            (format!("k,1 {good}"), "letters and digits"),
        ] {
            let error = count(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
