//! What idle connections cost: opens both ends of so many in this process, then one byte goes
//! through each. `cargo run --release -p netring --example many_idle -- 100000`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use netring::{Config, Error, Event, NetRing};

/// Half of the 28,232 local ports Linux gives one address by default: it prefers those of one parity
/// and searches long once they are taken.
const PER_ADDRESS: usize = 14_000;
/// Connects under way at once, so that the listener's backlog is never full.
const DIALING_MAX: usize = 256;

fn main() -> Result<(), Error> {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let config = Config { connections_max: count, ..Config::default() };
    let start_size = resident_kib();
    let mut server = NetRing::new(config.clone())?;
    let mut client = NetRing::new(config)?;
    let addr = server.listen(SocketAddr::from(([127, 0, 0, 1], 0)), 1_024)?;
    let empty_size = resident_kib();

    let start = Instant::now();
    let (mut started, mut connected, mut accepted, mut conns) = (0, 0, 0, Vec::new());
    while connected < count || accepted < count {
        while started < count && started - connected < DIALING_MAX {
            let last = u8::try_from(2 + started / PER_ADDRESS).expect("at most 253 addresses");
            conns.push(client.connect(addr, Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))))?);
            started += 1;
        }
        accepted += events(&mut server)?;
        connected += events(&mut client)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let full_size = resident_kib();
    println!("{count} connection pairs in {seconds:.1} s, {:.0}/s", count as f64 / seconds);
    println!("both net rings empty: {} KiB resident", empty_size - start_size);
    let each = (full_size - empty_size) as f64 * 1_024.0 / count as f64;
    println!("per pair: {each:.0} bytes resident in this process");

    let start = Instant::now();
    for conn in conns {
        client.outbox(conn).expect("open").push(1);
    }
    while server.stats().bytes_in < count as u64 {
        events(&mut client)?;
        events(&mut server)?;
    }
    println!("a byte through each: {:.2} s", start.elapsed().as_secs_f64());
    server.invariants();
    client.invariants();
    let start = Instant::now();
    drop(client);
    drop(server);
    println!("both closed: {:.2} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// A turn; how many connections came up.
fn events(ring: &mut NetRing) -> Result<usize, Error> {
    ring.submit()?;
    let mut up = 0;
    while let Some(event) = ring.next_event() {
        match event {
            Event::Accepted { .. } | Event::Connected { .. } => up += 1,
            Event::Data { .. } | Event::AcceptPaused => {}
            Event::ConnectFailed { .. }
            | Event::Sent { .. }
            | Event::Ended { .. }
            | Event::Closed { .. }
            | Event::ListenerError { .. }
            | Event::Written { .. }
            | Event::Woken => panic!("not expected: {event:?}"),
        }
    }
    Ok(up)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("in every status");
    line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number")
}
