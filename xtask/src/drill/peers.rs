//! Peers that do not keep to the protocol, each over one connection that it does not give up by itself.
//!
//! They know what they do wrong, not what should become of them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use front::Subprotocol;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;
use wire::{Bytes, FEATURES, FRAME_BYTES_MAX, HEADER_BYTES, VERSION, encode, frames};

/// What a peer does wrong before it has logged in.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// Says random bytes: a few, of which nothing can be told yet, or many.
    Noise,
    /// Says nothing.
    Silence,
    /// Says hello so slowly that it never ends.
    Dribble,
    /// Begins TLS.
    Tls,
    /// Asks for a WebSocket so slowly that it never ends.
    SlowHead,
    /// Asks for one with headers that never end.
    EndlessHead,
    /// Has a WebSocket, and says random bytes.
    SocketNoise,
    /// Has one, and says a message in fragments that never end.
    Fragments,
    /// Has one, and only pings.
    Pings,
    /// Has one that speaks JSON, and says what is none.
    JsonNoise,
    /// Has one, and says brackets that are never closed.
    JsonDepth,
    /// Has one, and says requests that there are not.
    JsonUnknown,
    /// Has one, and says a message so slowly that it never ends.
    JsonDribble,
    /// Calls with a token that is none, and a body behind it.
    CallBody,
    /// Calls with random bytes for a query and a token.
    CallNoise,
    /// Calls with headers so slowly that they never end.
    CallDribble,
}

/// Longest noise.
const NOISE_BYTES_MAX: u64 = 512;
/// Between two bytes of a dribbled hello of 48: longer than any login may take.
const DRIBBLE_EVERY: Duration = Duration::from_millis(100);
/// What a slow reader can have in its own buffer; the kernel rounds it up.
const SLOW_BUFFER_BYTES: u32 = 4_096;
/// Pages that a slow reader asks for: with a message of [`SLOW_BODY_BYTES`] in each, more than two sockets hold.
const SLOW_PAGES: usize = 300;
/// What its inbox must hold for that, one a page.
pub const SLOW_BODY_BYTES: usize = 24_000;

/// Headers of a head that does not end, and fragments of a message: more than may be.
const ENDLESS: usize = 2_000;
/// A ping of a client without content, under a mask of zeros; and an empty fragment.
const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
const FRAGMENT: [u8; 6] = [0, 0x80, 0, 0, 0, 0];
/// A call, up to its token.
const CALL: &[u8] =
    b"POST /v1/requests?device=5 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ";
/// Brackets in a message, of as many bytes as one may have before the login.
const BRACKETS: usize = 4_096;

