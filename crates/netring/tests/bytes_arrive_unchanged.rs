//! What is sent is what arrives, whatever the sizes, the chunking, and how slowly the peer reads.
//! Random bytes go through an echo; 8 MiB go to a peer with a small receive buffer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use netring::{CloseReason, Config};
use support::{Random, Rig, small};

#[test]
fn an_echo_of_random_sizes_and_chunks() {
    for seed in 1..=4 {
        let (mut rig, addr) = Rig::listening(small());
        rig.echo = true;
        let client = std::thread::spawn(move || {
            let mut random = Random::new(seed);
            let mut stream = TcpStream::connect(addr).unwrap();
            for _ in 0..200 {
                let len = 1 + random.below(20_000);
                let bytes = random.bytes(len);
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(1 + random.below(rest.len()));
                    stream.write_all(now).unwrap();
                    rest = later;
                }
                let mut back = vec![0; len];
                stream.read_exact(&mut back).unwrap();
                assert!(back == bytes, "seed {seed}: {len} bytes came back changed");
            }
        });
        rig.until("the client to leave", |rig| rig.closed.len() == 1);
        client.join().unwrap();
        assert_eq!(rig.closed.values().collect::<Vec<_>>(), [&CloseReason::Eof]);
        rig.drained();
    }
}

#[test]
fn two_net_rings_talk() {
    talk("127.0.0.1:0");
    talk("[::1]:0");
}

fn talk(addr: &str) {
    let mut server = Rig::new(small());
    let addr = server.ring.listen(addr.parse().unwrap(), 128).unwrap();
    server.echo = true;
    let mut client = Rig::new(small());
    let conns: Vec<_> =
        (0..20).map(|_| client.ring.connect(addr, Some(addr.ip())).unwrap()).collect();
    client.until("all to connect", |client| {
        server.turn();
        client.connected.len() == 20
    });
    let mut random = Random::new(7);
    let mut expected = Vec::new();
    for conn in &conns {
        let len = 1 + random.below(50_000);
        let bytes = random.bytes(len);
        client.send(*conn, &bytes);
        client.ring.notify_sent(*conn);
        expected.push(bytes);
    }
    client.until("all echoes", |client| {
        server.turn();
        let whole = |(conn, bytes): (_, &Vec<u8>)| {
            client.data.get(conn).is_some_and(|data| data.len() >= bytes.len())
        };
        conns.iter().zip(&expected).all(whole)
    });
    for (conn, bytes) in conns.iter().zip(&expected) {
        assert!(client.data[conn] == *bytes);
        assert!(client.sent.contains(conn));
        client.ring.close(*conn);
    }
    client.drained();
    assert!(client.closed.values().all(|reason| *reason == CloseReason::Local));
    server.drained();
}

#[test]
fn eight_mebibytes_to_a_slow_reader() {
    const SIZE: usize = 8 << 20;
    let (mut rig, addr) = Rig::listening(small());
    let (mut stream, conn) = rig.accept(addr);
    stream.set_nonblocking(true).unwrap();
    let bytes = Random::new(3).bytes(SIZE);
    rig.send(conn, &bytes);
    rig.ring.notify_sent(conn);
    let mut got = Vec::new();
    let mut piece = [0; 30_000];
    rig.until("all of it", |rig| {
        assert!(rig.ring.outbox_len(conn) <= SIZE);
        if let Ok(count) = stream.read(&mut piece) {
            got.extend_from_slice(&piece[..count]);
        }
        got.len() == SIZE
    });
    assert!(got == bytes);
    assert_eq!((rig.sent.as_slice(), rig.ring.outbox_len(conn)), (&[conn][..], 0));
    assert!(rig.ring.stats().sends > 8, "sent in parts");
    assert_eq!(rig.ring.stats().bytes_out, SIZE as u64);
}

#[test]
fn output_appended_before_close_arrives_and_then_the_end() {
    let (mut rig, addr) = Rig::listening(Config { buffer_count: 2, ..small() });
    let (mut stream, conn) = rig.accept(addr);
    let bytes = Random::new(5).bytes(3 << 20);
    // Unread input at the time of the close must not turn it into a reset.
    stream.write_all(b"more").unwrap();
    rig.send(conn, &bytes);
    rig.ring.close(conn);
    assert!(rig.ring.outbox(conn).is_none(), "closing");
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        got
    });
    rig.until("the close", |rig| rig.closed.contains_key(&conn));
    assert!(reader.join().unwrap() == bytes);
    assert_eq!(rig.closed[&conn], CloseReason::Local);
    rig.drained();
}

#[test]
fn a_half_closed_peer_is_the_end() {
    let (mut rig, addr) = Rig::listening(small());
    let (mut stream, conn) = rig.accept(addr);
    stream.write_all(b"last words").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rig.until("the close", |rig| rig.closed.contains_key(&conn));
    assert_eq!((rig.closed[&conn], &rig.data[&conn][..]), (CloseReason::Eof, &b"last words"[..]));
    rig.drained();
}
