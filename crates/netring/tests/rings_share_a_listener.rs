//! Net rings share an address if they mean to, and connections of one host are spread over all of them. How: 400 connections from ports in a
//! row; a fair choice among two leaves a side with under 120 in less than one of 10^15 runs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use netring::{Config, Error};
use support::{Rig, small};

const CONNECTIONS: usize = 400;
const SHARE_MIN: usize = 120;

#[test]
fn connections_of_one_host_reach_every_ring() {
    let config = Config { connections_max: 512, ..small() };
    let (mut first, addr) = Rig::listening(config.clone());
    let mut second = Rig::new(config);
    second.ring.listen_beside(addr, 512).unwrap();
    second.ring.spread(2).unwrap();
    let streams: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let stream = TcpStream::connect(addr).unwrap();
            first.turn();
            second.turn();
            stream
        })
        .collect();
    first.until("every accept", |first| {
        second.turn();
        first.accepted.len() + second.accepted.len() == CONNECTIONS
    });
    let shares = [first.accepted.len(), second.accepted.len()];
    assert!(shares.iter().all(|share| *share >= SHARE_MIN), "{shares:?}");
    drop(streams);
    first.drained();
    second.drained();
}

#[test]
fn a_ring_that_does_not_listen_has_nothing_to_spread() {
    assert!(matches!(Rig::new(small()).ring.spread(2), Err(Error::Ring { .. })));
}

#[test]
fn an_address_has_one_first_listener() {
    let (mut first, addr) = Rig::listening(small());
    let is_refused = |addr| {
        let error = Rig::new(small()).ring.listen(addr, 128).unwrap_err();
        matches!(error, Error::InUse { addr: named } if named == addr)
    };
    assert!(is_refused(addr));
    Rig::new(small()).ring.listen_beside(addr, 128).unwrap();
    let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), addr.port());
    assert!(is_refused(addr) && is_refused(everywhere), "whether or not it is shared");
    let (peer, conn) = first.accept(addr);
    first.ring.close_now(conn);
    first.drained();
    drop(first);
    // The port keeps a trace of the connection for a minute, which stops nobody.
    Rig::new(small()).ring.listen(addr, 128).unwrap();
    drop(peer);
}
