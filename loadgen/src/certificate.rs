//! A certificate for a server of the generator's own: it signs itself, for this machine only.

use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// Files with a certificate and its key.
pub struct Certificate {
    /// What stands in the first.
    pub pem: String,
    /// The certificate.
    pub file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
}

impl Certificate {
    /// Makes one in a directory.
    ///
    /// # Errors
    /// It could not be made or written.
    pub fn make(dir: &Path) -> Result<Self, Failure> {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|error| Failure::preflight("make a certificate", error))?;
        let (file, key_file) = (dir.join("certificate.pem"), dir.join("certificate.key"));
        let pem = made.cert.pem();
        let written = std::fs::write(&file, &pem)
            .and_then(|()| std::fs::write(&key_file, made.signing_key.serialize_pem()));
        written.map_err(|error| Failure::preflight("write a certificate", error))?;
        Ok(Self { pem, file, key_file })
    }
}
