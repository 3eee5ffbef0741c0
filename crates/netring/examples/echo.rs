//! An echo server. `cargo run --release -p netring --example echo -- 127.0.0.1:7000`, then
//! `nc 127.0.0.1 7000`. It shows the loop every user of a net ring has: wait, take events, answer.

use std::net::SocketAddr;

use glommio::{LocalExecutorBuilder, Placement};
use netring::{Config, ConnId, Error, Event, NetRing};

/// A peer that sends and does not read is held back once this much waits for it.
const OUTBOX_SIZE_MAX: usize = 256 * 1024;

fn main() {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".into());
    let outcome = addr
        .parse()
        .map_err(|error| format!("could not read the address {addr}: {error}; give IP:PORT"))
        .and_then(|addr| run(addr).map_err(|error| error.to_string()));
    if let Err(message) = outcome {
        eprintln!("{message}");
        std::process::exit(1);
    }
}

fn run(addr: SocketAddr) -> Result<(), Error> {
    let executor = LocalExecutorBuilder::new(Placement::Unbound)
        .make()
        .expect("glommio needs io_uring and 512 KiB of lockable memory (ulimit -l)");
    executor.run(async {
        let mut ring = NetRing::new(Config::default())?;
        println!("listening on {}", ring.listen(addr, 1_024)?);
        loop {
            ring.wait(None).await?;
            while let Some(event) = ring.next_event() {
                answer(&mut ring, event);
            }
        }
    })
}

fn answer(ring: &mut NetRing, event: Event) {
    match event {
        Event::Data { conn, chunk } => {
            if let Some(outbox) = ring.outbox(conn) {
                outbox.extend_from_slice(chunk.bytes());
                hold_back(ring, conn);
            }
        }
        Event::Sent { conn } => ring.resume(conn),
        Event::ListenerError { error } => eprintln!("could not accept: {error}"),
        Event::Closed { conn, reason } => println!("{conn:?} closed: {reason:?}"),
        Event::Accepted { conn } => println!("{conn:?} accepted"),
        Event::AcceptPaused => println!("full"),
        Event::Connected { .. }
        | Event::ConnectFailed { .. }
        | Event::Ended { .. }
        | Event::Written { .. }
        | Event::Woken => {}
    }
}

fn hold_back(ring: &mut NetRing, conn: ConnId) {
    if ring.outbox_len(conn) > OUTBOX_SIZE_MAX {
        ring.pause(conn);
        ring.notify_sent(conn);
    }
}
