//! What the two ends of TLS trust, and which algorithms they have: all of it in one place, so that no other crate of the tree
//! chooses for us. It opens no file: it is given what stands in them.

use crate::limits::{PROTOCOL_FRAMES, PROTOCOL_HTTP};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, RootCertStore, ServerConfig};
use std::fmt;
use std::sync::Arc;

/// What is wrong with a certificate, its key or a list of roots.
#[derive(Debug)]
pub enum TrustError {
    /// There is no certificate in PEM.
    NoCertificate,
    /// There is no private key in PEM.
    NoKey,
    /// The key is of another certificate.
    Mismatch,
    /// They cannot be used.
    Unusable(Error),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => {
                f.write_str("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
            }
            Self::NoKey => f.write_str("holds no private key in PEM (-----BEGIN PRIVATE KEY-----)"),
            Self::Mismatch => f.write_str("is the key of another certificate"),
            Self::Unusable(error) => write!(f, "cannot be used: {error}"),
        }
    }
}

impl std::error::Error for TrustError {}

/// The algorithms. The exchange that a quantum computer does not break costs 50 us more, of those clients that offer it.
fn provider() -> Arc<CryptoProvider> {
    let kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1];
    Arc::new(CryptoProvider { kx_groups, ..default_provider() })
}

/// A certificate with those behind it, and its key, as their files have them.
///
/// # Errors
/// What is wrong, and with which of the two.
pub fn certified_key(certificate: &[u8], key: &[u8]) -> Result<CertifiedKey, (Part, TrustError)> {
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or((Part::Certificate, TrustError::NoCertificate))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| (Part::Key, TrustError::NoKey))?;
    let provider = provider();
    let key = provider.key_provider.load_private_key(key);
    let key = key.map_err(|error| (Part::Key, TrustError::Unusable(error)))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err((Part::Key, TrustError::Mismatch)),
        Err(error) => Err((Part::Certificate, TrustError::Unusable(error))),
    }
}

/// Which of the two files something is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// That of the certificate.
    Certificate,
    /// That of its key.
    Key,
}

/// How a server speaks TLS, with the certificate that is chosen when a client comes. TLS 1.3 and 1.2; nothing is kept of a
/// session but in its one ticket, which is good while this process runs.
///
/// # Panics
/// The system gives no random numbers.
#[must_use]
pub fn server(certificates: Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the algorithms are of both versions").with_no_client_auth();
    let mut config = builder.with_cert_resolver(certificates);
    config.alpn_protocols = vec![PROTOCOL_FRAMES.into(), PROTOCOL_HTTP.into()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Ticketer::new().expect("the system gives random numbers");
    config.send_tls13_tickets = 1;
    // What came early could be said again by whoever heard it.
    assert_eq!(config.max_early_data_size, 0, "nothing is taken before a handshake");
    Arc::new(config)
}

/// How a client speaks TLS to a server whose certificate is signed by one of these, which stand in PEM, and what it asks to
/// speak; nothing: the first bytes tell.
///
/// # Errors
/// There is no certificate, or one that cannot be used.
pub fn client(roots: &[u8], protocol: &str) -> Result<Arc<ClientConfig>, TrustError> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots) {
        let root = root.map_err(|_| TrustError::NoCertificate)?;
        store.add(root).map_err(TrustError::Unusable)?;
    }
    if store.is_empty() {
        return Err(TrustError::NoCertificate);
    }
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.expect("the algorithms are of both versions");
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = (!protocol.is_empty()).then(|| protocol.into()).into_iter().collect();
    Ok(Arc::new(config))
}
