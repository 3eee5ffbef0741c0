//! A certificate and its key, as their files have them.

use super::store::Shown;
use crate::small_file;
use front::{Part, TrustError, certified_key, expires_unix_s};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file at most: a chain of certificates has some ten thousand.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Why a certificate cannot be used, and what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {}: {advice}", path.display())]
pub struct CertificateError {
    /// What was expected in the file.
    what: &'static str,
    path: PathBuf,
    advice: String,
}

/// What stands in the two files.
pub struct Pair {
    certificate: (PathBuf, Vec<u8>),
    key: (PathBuf, Vec<u8>),
}

impl Pair {
    /// Reads both.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let certificate = (certificate.to_owned(), read(Part::Certificate, certificate)?);
        let key = (key.to_owned(), read(Part::Key, key)?);
        Ok(Self { certificate, key })
    }

    /// A print of what stands in them, by which a change is noticed: no copy of the key is kept.
    #[must_use]
    pub fn print(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.contents().hash(&mut hasher);
        hasher.finish()
    }

    fn contents(&self) -> [&[u8]; 2] {
        [&self.certificate.1, &self.key.1]
    }

    /// What is shown to clients with them.
    ///
    /// # Errors
    /// They are no certificate and no key, or do not belong together.
    pub fn load(&self) -> Result<Shown, CertificateError> {
        let [certificate, key] = self.contents();
        let certified =
            certified_key(certificate, key).map_err(|(part, error)| self.error(part, &error))?;
        let expires_unix_s = certified.cert.first().and_then(|first| expires_unix_s(first));
        let expires_unix_s = expires_unix_s.ok_or_else(|| {
            let advice = "says no time until which it is good: have it made anew";
            error(Part::Certificate, &self.certificate.0, advice.to_owned())
        })?;
        let warning = "the key of the certificate can be read by all users: chmod 640";
        small_file::warn_if_shared(&self.key.0, 0o007, warning);
        Ok(Shown { certified: Arc::new(certified), expires_unix_s })
    }

    /// Its time is over.
    #[must_use]
    pub fn over(&self) -> CertificateError {
        let advice = "its time is over: give one that is good".to_owned();
        error(Part::Certificate, &self.certificate.0, advice)
    }

    fn error(&self, part: Part, why: &TrustError) -> CertificateError {
        match part {
            Part::Certificate => {
                let advice = "give its file in PEM, the server's own certificate first";
                error(part, &self.certificate.0, format!("{why}; {advice}"))
            }
            Part::Key => {
                let advice = format!("give that of {} in PEM", self.certificate.0.display());
                error(part, &self.key.0, format!("{why}; {advice}"))
            }
        }
    }
}

fn read(part: Part, path: &Path) -> Result<Vec<u8>, CertificateError> {
    let contents = small_file::read(path, "such file", FILE_BYTES_MAX);
    contents.map_err(|advice| error(part, path, advice))
}

fn error(part: Part, path: &Path, advice: String) -> CertificateError {
    let what = match part {
        Part::Certificate => "tls_certificate",
        Part::Key => "tls_key",
    };
    CertificateError { what, path: path.to_owned(), advice }
}
