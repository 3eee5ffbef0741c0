//! What every new client is shown. It may be replaced while clients come: those that are there keep what they were shown.

use arc_swap::ArcSwap;
use front::{CertifiedKey, ClientHello, ResolvesServerCert};
use std::sync::Arc;

/// A certificate with its key, and until when it is good.
#[derive(Debug)]
pub struct Shown {
    pub(super) certified: Arc<CertifiedKey>,
    /// Unix seconds.
    pub expires_unix_s: u64,
}

/// The certificate of now.
#[derive(Debug)]
pub struct Certificates(ArcSwap<Shown>);

impl Certificates {
    /// The first.
    #[must_use]
    pub fn new(shown: Shown) -> Self {
        Self(ArcSwap::from_pointee(shown))
    }

    /// Another from now on.
    pub fn replace(&self, shown: Shown) {
        self.0.store(Arc::new(shown));
    }

    /// When the certificate's time is over, in Unix seconds.
    #[must_use]
    pub fn expires_unix_s(&self) -> u64 {
        self.0.load().expires_unix_s
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().certified.clone())
    }
}
