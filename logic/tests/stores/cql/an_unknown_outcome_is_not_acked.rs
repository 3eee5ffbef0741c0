//! A write whose outcome is not known is not acknowledged, and is resolved by being repeated; a read is given up in time;
//! the breaker tells. Between the driver and a real server is a proxy of this test that keeps the server's answers
//! back: what was sent has happened, and nobody was told.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::keyspace::{Keyspace, RUNTIME, open, server, session};
use crate::driven::message;
use logic::cluster::{Fence, Moment};
use logic::fence::moment;
use logic::rows::{Completion, Found, Read, Row, StoreError, Ticket};
use logic::store::cql::{CqlClient, CqlConfig};
use wire::{Conversation, Uid};

/// Long beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Stands between; while it is mute, answers are thrown away and connections stay up.
struct Proxy {
    address: String,
    is_mute: Arc<AtomicBool>,
}

impl Proxy {
    fn start() -> Self {
        // The driver takes a server's address from the server, and the port from where it reached it.
        let server_ip = server().rsplit_once(':').unwrap().0.to_string();
        let listener = TcpListener::bind((server_ip, 0)).expect("the server is on this machine");
        let address = listener.local_addr().unwrap().to_string();
        let is_mute = Arc::new(AtomicBool::new(false));
        let mute = is_mute.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server()) else { continue };
                let pairs = [(&client, &server, None), (&server, &client, Some(mute.clone()))];
                for (from, to, mute) in pairs {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || pump(from, to, mute.as_deref()));
                }
            }
        });
        Self { address, is_mute }
    }

    fn mute(&self, is_mute: bool) {
        self.is_mute.store(is_mute, Ordering::SeqCst);
    }
}

/// A stream out of which bytes were thrown away is of no use any more: it ends with the next that would pass.
fn pump(mut from: TcpStream, mut to: TcpStream, mute: Option<&AtomicBool>) {
    let (mut buffer, mut is_torn) = ([0; 16 * 1024], false);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let is_mute = mute.is_some_and(|mute| mute.load(Ordering::SeqCst));
        is_torn |= is_mute;
        if !is_mute && (is_torn || to.write_all(&buffer[..count]).is_err()) {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Looks again and again until it is so; how long that took.
fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: never");
        RUNTIME.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
    }
    start.elapsed()
}

/// How many messages of the test's conversation the server has, asked past the proxy.
fn stored(keyspace: &Keyspace) -> usize {
    let text = format!("SELECT seq FROM {}.messages", keyspace.config.keyspace);
    let session = session();
    let rows = RUNTIME.block_on(async { session.query_unpaged(text, ()).await }).unwrap();
    rows.into_rows_result().unwrap().rows_num()
}

fn connect_through(proxy: &Proxy, keyspace: &Keyspace) -> Arc<CqlClient> {
    let config =
        CqlConfig { contact_points: vec![proxy.address.clone()], ..keyspace.config.clone() };
    RUNTIME.block_on(CqlClient::connect(config, RUNTIME.handle())).unwrap()
}

#[test]
fn an_unanswered_write_is_not_acked_until_it_is_repeated() {
    let (proxy, keyspace) = (Proxy::start(), Keyspace::new());
    let client = connect_through(&proxy, &keyspace);
    let mut driven = open(&client, 1, Arc::new(Fence::always_open()));
    driven.store.commit(Ticket(1), vec![message(1, 9)]);
    assert_eq!(driven.settle(), [Completion::Committed(Ticket(1), Ok(()))]);

    proxy.mute(true);
    driven.store.commit(Ticket(2), vec![message(2, 9)]);
    let landed = until("the write lands", || stored(&keyspace) == 2);
    let opened = until("the breaker opens", || client.breaker().is_open());
    let mut completions = Vec::new();
    driven.turn(&mut completions);
    assert_eq!(completions, [], "it is there, but nobody said so");
    let conversation = Conversation::between(Uid(1), Uid(2)).unwrap();
    let read = Read::Messages { conversation, before: None, limit: 1, bytes_max: 99 };
    let mut other = open(&client, 2, Arc::new(Fence::always_open()));

    proxy.mute(false);
    let closed = until("the breaker closes", || !client.breaker().is_open());
    println!(
        "landed {landed:?}, breaker open {opened:?} after that, closed {closed:?} after the heal"
    );
    assert_eq!(driven.settle(), [Completion::Committed(Ticket(2), Ok(()))]);
    assert_eq!(stored(&keyspace), 2, "the same row again");
    let Row::Message(second) = message(2, 9) else { unreachable!() };
    assert_eq!(other.ask(read), Found::Messages(vec![second]));
    assert!(client.stats().failed() > 0);
}

#[test]
fn an_unanswered_read_is_given_up_and_the_store_goes_on() {
    let (proxy, keyspace) = (Proxy::start(), Keyspace::new());
    let client = connect_through(&proxy, &keyspace);
    let mut driven = open(&client, 1, Arc::new(Fence::always_open()));
    driven.store.commit(Ticket(1), vec![message(1, 9)]);
    driven.settle();
    let conversation = Conversation::between(Uid(1), Uid(2)).unwrap();
    let read = Read::Messages { conversation, before: None, limit: 1, bytes_max: 99 };
    proxy.mute(true);
    driven.store.read(Ticket(2), read);
    assert_eq!(driven.settle(), [Completion::Read(Ticket(2), Err(StoreError::Unavailable))]);
    proxy.mute(false);
    until("the store answers", || {
        driven.store.read(Ticket(3), read);
        matches!(driven.settle()[..], [Completion::Read(_, Ok(Found::Messages(_)))])
    });
}

#[test]
fn what_came_back_while_the_lease_did_not_count_is_held_until_it_does() {
    let keyspace = Keyspace::new();
    let fence = Arc::new(Fence::always_open());
    let mut driven = open(&keyspace.client, 1, fence.clone());
    // The first writes the bound of the ids before; then the second is one statement away from being durable.
    driven.store.commit(Ticket(0), vec![message(1, 9)]);
    driven.settle();
    driven.store.commit(Ticket(1), vec![message(2, 9)]);
    fence.set(Moment(0));
    until("the write lands", || stored(&keyspace) == 2);
    let conversation = Conversation::between(Uid(1), Uid(2)).unwrap();
    let read = Read::Messages { conversation, before: Some(wire::Seq(9)), limit: 1, bytes_max: 99 };
    driven.store.read(Ticket(2), read);
    let mut completions = Vec::new();
    driven.turn(&mut completions);
    assert_eq!(completions, []);
    fence.set(moment().after(600_000));
    let done = driven.settle();
    assert_eq!(done[0], Completion::Committed(Ticket(1), Ok(())));
    assert_eq!(done.len(), 2);
}
