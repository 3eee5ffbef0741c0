//! Where the receiver is: its address, read from a URL, and whom it is believed to be. It opens no connection.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What is wrong with where it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL of a receiver.
    #[error("is no URL such as https://push.example.com/longline: {0}")]
    Url(&'static str),
    /// Nobody is trusted.
    #[error("{0}")]
    Trust(String),
}

/// Where the receiver is.
#[derive(Clone)]
pub struct Target {
    /// `host:port`, to connect to.
    pub(super) address: String,
    /// As the header `host` says it.
    pub(super) host: String,
    pub(super) path: String,
    /// Of `https`: whose certificate it shows, and whom one trusts who signed it.
    pub(super) tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.host, self.path)
    }
}

impl Target {
    /// Of a URL; for `https` it is believed if one of the roots in the file has signed for it, or one that this machine trusts.
    ///
    /// # Errors
    /// It is none, or nobody is trusted.
    pub fn of(url: &str, roots: Option<&Path>) -> Result<Self, TargetError> {
        let (scheme, rest) = url.split_once("://").ok_or(TargetError::Url("it has no scheme"))?;
        let port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(TargetError::Url("its scheme is neither http nor https")),
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(at);
        if host.is_empty() || host.contains('@') {
            return Err(TargetError::Url("its host is empty, or has a user's name"));
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(TargetError::Url("its path has other than printable characters"));
        }
        let named = host.rsplit_once(':').filter(|(name, _)| !name.ends_with(':'));
        let (name, address) = match named.filter(|(_, port)| !port.ends_with(']')) {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, host.to_owned()),
            Some(_) => return Err(TargetError::Url("its port is no number")),
            None => (host, format!("{host}:{port}")),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let tls = match scheme {
            "https" => {
                let bad = TargetError::Url("its host is neither a name nor an address");
                let name = ServerName::try_from(name.to_owned()).map_err(|_| bad)?;
                Some((name, config(roots)?))
            }
            _ => None,
        };
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { address, host: host.into(), path: path.into(), tls })
    }
}

fn config(roots: Option<&Path>) -> Result<Arc<ClientConfig>, TargetError> {
    let mut store = RootCertStore::empty();
    match roots {
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(path) => {
            let at = |error: &dyn fmt::Display| {
                TargetError::Trust(format!("{}: {error}", path.display()))
            };
            let certificates = CertificateDer::pem_file_iter(path).map_err(|error| at(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| at(&error))?;
                store.add(certificate).map_err(|error| at(&error))?;
            }
        }
    }
    if store.is_empty() {
        let advice = "nobody is trusted who could sign for it: give push_trust_file";
        return Err(TargetError::Trust(advice.into()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TargetError::Trust(error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(store).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_receiver_is() {
        for (url, address, host, path) in [
            ("http://push.local", "push.local:80", "push.local", "/"),
            ("http://127.0.0.1:9/a?b=c", "127.0.0.1:9", "127.0.0.1:9", "/a?b=c"),
            ("http://[::1]:9/x", "[::1]:9", "[::1]:9", "/x"),
            ("http://[::1]/x", "[::1]:80", "[::1]", "/x"),
        ] {
            let target = Target::of(url, None).unwrap();
            assert_eq!((&*target.address, &*target.host, &*target.path), (address, host, path));
            assert!(target.tls.is_none());
        }
        for url in
            ["", "push.local", "ftp://a", "http:///x", "http://a:b/", "http://u@a/", "http://a/ü"]
        {
            assert!(matches!(Target::of(url, None), Err(TargetError::Url(_))), "{url}");
        }
    }
}
