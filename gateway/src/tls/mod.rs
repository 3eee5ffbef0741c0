//! The certificate that clients are shown: read from its files, and read again while clients come. It knows no connection.

mod files;
mod store;
mod watch;

pub use files::{CertificateError, Pair};
pub use store::Certificates;
pub use watch::Watch;

use crate::config::Config;
use front::Security;
use service::config::TlsMode;
use std::sync::Arc;

/// Looks whether the configured files can be used.
///
/// # Errors
/// What is wrong with which, and what to do.
pub fn check(config: &Config) -> Result<(), CertificateError> {
    open(config).map(drop)
}

/// The certificates that are configured; none without TLS.
///
/// # Errors
/// As [`check`].
pub fn open(config: &Config) -> Result<Option<Arc<Certificates>>, CertificateError> {
    match (&config.tls_certificate, &config.tls_key) {
        (Some(certificate), Some(key)) if config.tls != TlsMode::Off => {
            let pair = Pair::read(certificate, key)?;
            Ok(Some(Arc::new(Certificates::new(pair.load()?))))
        }
        _ => Ok(None),
    }
}

/// How connections speak TLS with these.
#[must_use]
pub fn security(config: &Config, certificates: Option<&Arc<Certificates>>) -> Security {
    let Some(certificates) = certificates else { return Security::Off };
    let how = front::server(certificates.clone());
    if config.tls == TlsMode::Require { Security::Require(how) } else { Security::Accept(how) }
}
