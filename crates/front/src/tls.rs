//! One end of a TLS connection: records in, plain bytes out, and back. It does not know what the bytes are, and is the only
//! place that knows how rustls is driven.
//!
//! Idle it is what rustls keeps of a connection: a record that came in part is gathered, and the memory goes when it is whole.

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use rustls::{ClientConfig, Error, ServerConfig};
use std::sync::Arc;

/// Bytes of a record's header: its type, its version, and in the last two its length.
const HEADER_BYTES: usize = 5;
/// What a record adds to the bytes in it: the header, the type within, and the tag; in TLS 1.2 a nonce.
const OVERHEAD_BYTES: usize = 32;
/// Bytes in one record.
const CONTENT_BYTES_MAX: usize = 16 * 1024;

/// One end of a connection.
pub struct Tls {
    end: End,
    /// The records that are not whole.
    gathered: Vec<u8>,
}

enum End {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
}

/// What was read, beside plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// More may come.
    On,
    /// The peer says that nothing more comes.
    Closed,
}

impl Tls {
    /// The end of a server.
    ///
    /// # Panics
    /// The configuration is none that [`crate::server`] makes.
    #[must_use]
    pub fn server(config: &Arc<ServerConfig>) -> Self {
        let server = UnbufferedServerConnection::new(config.clone());
        Self::of(End::Server(Box::new(server.expect("a configuration of ours"))))
    }

    /// The end of a client that asks for the server of this name; and what it says first.
    ///
    /// # Errors
    /// The name is none that can be asked for.
    pub fn client(
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let client = UnbufferedClientConnection::new(config.clone(), name)?;
        let mut tls = Self::of(End::Client(Box::new(client)));
        tls.read(&mut [], 0, (out, &mut Vec::new()))?;
        Ok(tls)
    }

    fn of(end: End) -> Self {
        Self { end, gathered: Vec::new() }
    }

    /// Whether the handshake is not done: nothing can be written.
    #[must_use]
    pub fn is_handshaking(&self) -> bool {
        match &self.end {
            End::Server(server) => server.is_handshaking(),
            End::Client(client) => client.is_handshaking(),
        }
    }

    /// What the ends agreed on to speak, if on anything.
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        match &self.end {
            End::Server(server) => server.alpn_protocol(),
            End::Client(client) => client.alpn_protocol(),
        }
    }

    /// Keeps a piece for later. At most `room` bytes are kept.
    ///
    /// # Errors
    /// There is no room for it.
    pub fn keep(&mut self, piece: &[u8], room: usize) -> Result<(), Error> {
        if self.gathered.len() + piece.len() > room {
            return Err(Error::PeerSentOversizedRecord);
        }
        self.gathered.extend_from_slice(piece);
        Ok(())
    }

    /// Whether there is a record in what was kept.
    #[must_use]
    pub fn has_record(&self) -> bool {
        let Some([_, _, _, high, low]) = self.gathered.first_chunk() else { return false };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        self.gathered.len() >= HEADER_BYTES + length
    }

    /// Reads a piece behind what was kept: appends the plain bytes to `plain`, and to `out` the records with which rustls
    /// answers, an alert behind an error too. Of what is not whole at most `room` bytes are kept.
    ///
    /// # Errors
    /// The connection is over.
    pub fn read(
        &mut self,
        piece: &mut [u8],
        room: usize,
        (out, plain): (&mut Vec<u8>, &mut Vec<u8>),
    ) -> Result<Read, Error> {
        let mut gathered = std::mem::take(&mut self.gathered);
        let is_gathered = !gathered.is_empty();
        if is_gathered {
            gathered.extend_from_slice(piece);
        }
        let input = if is_gathered { &mut gathered } else { &mut *piece };
        let length = input.len();
        let (used, read) = match &mut self.end {
            End::Server(server) => drive(&mut **server, input, out, Wish::Read(plain)),
            End::Client(client) => drive(&mut **client, input, out, Wish::Read(plain)),
        };
        let read = read?;
        if length - used > room {
            return Err(Error::PeerSentOversizedRecord);
        }
        if is_gathered && used < length {
            gathered.drain(..used);
            self.gathered = gathered;
        } else if used < length {
            self.gathered = piece[used..].to_vec();
        }
        Ok(read)
    }

    /// Appends the records that carry these bytes. Before the handshake is done, and when the keys are used up, nothing
    /// is written.
    ///
    /// # Errors
    /// Nothing can be written any more.
    pub fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.wish(out, Wish::Write(plain))
    }

    /// Appends what says that nothing more comes; nothing before the handshake is done.
    ///
    /// # Errors
    /// Nothing can be written any more.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.wish(out, Wish::Close)
    }

    /// What was kept goes along: rustls counts in it.
    fn wish(&mut self, out: &mut Vec<u8>, wish: Wish<'_>) -> Result<(), Error> {
        // What waits for its turn is not to be read by the way: there may be frames in it.
        if self.is_handshaking() {
            return Ok(());
        }
        let gathered = &mut self.gathered;
        let (used, done) = match &mut self.end {
            End::Server(server) => drive(&mut **server, gathered, out, wish),
            End::Client(client) => drive(&mut **client, gathered, out, wish),
        };
        gathered.drain(..used);
        done.map(drop)
    }
}

