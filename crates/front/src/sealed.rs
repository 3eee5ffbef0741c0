//! A connection that speaks TLS, as a server hears it: its handshake when there is time for it, and behind that what is in the
//! records. It does not know what that is.

use crate::heard::{Carrier, Common, Fault, Heard};
use crate::limits::{
    PROTOCOL_FRAMES, PROTOCOL_HTTP, RECORD_BEFORE_LOGIN_BYTES_MAX, RECORD_BYTES_MAX,
    SEALED_BEFORE_LOGIN_BYTES_MAX,
};
use crate::tls::{Read, Tls};
use rustls::{Error, ServerConfig};
use std::sync::Arc;
use wire::FRAME_BYTES_MAX;

/// Memory that a burst made, of what all connections share, goes beyond this.
const SHARED_BYTES_MAX: usize = 4 * RECORD_BYTES_MAX;

/// One connection.
pub(crate) struct Sealed {
    tls: Tls,
    /// Its handshake was put off, and this was told.
    waits: bool,
}

/// What came of a piece, beside the plain bytes.
#[derive(Default)]
pub(crate) struct Opened {
    /// The handshake is done now, and the ends agreed on this.
    pub agreed: Option<Carrier>,
    /// The client says that nothing more comes.
    pub is_closed: bool,
    /// What may not be said: the connection is over, and nothing more can be sealed.
    pub fault: Option<Fault>,
}

impl Sealed {
    /// One that has said nothing.
    pub fn new(config: &Arc<ServerConfig>) -> Self {
        Self { tls: Tls::server(config), waits: false }
    }

    /// Reads a piece, and appends what was in it to `plain`. What was there before is bounded by how long a frame may be,
    /// with so many bytes that are kept of it.
    pub fn read(
        &mut self,
        (piece, plain): (&mut [u8], &mut Vec<u8>),
        (frame_bytes_max, kept): (usize, usize),
        common: &mut Common,
        take: &mut dyn FnMut(Heard<'_>) -> bool,
    ) -> Opened {
        let room = match (frame_bytes_max < FRAME_BYTES_MAX, self.tls.is_handshaking()) {
            (true, true) => SEALED_BEFORE_LOGIN_BYTES_MAX.saturating_sub(kept),
            (true, false) => RECORD_BEFORE_LOGIN_BYTES_MAX.saturating_sub(kept),
            (false, _) => RECORD_BYTES_MAX,
        };
        if !self.tls.is_handshaking() {
            return self.open((piece, plain), room, common, take);
        }
        if let Err(error) = self.tls.keep(piece, room) {
            return Opened { fault: Some(fault(&error)), ..Opened::default() };
        }
        if !self.tls.has_record() {
            return Opened::default();
        }
        if common.handshakes == 0 {
            if !std::mem::replace(&mut self.waits, true) {
                take(Heard::Waits);
            }
            return Opened::default();
        }
        common.handshakes -= 1;
        self.waits = false;
        self.open((&mut [], plain), room, common, take)
    }

    /// Opens what is whole.
    fn open(
        &mut self,
        (piece, plain): (&mut [u8], &mut Vec<u8>),
        room: usize,
        common: &mut Common,
        take: &mut dyn FnMut(Heard<'_>) -> bool,
    ) -> Opened {
        let was_handshaking = self.tls.is_handshaking();
        let mut records = std::mem::take(&mut common.records);
        let read = self.tls.read(piece, room, (&mut records, plain));
        if !records.is_empty() {
            take(Heard::Raw(&records));
        }
        common.records = emptied(records);
        let mut opened = Opened {
            is_closed: matches!(read, Ok(Read::Closed)),
            fault: read.err().map(|error| fault(&error)),
            ..Opened::default()
        };
        if was_handshaking && !self.tls.is_handshaking() {
            take(Heard::Agreed);
            opened.agreed = self.agreed();
            opened.agreed.map(|agreed| take(Heard::Speaks(agreed)));
        }
        opened
    }

    /// What the ends agreed on; none: the first bytes will tell.
    fn agreed(&self) -> Option<Carrier> {
        match self.tls.protocol() {
            Some(protocol) if protocol == PROTOCOL_FRAMES.as_bytes() => Some(Carrier::Frames),
            Some(protocol) if protocol == PROTOCOL_HTTP.as_bytes() => Some(Carrier::Http),
            Some(_) | None => None,
        }
    }

    /// Appends the records that carry these bytes; nothing, if none can be written.
    pub fn seal(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        // What could not be written can end with the connection only, by its timeouts.
        let _ = self.tls.write(plain, out);
    }

    /// Appends what says that nothing more comes.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        let _ = self.tls.close(out);
    }
}

/// The memory of these bytes, if it is not too much to keep.
pub(crate) fn emptied(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.clear();
    bytes.shrink_to(SHARED_BYTES_MAX);
    bytes
}

/// Whose fault an error is.
fn fault(error: &Error) -> Fault {
    if matches!(error, Error::AlertReceived(_)) {
        Fault::TlsAlert
    } else if matches!(error, Error::PeerIncompatible(_) | Error::NoApplicationProtocol) {
        Fault::TlsTerms
    } else {
        Fault::TlsRecord
    }
}