/// Connects, misbehaves, and waits until the gateway closes the connection.
pub async fn misbehave(server: SocketAddr, manner: Manner, mut random: StdRng) -> io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut noise = || -> Vec<u8> {
        (0..random.random_range(1..=NOISE_BYTES_MAX)).map(|_| random.random()).collect()
    };
    let asks = |subprotocol| {
        let mut asks = Vec::new();
        front::Client::ask("localhost", subprotocol, &mut asks);
        asks
    };
    let (asks, json) = (asks(Subprotocol::Frames), asks(Subprotocol::Json));
    let says = match manner {
        Manner::Silence => Vec::new(),
        Manner::Noise => noise(),
        Manner::Tls => [&[0x16, 3, 1][..], &noise()].concat(),
        Manner::EndlessHead => {
            [&asks[..asks.len() - 2], "X: y\r\n".repeat(ENDLESS).as_bytes()].concat()
        }
        Manner::SocketNoise => {
            let mut noise = noise();
            // A reserved bit: of so many, one would else be a close in order.
            noise[0] |= 0x40;
            [asks, noise].concat()
        }
        Manner::Fragments => [asks, FRAGMENT.repeat(ENDLESS)].concat(),
        Manner::Dribble => return dribble(&mut stream, encoded_hello().chunks(1)).await,
        Manner::SlowHead => return dribble(&mut stream, asks.chunks(1)).await,
        Manner::JsonNoise => [json, text(&noise())].concat(),
        Manner::JsonDepth => [json, text(&b"[".repeat(BRACKETS))].concat(),
        Manner::JsonUnknown => [json, text(br#"{"id":1,"sand":{}}"#).repeat(ENDLESS)].concat(),
        Manner::JsonDribble => {
            let says = [json, text(&b" ".repeat(BRACKETS))].concat();
            return dribble(&mut stream, says.chunks(40)).await;
        }
        Manner::CallBody => {
            [CALL, b"a.b.c\r\nContent-Length: 65536\r\n\r\n", &[b' '; FRAME_BYTES_MAX]].concat()
        }
        Manner::CallNoise => [CALL, noise().as_slice(), b"\r\n\r\n"].concat(),
        Manner::CallDribble => {
            return dribble(&mut stream, [CALL, [b'x'; BRACKETS].as_slice()].concat().chunks(1))
                .await;
        }
        Manner::Pings => {
            stream.write_all(&asks).await?;
            return dribble(&mut stream, std::iter::repeat(&PING[..])).await;
        }
    };
    // Closed in the middle of it is closed as well.
    let _ = stream.write_all(&says).await;
    until_closed(&mut stream).await;
    Ok(())
}

/// A text message of a client, under a mask of zeros. Its length has the form of those from 126 bytes on.
fn text(content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    content.resize(content.len().max(126), b' ');
    let [high, low] =
        u16::try_from(content.len()).expect("a message before the login").to_be_bytes();
    [&[0x81, 0xfe, high, low, 0, 0, 0, 0], &content[..]].concat()
}

/// A little at a time, for longer than a login may take.
async fn dribble(stream: &mut TcpStream, says: impl Iterator<Item = &[u8]>) -> io::Result<()> {
    for little in says {
        if stream.write_all(little).await.is_err() {
            return Ok(());
        }
        tokio::select! {
            () = until_closed(stream) => return Ok(()),
            () = sleep(DRIBBLE_EVERY) => {}
        }
    }
    until_closed(stream).await;
    Ok(())
}

async fn until_closed(stream: &mut TcpStream) {
    let mut heard = [0; 256];
    while stream.read(&mut heard).await.is_ok_and(|read| read > 0) {}
}

/// Logs in, asks for far more than its socket holds, and reads none of it. Dropped, it is gone.
pub async fn read_nothing(server: SocketAddr, token: &str) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(SLOW_BUFFER_BYTES)?;
    let mut stream = socket.connect(server).await?;
    stream.write_all(&encoded_hello()).await?;
    skip_frame(&mut stream).await?;
    let mut says = Vec::new();
    let token = Bytes::copy_from_slice(token.as_bytes());
    let (cursor, inbox_epoch, from_head) = (0, 0, 1);
    let login = frames::Login { device: 1, cursor, inbox_epoch, from_head, token };
    encode(&mut says, 2, login);
    stream.write_all(&says).await?;
    skip_frame(&mut stream).await?;
    says.clear();
    (0..SLOW_PAGES).for_each(|_| encode(&mut says, 3, frames::Sync { cursor: 0, limit: 1 }));
    stream.write_all(&says).await?;
    Ok(stream)
}

async fn skip_frame(stream: &mut TcpStream) -> io::Result<()> {
    let mut header = [0; HEADER_BYTES];
    stream.read_exact(&mut header).await?;
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
    stream.read_exact(&mut vec![0; length - HEADER_BYTES]).await?;
    Ok(())
}

fn encoded_hello() -> Vec<u8> {
    let mut says = Vec::new();
    encode(&mut says, 1, hello());
    says
}

/// A hello in order.
pub fn hello() -> frames::Hello {
    frames::Hello {
        version_min: VERSION,
        version_max: VERSION,
        frame_bytes_max: u32::try_from(FRAME_BYTES_MAX).expect("64 KiB"),
        features: FEATURES,
    }
}
