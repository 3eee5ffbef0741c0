//! Looks at the files of the certificate again and again, and at once when it is told to. A pair that fits is shown from then
//! on; with any other the one before stays, and this is told.

use super::Opened;
use super::files::{CertificateError, Pair};
use super::store::{Certificates, Shown};
use crate::limits::CERTIFICATE_LOOK_EVERY_MS;
use crate::metrics::CoreMetrics;
use flume::{Receiver, RecvTimeoutError, Sender};
use service::clock::unix_ms;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Tells the thread that looks to do so at once. When all are gone it ends.
#[derive(Clone, Debug)]
pub struct Watch(Sender<()>);

struct Watcher {
    files: (PathBuf, PathBuf),
    certificates: Arc<Certificates>,
    metrics: Arc<CoreMetrics>,
    /// Of what was read last, whatever came of it; none: it could not be read.
    seen: Option<u64>,
}

impl Watch {
    /// Begins to look whether the files of what is shown change.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(shown: &Opened, metrics: Arc<CoreMetrics>) -> io::Result<Self> {
        let (files, certificates) = (shown.files.clone(), shown.certificates.clone());
        let mut watcher = Watcher { files, certificates, metrics, seen: Some(shown.print) };
        watcher.show();
        let (sender, told) = flume::bounded(1);
        std::thread::Builder::new().name("certificate".into()).spawn(move || watcher.run(&told))?;
        Ok(Self(sender))
    }

    /// Looks now, also at files that are as they were.
    pub fn look(&self) {
        // Whoever was told and has not looked yet will.
        let _ = self.0.try_send(());
    }
}

impl Watcher {
    fn run(&mut self, told: &Receiver<()>) {
        let every = Duration::from_millis(CERTIFICATE_LOOK_EVERY_MS);
        loop {
            match told.recv_timeout(every) {
                Ok(()) => self.look(true),
                Err(RecvTimeoutError::Timeout) => self.look(false),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self, is_told: bool) {
        let pair = Pair::read(&self.files.0, &self.files.1);
        let seen = pair.as_ref().ok().map(Pair::print);
        let is_new = self.seen != seen;
        self.seen = seen;
        if !is_told && !is_new {
            return;
        }
        match pair.and_then(|pair| self.judge(&pair)) {
            Ok(shown) => {
                tracing::info!(
                    expires_unix_s = shown.expires_unix_s,
                    "the certificate was read again"
                );
                self.certificates.replace(shown);
                self.metrics.tls_stale.set(0);
            }
            Err(error) => {
                tracing::error!(%error, "the certificate stays as it was");
                self.metrics.tls_stale.set(1);
            }
        }
        self.show();
    }

    /// One whose time is over does not follow one that is still good.
    fn judge(&self, pair: &Pair) -> Result<Shown, CertificateError> {
        let shown = pair.load()?;
        let now_s = unix_ms() / 1_000;
        if shown.expires_unix_s <= now_s && self.certificates.expires_unix_s() > now_s {
            return Err(pair.over());
        }
        Ok(shown)
    }

    fn show(&self) {
        self.metrics.tls_expires_s.set(self.certificates.expires_unix_s());
    }
}
