//! Connections in TLS: the handshake, and what is in records.

use super::{Fleet, Observer};
use crate::failure::Failure;
use front::RECORD_BYTES_MAX;
use netring::ConnId;

impl Fleet {
    /// It is dialed: TLS begins, or what carries frames.
    pub(super) fn on_connected(&mut self, index: usize, conn: ConnId) {
        if self.connections[index].requests_by(conn) {
            return self.on_requests_connected(index);
        }
        let target = self.target(index);
        let Some(trust) = &self.trust else { return self.begin(index) };
        let Some(out) = self.ring.outbox(conn) else { return };
        match trust.begin(target, out) {
            Ok(tls) => self.connections[index].tls = Some(Box::new(tls)),
            Err(why) => {
                self.fatal = Some(Failure::Preflight(format!("could not speak TLS: {why}")))
            }
        }
    }

    pub(super) fn on_records(
        &mut self,
        index: usize,
        conn: ConnId,
        bytes: &mut [u8],
        observer: &mut impl Observer,
    ) {
        let Some(mut tls) = self.connections[index].tls.take() else { return };
        let (mut opened, mut records) =
            (std::mem::take(&mut self.opened), std::mem::take(&mut self.records));
        let was_handshaking = tls.is_handshaking();
        let read = tls.read(bytes, RECORD_BYTES_MAX, (&mut records, &mut opened));
        let agreed = was_handshaking && !tls.is_handshaking();
        self.connections[index].tls = Some(tls);
        if let Some(out) = self.ring.outbox(conn) {
            out.extend_from_slice(&records);
        }
        if agreed {
            self.begin(index);
        }
        if !opened.is_empty() {
            self.on_opened(index, conn, &mut opened, observer);
        }
        opened.clear();
        records.clear();
        (self.opened, self.records) = (opened, records);
        if let (Err(error), true) = (read, self.connections[index].conn == Some(conn)) {
            if was_handshaking {
                self.fatal = Some(Failure::preflight("speak TLS", &error));
            } else {
                observer.damaged(index, &error.to_string());
            }
            self.lose(index, &error.to_string(), observer);
        }
    }
}
