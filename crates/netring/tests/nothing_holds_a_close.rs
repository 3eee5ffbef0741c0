//! Closing ends, whatever the peer does: one that does not read holds a close only for the bounded
//! time and a `close_now` not at all, and a dropped net ring leaves neither a port nor a connection.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Read;
use std::net::{TcpListener, TcpStream};

use netring::{CloseReason, Config, Event};
use support::{Rig, small};

const MORE_THAN_THE_KERNEL_TAKES: usize = 64 << 20;

#[test]
fn a_peer_that_does_not_read_is_closed_in_time() {
    let (mut rig, addr) = Rig::listening(small());
    let (_patient, slow) = rig.accept(addr);
    let (_other, now) = rig.accept(addr);
    let (_third, later) = rig.accept(addr);
    for conn in [slow, now, later] {
        rig.send(conn, &vec![1; MORE_THAN_THE_KERNEL_TAKES]);
        rig.turn();
        assert!(rig.ring.outbox_len(conn) > 0);
    }
    rig.ring.close(slow);
    rig.ring.close_now(now);
    rig.ring.close(later);
    rig.ring.close_now(later);
    rig.until("the ends without flush", |rig| rig.closed.len() == 2);
    assert!(!rig.closed.contains_key(&slow));
    rig.drained();
    assert!(rig.closed.values().all(|reason| *reason == CloseReason::Local));
}

#[test]
fn a_peer_that_leaves_ends_a_flush() {
    let (mut rig, addr) = Rig::listening(small());
    let (peer, conn) = rig.accept(addr);
    rig.send(conn, &vec![1; MORE_THAN_THE_KERNEL_TAKES]);
    rig.ring.close(conn);
    rig.turn();
    drop(peer);
    rig.drained();
    assert_eq!(rig.closed[&conn], CloseReason::Local);
}

/// Whoever shuts down its side has read nothing yet of what is said to it at last.
#[test]
fn a_peer_that_shuts_down_its_side_hears_the_last_word() {
    let (mut rig, addr) = Rig::listening(small());
    let (mut peer, conn) = rig.accept(addr);
    let word = vec![3; MORE_THAN_THE_KERNEL_TAKES];
    rig.send(conn, &word);
    rig.ring.close(conn);
    rig.turn();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    let hears = std::thread::spawn(move || std::io::copy(&mut peer, &mut std::io::sink()));
    rig.drained();
    assert_eq!(hears.join().unwrap().unwrap(), word.len() as u64);
    assert_eq!(rig.closed[&conn], CloseReason::Local);
}

#[test]
fn a_half_open_connection_is_kept_where_that_is_wanted() {
    let (mut rig, addr) = Rig::listening(Config { keeps_half_open: true, ..small() });
    let (mut peer, conn) = rig.accept(addr);
    std::io::Write::write_all(&mut peer, b"asked").unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    rig.until("the end of what it says", |rig| rig.ended == [conn]);
    assert_eq!(rig.data[&conn], b"asked");
    // Also where it is told to receive: there is nothing, and no second end.
    rig.ring.pause(conn);
    rig.ring.resume(conn);
    rig.send(conn, b"answered");
    rig.ring.close(conn);
    rig.drained();
    let mut heard = Vec::new();
    peer.read_to_end(&mut heard).unwrap();
    assert_eq!((heard, rig.ended.len()), (b"answered".to_vec(), 1));
    assert_eq!(rig.closed[&conn], CloseReason::Local);
}

#[test]
fn a_dropped_net_ring_leaves_nothing_behind() {
    let (mut rig, addr) = Rig::listening(small());
    let mut peers: Vec<TcpStream> = (0..20).map(|_| rig.accept(addr).0).collect();
    for conn in rig.accepted.clone() {
        rig.send(conn, &vec![2; MORE_THAN_THE_KERNEL_TAKES / 16]);
    }
    rig.turn();
    let mut client = Rig::new(small());
    let outward = client.ring.connect(addr, None).unwrap();
    client.turn();
    assert!(client.ring.outbox(outward).is_none() || !client.connected.is_empty());
    drop(client);
    drop(rig);
    for peer in &mut peers {
        let ended = std::io::copy(peer, &mut std::io::sink());
        assert!(ended.is_ok_and(|count| count > 0), "an end after what the kernel had");
    }
    TcpListener::bind(addr).expect("the port is free");
}

#[test]
fn a_chunk_outlives_its_net_ring() {
    let (mut rig, addr) = Rig::listening(small());
    let (mut peer, _conn) = rig.accept(addr);
    std::io::Write::write_all(&mut peer, b"kept").unwrap();
    let chunk = loop {
        rig.ring.wait_blocking(Some(support::PATIENCE)).unwrap();
        if let Some(Event::Data { chunk, .. }) = rig.ring.next_event() {
            break chunk;
        }
    };
    drop(rig);
    assert_eq!((peer.read(&mut [0; 4]).unwrap(), chunk.bytes()), (0, &b"kept"[..]));
}
