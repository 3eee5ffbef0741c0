//! A wake from another thread always ends a wait, in both kinds of wait; so do data and the end of
//! the timeout. Each wake is answered before the next, so a lost one would hang the test.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use glommio::{LocalExecutorBuilder, Placement};
use netring::limits::TICK_DEFAULT;
use netring::{Event, NetRing, Waker};
use support::{PATIENCE, Random, small};

/// Wakes so many times, each after the one before was seen; before every so many, it lets a random
/// time pass.
struct Pings {
    count: u64,
    delay_every: u64,
}

fn pinger(waker: Waker, asked: Arc<AtomicU64>, answered: Arc<AtomicU64>, pings: Pings) {
    let mut random = Random::new(29);
    for number in 1..=pings.count {
        // A wait parks after one to two ticks without events: wakes hit every point of a wait.
        if number % pings.delay_every == 0 {
            let until = Instant::now() + TICK_DEFAULT.mul_f64(random.below(3_000) as f64 / 1e3);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        }
        asked.store(number, Ordering::Release);
        waker.wake();
        while answered.load(Ordering::Acquire) < number {
            std::thread::yield_now();
        }
    }
}

fn drain(ring: &mut NetRing) -> bool {
    let mut woken = false;
    while let Some(event) = ring.next_event() {
        woken |= matches!(event, Event::Woken);
    }
    woken
}

#[test]
fn a_hundred_thousand_wakes_of_a_blocking_wait() {
    const COUNT: u64 = 100_000;
    let mut ring = NetRing::new(small()).unwrap();
    let (asked, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (waker, ask, answer) = (ring.waker(), Arc::clone(&asked), Arc::clone(&answered));
    let thread = std::thread::spawn(move || {
        pinger(waker, ask, answer, Pings { count: COUNT, delay_every: 1_000 })
    });
    while answered.load(Ordering::Relaxed) < COUNT {
        ring.wait_blocking(Some(PATIENCE)).unwrap();
        if drain(&mut ring) {
            answered.store(asked.load(Ordering::Acquire), Ordering::Release);
        }
    }
    thread.join().unwrap();
    let stats = ring.stats();
    assert!(stats.wakes >= COUNT && stats.sleeps >= 1, "{stats:?}");
}

#[test]
fn a_thousand_wakes_of_a_parked_executor() {
    const COUNT: u64 = 1_000;
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().unwrap();
    executor.run(async {
        let mut ring = NetRing::new(small()).unwrap();
        let (asked, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (waker, ask, answer) = (ring.waker(), Arc::clone(&asked), Arc::clone(&answered));
        let thread = std::thread::spawn(move || {
            pinger(waker, ask, answer, Pings { count: COUNT, delay_every: 1 })
        });
        while answered.load(Ordering::Relaxed) < COUNT {
            ring.wait(Some(PATIENCE)).await.unwrap();
            if drain(&mut ring) {
                answered.store(asked.load(Ordering::Acquire), Ordering::Release);
            }
        }
        thread.join().unwrap();
        assert!(ring.stats().parks > 0, "{:?}", ring.stats());
    });
}

#[test]
fn data_ends_a_parked_wait_and_other_tasks_run_meanwhile() {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().unwrap();
    executor.run(async {
        let mut ring = NetRing::new(small()).unwrap();
        let addr = ring.listen("127.0.0.1:0".parse().unwrap(), 128).unwrap();
        let mut stream = TcpStream::connect(addr).unwrap();
        // The task writes only when the wait has let it run, and the wait ends only by that.
        let writer = glommio::spawn_local(async move {
            for _ in 0..50 {
                glommio::timer::sleep(Duration::from_millis(1)).await;
                stream.write_all(b"ping").unwrap();
            }
            stream
        });
        let mut received = 0;
        while received < 200 {
            ring.wait(None).await.unwrap();
            while let Some(event) = ring.next_event() {
                if let Event::Data { chunk, .. } = event {
                    received += chunk.bytes().len();
                }
            }
        }
        assert!(ring.stats().parks > 0, "{:?}", ring.stats());
        drop(writer.await);
    });
}

#[test]
fn a_busy_ring_does_not_starve_the_executor() {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().unwrap();
    executor.run(async {
        let mut ring = NetRing::new(small()).unwrap();
        let addr = ring.listen("127.0.0.1:0".parse().unwrap(), 128).unwrap();
        let client = std::thread::spawn(move || {
            let mut stream = TcpStream::connect(addr).unwrap();
            let mut byte = [1];
            while stream.write_all(&byte).is_ok() && stream.read_exact(&mut byte).is_ok() {}
        });
        let done = std::rc::Rc::new(std::cell::Cell::new(false));
        let flag = std::rc::Rc::clone(&done);
        let timer = glommio::spawn_local(async move {
            for _ in 0..20 {
                glommio::timer::sleep(Duration::from_millis(1)).await;
            }
            flag.set(true);
        });
        while !done.get() {
            ring.wait(None).await.unwrap();
            while let Some(event) = ring.next_event() {
                if let Event::Data { conn, chunk } = event
                    && let Some(outbox) = ring.outbox(conn)
                {
                    outbox.extend_from_slice(chunk.bytes());
                }
            }
        }
        timer.await;
        drop(ring);
        client.join().unwrap();
    });
}

#[test]
fn timeouts_end_waits() {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().unwrap();
    executor.run(async {
        let mut ring = NetRing::new(small()).unwrap();
        for micros in [0, 10, 200, 5_000] {
            ring.wait(Some(Duration::from_micros(micros))).await.unwrap();
            ring.wait_blocking(Some(Duration::from_micros(micros))).unwrap();
            assert!(ring.next_event().is_none());
        }
    });
}
