//! TLS to the server: whom to trust. It knows no frame.

use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What the ends agree on when frames follow.
const PROTOCOL: &str = "longline/1";

/// Whom a client trusts.
#[derive(Clone, Debug)]
pub struct Tls(Arc<ClientConfig>);

/// A connection, whatever lies beneath.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Tls {
    /// Whom this machine trusts.
    ///
    /// # Errors
    /// It trusts nobody.
    pub fn of_this_machine() -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(io::Error::other("this machine has no certificates to trust: give a file"));
        }
        Self::trusting(roots)
    }

    /// Those whose certificates stand in a file, PEM, and nobody else.
    ///
    /// # Errors
    /// There is no such file, or no certificate in it.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let at = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("{}: {error}", path.display()))
        };
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| at(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| at(&error))?;
            roots.add(certificate).map_err(|error| at(&error))?;
        }
        if roots.is_empty() {
            return Err(at(&"no certificate in PEM"));
        }
        Self::trusting(roots)
    }

    fn trusting(roots: RootCertStore) -> io::Result<Self> {
        // Named, so that no other crate of a program chooses.
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![PROTOCOL.into()];
        Ok(Self(Arc::new(config)))
    }

    /// Speaks TLS over a connection to `host:port`.
    pub(crate) async fn over(
        &self,
        stream: TcpStream,
        address: &str,
    ) -> io::Result<Box<dyn Stream>> {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.0.clone()).connect(name, stream).await?;
        Ok(Box::new(stream))
    }
}
