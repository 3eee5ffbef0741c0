//! What a 64-byte echo costs the server: processor time of its thread by round trip, under glommio
//! and without, at 1 and 64 connections. `cargo run --release -p netring --example echo_cost`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use glommio::{LocalExecutorBuilder, Placement};
use netring::{Config, Error, Event, NetRing, Stats, Waker};

const MEASURED: Duration = Duration::from_secs(2);
const MESSAGE: [u8; 64] = [7; 64];

#[derive(Clone, Copy, Debug)]
enum Mode {
    Blocking,
    Glommio,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("mode      conns  us/round trip  round trips/s  enters/rt  sleeps/rt  parks");
    for round in 0..2 {
        for connections in [1, 64] {
            for mode in [Mode::Blocking, Mode::Glommio] {
                measure(mode, connections, round > 0)?;
            }
        }
    }
    Ok(())
}

/// What a server thread reports at its end.
struct Report {
    cpu: Duration,
    stats: Stats,
}

fn measure(mode: Mode, connections: usize, print: bool) -> Result<(), Box<dyn std::error::Error>> {
    let (ready, started) = mpsc::sync_channel(1);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let server = std::thread::spawn(move || match mode {
        Mode::Blocking => serve_blocking(&ready, &stopped),
        Mode::Glommio => serve_in_glommio(&ready, &stopped),
    });
    let (addr, waker) = started.recv()?;
    let start = Instant::now();
    let round_trips = drive(addr, connections)?;
    let seconds = start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Release);
    waker.wake();
    let Report { cpu, stats } = server.join().expect("the server ran")?;
    if print {
        let each = |count: u64| count as f64 / round_trips as f64;
        println!(
            "{:9} {connections:5}  {:13.2}  {:13.0}  {:9.3}  {:9.3}  {}",
            format!("{mode:?}"),
            cpu.as_secs_f64() * 1e6 / round_trips as f64,
            round_trips as f64 / seconds,
            each(stats.enters),
            each(stats.sleeps),
            stats.parks,
        );
    }
    Ok(())
}

fn listen(ready: &mpsc::SyncSender<(SocketAddr, Waker)>) -> Result<NetRing, Error> {
    let mut ring = NetRing::new(Config::default())?;
    let addr = ring.listen(SocketAddr::from(([127, 0, 0, 1], 0)), 128)?;
    ready.send((addr, ring.waker())).expect("the driver waits");
    Ok(ring)
}

fn serve_blocking(
    ready: &mpsc::SyncSender<(SocketAddr, Waker)>,
    stop: &AtomicBool,
) -> Result<Report, Error> {
    let mut ring = listen(ready)?;
    let before = thread_cpu();
    while !stop.load(Ordering::Acquire) {
        ring.wait_blocking(None)?;
        echo(&mut ring);
    }
    Ok(Report { cpu: thread_cpu() - before, stats: ring.stats() })
}

fn serve_in_glommio(
    ready: &mpsc::SyncSender<(SocketAddr, Waker)>,
    stop: &AtomicBool,
) -> Result<Report, Error> {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().expect("an executor");
    executor.run(async {
        let mut ring = listen(ready)?;
        let before = thread_cpu();
        while !stop.load(Ordering::Acquire) {
            ring.wait(None).await?;
            echo(&mut ring);
        }
        Ok(Report { cpu: thread_cpu() - before, stats: ring.stats() })
    })
}

fn echo(ring: &mut NetRing) {
    while let Some(event) = ring.next_event() {
        if let Event::Data { conn, chunk } = event
            && let Some(outbox) = ring.outbox(conn)
        {
            outbox.extend_from_slice(chunk.bytes());
        }
    }
}

/// Keeps one message of each connection under way; returns how many came back.
fn drive(addr: SocketAddr, connections: usize) -> Result<u64, Error> {
    let mut ring = NetRing::new(Config::default())?;
    for _ in 0..connections {
        ring.connect(addr, None)?;
    }
    let start = Instant::now();
    let mut bytes = 0;
    while start.elapsed() < MEASURED {
        ring.wait_blocking(Some(MEASURED))?;
        while let Some(event) = ring.next_event() {
            let (conn, count) = if let Event::Data { conn, chunk } = &event {
                bytes += chunk.bytes().len();
                (*conn, chunk.bytes().len())
            } else if let Event::Connected { conn } = event {
                (conn, MESSAGE.len())
            } else {
                panic!("not in an echo: {event:?}");
            };
            ring.outbox(conn).expect("open").extend_from_slice(&MESSAGE[..count]);
        }
    }
    Ok((bytes / MESSAGE.len()) as u64)
}

/// Processor time of this thread so far, by the kernel's account.
fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("procfs");
    let nanos = text.split(' ').next().and_then(|text| text.parse().ok()).expect("a number first");
    Duration::from_nanos(nanos)
}
