//! A way to a CQL server that can be slow, and can stand still. Nothing is thrown away: what stood still goes on.
//!
//! It knows no statement. The driver takes a server's address from the server, and the port from where it reached it: this
//! stands on the server's own address.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Bytes taken at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces of a connection that are on their way: beyond, the server waits, as for any slow reader.
const PIECES_MAX: usize = 256;

/// What it does to answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// They come so much later.
    Late(Duration),
    /// They do not come until the manner changes.
    Still,
    /// It ends.
    Gone,
}

/// See the module. Dropped, it is gone.
pub struct StoreProxy {
    /// Where the store seems to be.
    pub address: SocketAddr,
    manner: watch::Sender<Manner>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl StoreProxy {
    /// Stands before `server`, with no delay.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let listener = std::net::TcpListener::bind((server.ip(), 0)).context("could not bind")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (manner, seen) = watch::channel(Manner::Late(Duration::ZERO));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(serve(listener, server, seen))
        });
        Ok(Self { address, manner, thread: Some(thread) })
    }

    /// From now on.
    pub fn set(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }
}

impl Drop for StoreProxy {
    fn drop(&mut self) {
        self.set(Manner::Gone);
        // What it failed with was seen by whoever it failed.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn serve(
    listener: std::net::TcpListener,
    server: SocketAddr,
    mut manner: watch::Receiver<Manner>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = manner.wait_for(|manner| *manner == Manner::Gone) => return Ok(()),
        };
        let (client, _) = accepted?;
        let Ok(server) = TcpStream::connect(server).await else { continue };
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (asks, told) = client.into_split();
        let (answers, asked) = server.into_split();
        tokio::spawn(pass(asks, asked));
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        tokio::spawn(take(answers, sender, manner.clone()));
        tokio::spawn(give(pieces, told, manner.clone()));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

/// Takes answers, each with when it may come.
async fn take(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<(Instant, Vec<u8>)>,
    manner: watch::Receiver<Manner>,
) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let late = match *manner.borrow() {
            Manner::Late(late) => late,
            Manner::Still | Manner::Gone => Duration::ZERO,
        };
        if pieces.send((Instant::now() + late, piece[..length].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Gives them in order, when they may come.
async fn give(
    mut pieces: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut to: OwnedWriteHalf,
    mut manner: watch::Receiver<Manner>,
) -> io::Result<()> {
    while let Some((at, piece)) = pieces.recv().await {
        sleep_until(at).await;
        // It ends with the proxy alone, and then so does this.
        let _ = manner.wait_for(|manner| *manner != Manner::Still).await;
        to.write_all(&piece).await?;
    }
    to.shutdown().await
}
