//! A bad network between loadgen and a gateway, frame by frame: it eats acks, doubles sends and cuts connections, until
//! it heals.
//!
//! Which, follows from its seed and the order of what comes. It reads no more of a frame than it must, and keeps the
//! ids of all sends, so that what is stored can be compared with what was asked for.

use std::cell::RefCell;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;
use wire::{
    ClientMsgId, FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Header, Kind, Scratch, frames,
};

/// Share of acks that are eaten, in percent.
const EATEN_PERCENT: u32 = 30;
/// Share of sends that are doubled, in percent.
const DOUBLED_PERCENT: u32 = 50;
/// A connection lives so long at least, in ms: past its first heartbeat ...
const LIFE_MS_MIN: u64 = 1_000;
/// ... and up to so much longer. A client repeats what was not acked when it is back: far sooner than by its timer.
const LIFE_MS_SPREAD: u64 = 2_000;

/// What came to pass.
#[derive(Debug, Default)]
pub struct Passed {
    /// The ids of all sends.
    pub ids: HashSet<ClientMsgId>,
    sends: u64,
    doubled: u64,
    acks: u64,
    eaten: u64,
    cut: u64,
}

/// A network that lasts until it is taken down.
pub struct Network {
    /// Where to connect.
    pub address: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Passed>>,
}

impl Network {
    /// Stands before `server`, which may come and go. Heals after a time: what was lost can then be mended.
    pub fn start(server: SocketAddr, seed: u64, heals_after: Duration) -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("could not bind")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let (stop, stopped) = oneshot::channel();
        let heals_at = Instant::now() + heals_after;
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let random = StdRng::seed_from_u64(seed);
            LocalSet::new().block_on(&runtime, serve(listener, server, (random, heals_at), stopped))
        });
        Ok(Self { address, stop, thread })
    }

    /// Ends all connections; what came to pass.
    pub fn take_down(self) -> Result<Passed> {
        // A network that failed is not there to hear it; joining tells why.
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| anyhow::anyhow!("the network panicked"))?
    }
}

async fn serve(
    listener: std::net::TcpListener,
    server: SocketAddr,
    (mut random, heals_at): (StdRng, Instant),
    mut stopped: oneshot::Receiver<()>,
) -> Result<Passed> {
    let listener = TcpListener::from_std(listener)?;
    let passed = Rc::new(RefCell::new(Passed::default()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => {
                let (client, _) = accepted.context("could not accept")?;
                let random = StdRng::from_rng(&mut random);
                let link = Link { passed: Rc::clone(&passed), random, heals_at };
                connections.spawn_local(relay(client, server, link));
            }
            // An end by error is one that both sides see too.
            Some(_) = connections.join_next() => {}
        }
    }
    connections.shutdown().await;
    Ok(passed.take())
}

/// Passes on what comes, until either side ends or the connection is cut.
async fn relay(mut client: TcpStream, server: SocketAddr, mut link: Link) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let is_bad = link.is_bad();
    let life_ms = LIFE_MS_MIN + link.random.random_range(0..LIFE_MS_SPREAD);
    let mut cut = std::pin::pin!(sleep(Duration::from_millis(life_ms)));
    let (mut up, mut down, mut out) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        out.clear();
        tokio::select! {
            read = client.read_buf(&mut up) => {
                link.up(&mut up, &mut out)?;
                server.write_all(&out).await?;
                if read? == 0 { return Ok(()) }
            }
            read = server.read_buf(&mut down) => {
                link.down(&mut down, &mut out)?;
                client.write_all(&out).await?;
                if read? == 0 { return Ok(()) }
            }
            () = &mut cut, if is_bad => {
                link.passed.borrow_mut().cut += 1;
                return Ok(());
            }
        }
    }
}

/// One connection's losses.
struct Link {
    passed: Rc<RefCell<Passed>>,
    random: StdRng,
    heals_at: Instant,
}

impl Link {
    fn is_bad(&self) -> bool {
        Instant::now() < self.heals_at
    }

