//! The certificate that clients are shown: read from its files, and read again while clients come. It knows no connection.

mod files;
mod store;
mod watch;

pub use files::CertificateError;
pub use store::Certificates;
pub use watch::Watch;

use crate::config::Config;
use files::Pair;
use front::Security;
use service::config::TlsMode;
use std::path::PathBuf;
use std::sync::Arc;

/// Looks whether the configured files can be used.
///
/// # Errors
/// What is wrong with which, and what to do.
pub fn check(config: &Config) -> Result<(), CertificateError> {
    open(config).map(drop)
}

/// The certificate that is configured, and the files that it was read from.
pub struct Opened {
    /// What clients are shown.
    pub certificates: Arc<Certificates>,
    /// The certificate's, and its key's.
    files: (PathBuf, PathBuf),
    /// Of what stood in them.
    print: u64,
}

/// The certificate that is configured; none without TLS.
///
/// # Errors
/// As [`check`].
pub fn open(config: &Config) -> Result<Option<Opened>, CertificateError> {
    match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) if config.tls != TlsMode::Off => {
            let pair = Pair::read(certificate, key)?;
            let certificates = Arc::new(Certificates::new(pair.load()?));
            let files = (certificate.clone(), key.clone());
            Ok(Some(Opened { certificates, files, print: pair.print() }))
        }
        _ => Ok(None),
    }
}

/// How connections speak TLS with this.
#[must_use]
pub fn security(config: &Config, opened: Option<&Opened>) -> Security {
    let Some(opened) = opened else { return Security::Off };
    let how = front::server(opened.certificates.clone());
    if config.tls == TlsMode::Require { Security::Require(how) } else { Security::Accept(how) }
}
