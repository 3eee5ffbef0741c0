//! Connections come and go by the thousand: each ends exactly once, its id is refused from then on,
//! and slots and buffers all come back. Half of them are closed from here, with data under way.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;

use netring::{CloseReason, Config, ConnId};
use support::{Random, Rig, small};

#[test]
fn churn_confuses_no_id_and_loses_no_buffer() {
    let (mut rig, addr) = Rig::listening(small());
    let mut random = Random::new(23);
    let mut seen = HashSet::new();
    for round in 0..100 {
        let mut streams: Vec<TcpStream> = Vec::new();
        for _ in 0..1 + random.below(60) {
            let mut stream = TcpStream::connect(addr).unwrap();
            if random.below(2) == 0 {
                stream.write_all(&random.bytes(6_000)).unwrap();
            }
            streams.push(stream);
        }
        let before = rig.accepted.len();
        rig.until("the round's accepts", |rig| rig.accepted.len() == before + streams.len());
        let conns: Vec<ConnId> = rig.accepted[before..].to_vec();
        for conn in &conns {
            assert!(seen.insert(*conn), "round {round}: {conn:?} was used before");
            match random.below(4) {
                0 => rig.ring.close_now(*conn),
                1 => rig.ring.close(*conn),
                2 => {
                    rig.send(*conn, b"farewell");
                    rig.ring.close(*conn);
                }
                _ => {}
            }
        }
        drop(streams);
        rig.until("the round's ends", |rig| conns.iter().all(|conn| rig.closed.contains_key(conn)));
        for conn in &conns {
            assert!(rig.ring.outbox(*conn).is_none() && rig.ring.outbox_len(*conn) == 0);
            rig.ring.close_now(*conn);
            rig.ring.pause(*conn);
            rig.ring.resume(*conn);
            rig.ring.notify_sent(*conn);
        }
        rig.drained();
    }
    assert!(seen.len() > 2_000 && rig.closed.len() == seen.len());
    assert!(seen.iter().any(|conn| conn.to_bits() >> 32 > 50), "slots were reused");
    let nobody = ConnId::from_bits(u64::MAX);
    assert!(rig.ring.outbox(nobody).is_none());
}

#[test]
fn a_stale_id_does_not_reach_the_next_user_of_the_slot() {
    let (mut rig, addr) = Rig::listening(Config { connections_max: 1, ..small() });
    let (first, old) = rig.accept(addr);
    drop(first);
    rig.until("the end", |rig| rig.closed.contains_key(&old));
    let (_second, new) = rig.accept(addr);
    assert_ne!(old, new);
    assert!(rig.ring.outbox(old).is_none());
    rig.ring.close_now(old);
    rig.turn();
    assert!(rig.ring.outbox(new).is_some());
    assert_eq!(rig.ring.connections(), 1);
}

#[test]
fn a_refused_connect_fails_with_its_reason() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut rig = Rig::new(small());
    let conn = rig.ring.connect(free, None).unwrap();
    assert!(rig.ring.outbox(conn).is_none(), "not open yet");
    rig.until("the failure", |rig| !rig.failed.is_empty());
    assert_eq!(rig.failed[0].0, conn);
    assert_eq!(rig.failed[0].1.kind(), std::io::ErrorKind::ConnectionRefused);
    let foreign = "192.0.2.1".parse().unwrap();
    rig.ring.connect(free, Some(foreign)).unwrap();
    rig.until("the bind's failure", |rig| rig.failed.len() == 2);
    assert_eq!(rig.failed[1].1.kind(), std::io::ErrorKind::AddrNotAvailable);
    rig.drained();
    assert!(rig.closed.is_empty());
}

#[test]
fn a_connect_closed_early_fails_once() {
    let mut rig = Rig::new(small());
    // Documentation addresses answer nothing, or are refused a route.
    let silent = "192.0.2.1:9".parse().unwrap();
    let early = rig.ring.connect(silent, None).unwrap();
    rig.ring.close_now(early);
    let late = rig.ring.connect(silent, None).unwrap();
    rig.turn();
    rig.ring.close(late);
    rig.until("both failures", |rig| rig.failed.len() == 2);
    rig.drained();
    assert!(rig.closed.is_empty() && rig.connected.is_empty());
}

#[test]
fn a_peer_that_resets_is_told_apart() {
    let (mut rig, addr) = Rig::listening(small());
    let (stream, conn) = rig.accept(addr);
    // Data left unread when a socket closes makes the kernel send a reset.
    rig.send(conn, b"unread");
    rig.ring.notify_sent(conn);
    rig.until("the send", |rig| rig.sent.contains(&conn));
    drop(stream);
    rig.until("the end", |rig| rig.closed.contains_key(&conn));
    assert_eq!(rig.closed[&conn], CloseReason::Reset);
    rig.drained();
}