    /// From the client: every frame, some sends twice.
    fn up(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<()> {
        let is_bad = self.is_bad();
        each_frame(bytes, |kind, frame| {
            out.extend_from_slice(frame);
            if kind != Some(Kind::Send) {
                return Ok(());
            }
            let mut passed = self.passed.borrow_mut();
            passed.sends += 1;
            passed.ids.insert(client_msg_id(frame)?);
            if is_bad && self.random.random_ratio(DOUBLED_PERCENT, 100) {
                passed.doubled += 1;
                out.extend_from_slice(frame);
            }
            Ok(())
        })
    }

    /// From the server: every frame but some acks.
    fn down(&mut self, bytes: &mut Vec<u8>, out: &mut Vec<u8>) -> io::Result<()> {
        let is_bad = self.is_bad();
        each_frame(bytes, |kind, frame| {
            let mut passed = self.passed.borrow_mut();
            let is_ack = kind == Some(Kind::SendAck);
            let is_eaten = is_bad && is_ack && self.random.random_ratio(EATEN_PERCENT, 100);
            passed.acks += u64::from(is_ack);
            passed.eaten += u64::from(is_eaten);
            if !is_eaten {
                out.extend_from_slice(frame);
            }
            Ok(())
        })
    }
}

/// Takes every whole frame from the front.
fn each_frame(
    bytes: &mut Vec<u8>,
    mut take: impl FnMut(Option<Kind>, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut at = 0;
    while let Some(head) = bytes[at..].first_chunk::<HEADER_BYTES>() {
        let header = Header::parse(head, FRAME_BYTES_MAX).map_err(io::Error::other)?;
        let Some(frame) = bytes.get(at..at + header.length) else { break };
        take(header.kind, frame)?;
        at += header.length;
    }
    bytes.drain(..at);
    Ok(())
}

fn client_msg_id(frame: &[u8]) -> io::Result<ClientMsgId> {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let mut read = buffer.read(frame, FRAME_BYTES_MAX);
    let frame = read.next(&mut scratch).expect("the frame is whole").map_err(io::Error::other)?;
    let send = frame.access::<frames::Send>().map_err(io::Error::other)?;
    Ok(ClientMsgId(send.client_msg_id))
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ids, sends, doubled, acks, eaten, cut } = self;
        write!(
            f,
            "{sends} sends of {} ids, {doubled} doubled; {eaten} of {acks} acks eaten; {cut} connections cut",
            ids.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Bytes, encode};

    fn link() -> Link {
        let heals_at = Instant::now() + Duration::from_secs(3_600);
        Link { passed: Rc::default(), random: StdRng::seed_from_u64(1), heals_at }
    }

    #[test]
    fn sends_are_doubled_and_their_ids_kept_whatever_the_pieces() {
        let mut stream = Vec::new();
        for id in 0..200u8 {
            let (client_msg_id, body) = ([id; 16], Bytes::from_static(b"a body"));
            let conversation = frames::Conversation { kind: 1, a: 8, b: 7 };
            let (kind, flags) = (1, 0);
            let send = frames::Send { conversation, client_msg_id, kind, flags, body };
            encode(&mut stream, 1, send);
        }
        let (mut link, mut bytes, mut out) = (link(), Vec::new(), Vec::new());
        for piece in stream.chunks(100) {
            bytes.extend_from_slice(piece);
            link.up(&mut bytes, &mut out).unwrap();
        }
        let passed = link.passed.take();
        assert_eq!((passed.ids.len(), passed.sends, bytes.len()), (200, 200, 0));
        assert!((70..130).contains(&passed.doubled), "{passed}");
        assert_eq!(
            out.len(),
            stream.len() / 200 * (200 + usize::try_from(passed.doubled).unwrap())
        );
    }

    #[test]
    fn acks_are_eaten_and_nothing_else() {
        let mut bytes = Vec::new();
        for request_id in 0..200 {
            let ack = frames::SendAck { message_id: 1, seq: 1, time_ms: 1, inbox_seq: 1 };
            encode(&mut bytes, request_id, ack);
            encode(&mut bytes, request_id, frames::PushAck { inbox_seq: 1 });
        }
        let (mut link, mut out) = (link(), Vec::new());
        link.down(&mut bytes, &mut out).unwrap();
        let mut kinds = Vec::new();
        let keep = |kind, _: &[u8]| {
            kinds.push(kind);
            Ok(())
        };
        each_frame(&mut out, keep).unwrap();
        let passed = link.passed.take();
        assert!((40..80).contains(&passed.eaten), "{passed}");
        assert_eq!(kinds.iter().filter(|kind| **kind == Some(Kind::PushAck)).count(), 200);
        assert_eq!(kinds.len() as u64, 400 - passed.eaten);
    }

    #[test]
    fn a_healed_network_loses_nothing() {
        let ack = frames::SendAck { message_id: 1, seq: 1, time_ms: 1, inbox_seq: 1 };
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        (0..200).for_each(|request_id| encode(&mut bytes, request_id, ack.clone()));
        let sent = bytes.clone();
        Link { heals_at: Instant::now(), ..link() }.down(&mut bytes, &mut out).unwrap();
        assert_eq!(out, sent);
    }

    #[test]
    fn what_is_no_frame_ends_the_connection() {
        assert!(link().up(&mut vec![0xff; 64], &mut Vec::new()).is_err());
    }
}