/// What is wanted of a connection.
enum Wish<'a> {
    /// To read what came, and to append what was in it.
    Read(&'a mut Vec<u8>),
    /// To write this.
    Write(&'a [u8]),
    /// To say that nothing more comes.
    Close,
}

/// Either end, as rustls drives it.
trait Unbuffered {
    type Data;

    fn step<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;

    /// Whether it has records ready.
    fn has_more(&self) -> bool;
}

impl Unbuffered for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn step<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }

    fn has_more(&self) -> bool {
        self.wants_write()
    }
}

impl Unbuffered for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn step<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(input)
    }

    fn has_more(&self) -> bool {
        self.wants_write()
    }
}

/// Goes on until rustls waits for more. Returns how much of the input it is done with.
fn drive<C: Unbuffered>(
    connection: &mut C,
    input: &mut [u8],
    out: &mut Vec<u8>,
    mut wish: Wish<'_>,
) -> (usize, Result<Read, Error>) {
    let (mut used, mut read) = (0, Read::On);
    loop {
        let UnbufferedStatus { mut discard, state } = connection.step(&mut input[used..]);
        let goes_on = match state {
            Err(error) => {
                used += discard;
                // Only what waits: what failed must not be read again.
                while connection.has_more()
                    && let Ok(ConnectionState::EncodeTlsData(data)) =
                        connection.step(&mut input[used..]).state
                    && answer(data, out).is_ok()
                {}
                return (used, Err(error));
            }
            Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                let Some(record) = traffic.next_record() else { break Ok(true) };
                match (record, &mut wish) {
                    (Ok(record), Wish::Read(plain)) => {
                        plain.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                    // What came was read before.
                    (Ok(record), _) => discard += record.discard,
                    (Err(error), _) => break Err(error),
                }
            },
            Ok(ConnectionState::EncodeTlsData(data)) => answer(data, out).map(|()| true),
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Ok(true)
            }
            Ok(ConnectionState::PeerClosed) => {
                read = Read::Closed;
                Ok(true)
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => match wish {
                Wish::Read(_) => Ok(false),
                Wish::Write(plain) => {
                    let records = plain.len().div_ceil(CONTENT_BYTES_MAX);
                    let room = plain.len() + records * OVERHEAD_BYTES;
                    append(out, room, |out| written(traffic.encrypt(plain, out))).map(|()| false)
                }
                Wish::Close => {
                    let close = |out: &mut [u8]| written(traffic.queue_close_notify(out));
                    append(out, OVERHEAD_BYTES, close).map(|()| false)
                }
            },
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Ok(false),
            // No early data is taken, so none comes; a later rustls may know more states.
            Ok(_) => Err(Error::General("a state that is not known".into())),
        };
        used += discard;
        match goes_on {
            Ok(true) => {}
            Ok(false) => return (used, Ok(read)),
            Err(error) => return (used, Err(error)),
        }
    }
}

/// Appends a record that rustls has ready.
fn answer<D>(mut data: EncodeTlsData<'_, D>, out: &mut Vec<u8>) -> Result<(), Error> {
    append(out, 0, |out| match data.encode(out) {
        Err(EncodeError::InsufficientSize(size)) => Err(Some(size.required_size)),
        Err(EncodeError::AlreadyEncoded) => Err(None),
        Ok(written) => Ok(written),
    })
}

/// The bytes that were written, or how many there must be room for; none: it cannot be.
fn written(result: Result<usize, EncryptError>) -> Result<usize, Option<usize>> {
    result.map_err(|error| match error {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    })
}

/// Appends what `write` writes into so much room, or into as much as it says that it needs.
fn append(
    out: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Error> {
    let start = out.len();
    out.resize(start + room, 0);
    loop {
        let (written, error) = match write(&mut out[start..]) {
            Err(Some(required)) if required > out.len() - start => {
                out.resize(start + required, 0);
                continue;
            }
            Ok(written) => (written, None),
            Err(_) => (0, Some(Error::EncryptError)),
        };
        out.truncate(start + written);
        return error.map_or(Ok(()), Err);
    }
}
