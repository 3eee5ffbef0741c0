//! A way to a server that can be slow, can stand still, and before a CQL server can hide tables. What stood still goes on
//! where it stopped; only requests about hidden tables are thrown away.
//!
//! It knows nothing of what passes; [`Statements`] does. The CQL driver takes a server's address from the server, and the
//! port from where it reached it: a relay stands on the server's own address.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until};

use super::statements::{Ids, Statements};

/// Bytes taken at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces of one direction of a connection that are on their way: beyond, the sender waits, as for any slow reader.
const PIECES_MAX: usize = 256;
/// Bytes at the beginning of a connection in which its client says who it is.
const FIRST_BYTES_MAX: usize = 1024;

/// What it does to what passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Answers come so much later.
    Late(Duration),
    /// Nothing passes until the manner changes.
    Still,
    /// The same, but for connections whose client has said this at their beginning.
    StillBut(String),
    /// Requests about hidden tables never arrive.
    Blind,
    /// It ends.
    Gone,
}

impl Manner {
    /// As if it was not there.
    pub const CLEAR: Self = Self::Late(Duration::ZERO);
}

/// A running relay. Dropping it ends it.
pub struct Relay {
    /// Where the server seems to be.
    pub address: SocketAddr,
    manner: watch::Sender<Manner>,
    thrown: Arc<AtomicU64>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Relay {
    /// Stands before `server`, which may come and go. For a CQL server, `tables` are those that can be hidden.
    pub fn start(server: SocketAddr, tables: &'static [&'static str]) -> Result<Self> {
        let listener = std::net::TcpListener::bind((server.ip(), 0)).context("could not bind")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (manner, seen) = watch::channel(Manner::CLEAR);
        let thrown = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&thrown);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let relay = serve(listener, server, Passage { manner: seen, thrown: counter, tables });
            LocalSet::new().block_on(&runtime, relay)
        });
        Ok(Self { address, manner, thrown, thread: Some(thread) })
    }

    /// From now on.
    pub fn set(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// Requests that were thrown away so far.
    pub fn thrown(&self) -> u64 {
        self.thrown.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.set(Manner::Gone);
        // What it failed with was seen by whoever it failed.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// What all connections have in common.
#[derive(Clone)]
struct Passage {
    manner: watch::Receiver<Manner>,
    thrown: Arc<AtomicU64>,
    tables: &'static [&'static str],
}

/// One connection, as both of its directions see it.
struct Connection {
    passage: Passage,
    statements: Option<RefCell<Statements>>,
    first: RefCell<Vec<u8>>,
}

async fn serve(
    listener: std::net::TcpListener,
    server: SocketAddr,
    mut passage: Passage,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let ids = Ids::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = passage.manner.wait_for(|manner| *manner == Manner::Gone) => return Ok(()),
        };
        let (client, _) = accepted?;
        let Ok(server) = TcpStream::connect(server).await else { continue };
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let knows = !passage.tables.is_empty();
        let statements = knows.then(|| Statements::new(passage.tables, Rc::clone(&ids)).into());
        let (passage, first) = (passage.clone(), RefCell::default());
        let connection = Rc::new(Connection { passage, statements, first });
        let (asks, told) = client.into_split();
        let (answers, asked) = server.into_split();
        let (asking, asks_taken) = mpsc::channel(PIECES_MAX);
        let (answering, answers_taken) = mpsc::channel(PIECES_MAX);
        spawn_local(take(asks, asking, Rc::clone(&connection), Connection::ask));
        spawn_local(take(answers, answering, Rc::clone(&connection), Connection::answer));
        spawn_local(give(asks_taken, asked, Rc::clone(&connection)));
        spawn_local(give(answers_taken, told, connection));
    }
}

/// A piece, and when it may go on.
type Piece = (Instant, Vec<u8>);

impl Connection {
    /// What goes on of a piece of the client's.
    fn ask(&self, piece: &[u8]) -> io::Result<Piece> {
        let room = FIRST_BYTES_MAX.saturating_sub(self.first.borrow().len());
        self.first.borrow_mut().extend(piece.iter().take(room));
        let Some(statements) = &self.statements else {
            return Ok((Instant::now(), piece.to_vec()));
        };
        let is_blind = *self.passage.manner.borrow() == Manner::Blind;
        let (passed, thrown) = statements.borrow_mut().ask(piece, is_blind)?;
        self.passage.thrown.fetch_add(thrown, Ordering::Relaxed);
        Ok((Instant::now(), passed))
    }

    /// The same of the server's.
    fn answer(&self, piece: &[u8]) -> io::Result<Piece> {
        if let Some(statements) = &self.statements {
            statements.borrow_mut().answer(piece)?;
        }
        let late = match *self.passage.manner.borrow() {
            Manner::Late(late) => late,
            Manner::Still | Manner::StillBut(_) | Manner::Blind | Manner::Gone => Duration::ZERO,
        };
        Ok((Instant::now() + late, piece.to_vec()))
    }

    /// Whether its pieces stand still.
    fn stands(&self, manner: &Manner) -> bool {
        match manner {
            Manner::Still => true,
            Manner::StillBut(name) => {
                !self.first.borrow().windows(name.len()).any(|bytes| bytes == name.as_bytes())
            }
            Manner::Late(_) | Manner::Blind | Manner::Gone => false,
        }
    }
}

/// Takes pieces of one direction, each with when it may go on.
async fn take(
    mut from: OwnedReadHalf,
    pieces: mpsc::Sender<Piece>,
    connection: Rc<Connection>,
    see: impl Fn(&Connection, &[u8]) -> io::Result<Piece>,
) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let Ok(taken) = see(&connection, &piece[..length]) else { return };
        if pieces.send(taken).await.is_err() {
            return;
        }
    }
}

/// Gives them in order, when they may go on.
async fn give(
    mut pieces: mpsc::Receiver<Piece>,
    mut to: OwnedWriteHalf,
    connection: Rc<Connection>,
) -> io::Result<()> {
    let mut manner = connection.passage.manner.clone();
    loop {
        let piece = pieces.recv().await;
        if let Some((at, _)) = piece {
            sleep_until(at).await;
        }
        // It ends with the relay alone, and then so does this.
        let _ = manner.wait_for(|manner| !connection.stands(manner)).await;
        let Some((_, piece)) = piece else { return to.shutdown().await };
        to.write_all(&piece).await?;
    }
}
