//! A paused connection takes nothing more from its peer and loses nothing; a net ring out of receive
//! buffers goes on when they come back. The peers write without blocking until they cannot.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::net::TcpStream;

use netring::{Config, Event};
use support::{Random, Rig, small};

/// Writes until the kernel takes no more, and a little is taken only now and then.
fn fill(rig: &mut Rig, stream: &mut TcpStream, bytes: &[u8]) -> usize {
    stream.set_nonblocking(true).unwrap();
    let mut written = 0;
    let mut refusals = 0;
    while refusals < 50 {
        match stream.write(&bytes[written..]) {
            Ok(count) => (written, refusals) = (written + count, 0),
            Err(_) => refusals += 1,
        }
        rig.turn();
    }
    written
}

#[test]
fn a_paused_connection_blocks_its_peer_and_loses_nothing() {
    let (mut rig, addr) = Rig::listening(small());
    let (mut stream, conn) = rig.accept(addr);
    rig.ring.pause(conn);
    let bytes = Random::new(11).bytes(32 << 20);
    let written = fill(&mut rig, &mut stream, &bytes);
    assert!(written < bytes.len(), "the peer was never held back");
    let held = rig.data.get(&conn).map_or(0, Vec::len);
    assert!(held < written, "paused and yet all of it was read");
    rig.ring.resume(conn);
    let mut sent = written;
    rig.until("all of it", |rig| {
        sent += stream.write(&bytes[sent..]).unwrap_or(0);
        rig.data.get(&conn).map_or(0, Vec::len) == bytes.len()
    });
    assert!(rig.data[&conn] == bytes);
    drop(stream);
    rig.drained();
}

#[test]
fn pausing_and_resuming_at_random_loses_nothing() {
    let (mut rig, addr) = Rig::listening(small());
    let (mut stream, conn) = rig.accept(addr);
    stream.set_nonblocking(true).unwrap();
    let mut random = Random::new(13);
    let bytes = random.bytes(4 << 20);
    let mut sent = 0;
    rig.until("all of it", |rig| {
        let end = bytes.len().min(sent + 9_000);
        sent += stream.write(&bytes[sent..end]).unwrap_or(0);
        for _ in 0..random.below(3) {
            rig.ring.pause(conn);
            if random.below(2) == 0 {
                rig.turn();
            }
            rig.ring.resume(conn);
        }
        rig.data.get(&conn).map_or(0, Vec::len) == bytes.len()
    });
    assert!(rig.data[&conn] == bytes);
    drop(stream);
    rig.drained();
}

#[test]
fn held_chunks_starve_the_ring_until_they_are_dropped() {
    let (mut rig, addr) = Rig::listening(Config { buffer_count: 4, buffer_size: 1_024, ..small() });
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(rig.accept(addr));
    }
    let bytes = Random::new(17).bytes(10_000);
    for (stream, _) in &mut streams {
        stream.write_all(&bytes).unwrap();
    }
    let mut held = Vec::new();
    while rig.ring.stats().out_of_buffers < 8 {
        rig.ring.wait_blocking(Some(support::PATIENCE)).unwrap();
        while let Some(event) = rig.ring.next_event() {
            if let Event::Data { conn, chunk } = event {
                held.push((conn, chunk));
            }
        }
    }
    assert_eq!((held.len(), rig.ring.buffers()), (4, (0, 4)));
    for (conn, chunk) in held.drain(..) {
        rig.data.entry(conn).or_default().extend_from_slice(chunk.bytes());
    }
    rig.until("all of all", |rig| {
        streams.iter().all(|(_, conn)| rig.data.get(conn).map_or(0, Vec::len) == bytes.len())
    });
    assert!(streams.iter().all(|(_, conn)| rig.data[conn] == bytes));
    drop(streams);
    rig.drained();
}
