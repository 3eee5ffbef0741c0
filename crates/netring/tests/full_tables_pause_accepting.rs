//! Connections beyond one table go to the next, beyond the last they wait in the backlog, and are
//! accepted when one closes. None is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use netring::{Config, Error};
use support::{Rig, small};

fn tables(connections_max: usize, table_size_max: usize) -> Config {
    Config { connections_max, table_size_max, ..small() }
}

#[test]
fn an_overflow_goes_to_the_second_table_and_then_waits() {
    let (mut rig, addr) = Rig::listening(tables(40, 30));
    rig.echo = true;
    let mut streams: Vec<_> = (0..50).map(|_| TcpStream::connect(addr).unwrap()).collect();
    rig.until("a full house", |rig| rig.accepted.len() == 40 && rig.accept_pauses == 1);
    let in_second = rig.accepted.iter().filter(|conn| conn.to_bits() >> 20 & 0xfff == 1).count();
    assert_eq!(in_second, 10);
    assert!(matches!(rig.ring.connect(addr, None), Err(Error::Full { connections_max: 40 })));
    let enters = rig.ring.stats().enters;
    (0..100).for_each(|_| rig.turn());
    assert!(rig.ring.stats().enters - enters < 10, "a full net ring spins");

    // Those in the second table answer while the parent ring alone sleeps.
    for stream in &mut streams[30..40] {
        stream.write_all(b"hello").unwrap();
    }
    rig.until("the echoes", |rig| rig.ring.stats().bytes_out == 50);

    streams.drain(..20);
    rig.until("the rest", |rig| rig.accepted.len() == 50);
    rig.until("the echoes", |rig| rig.ring.stats().bytes_out == 50);
    for stream in &mut streams[10..20] {
        let mut back = [0; 5];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hello");
    }
    drop(streams);
    rig.drained();
    assert_eq!(rig.closed.len(), 50);
}

#[test]
fn one_slot_serves_many_in_turn() {
    let (mut rig, addr) = Rig::listening(tables(1, 1));
    for count in 1..=200 {
        let (_stream, conn) = rig.accept(addr);
        rig.until("the house to be full", |rig| rig.accept_pauses == count);
        rig.ring.close_now(conn);
        rig.until("the end", |rig| rig.closed.len() == count);
    }
    rig.drained();
}

#[test]
fn a_large_table_accepts_by_one_operation_and_then_singly() {
    let mut rig = Rig::new(tables(40, 40));
    let addr = rig.ring.listen("127.0.0.1:0".parse().unwrap(), 8).unwrap();
    assert!(matches!(rig.ring.listen(addr, 8), Err(Error::AlreadyListening)));
    let mut streams = Vec::new();
    for round in 0..3 {
        while streams.len() < 40 {
            streams.push(rig.accept(addr));
        }
        rig.until("the house to be full", |rig| rig.accept_pauses == round + 1);
        streams.drain(..39);
        rig.until("room", |rig| rig.ring.connections() == 1);
    }
    streams.clear();
    rig.drained();
}

#[test]
fn connects_leave_the_accepts_their_slots() {
    let (mut rig, addr) = Rig::listening(tables(40, 20));
    let mut conns = Vec::new();
    while let Ok(conn) = rig.ring.connect(addr, None) {
        conns.push(conn);
        rig.turn();
    }
    rig.until("both ends of all", |rig| rig.connected.len() + rig.failed.len() == conns.len());
    assert!(rig.failed.is_empty(), "{:?}", rig.failed);
    for conn in conns {
        rig.ring.close(conn);
    }
    rig.drained();
}
