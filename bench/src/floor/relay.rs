//! The loop: what came is read, what it leads to is gathered a connection, and each connection sends once a turn.

use std::convert::Infallible;
use std::mem;
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use wire::{FRAME_BYTES_MAX, Scratch};

use super::connections::{Arrival, Connection, Outboxes, Relay};
use super::frames::on_frame;
use super::limits::{CONNECTIONS_MAX, OUT_BYTES_MAX};
use super::ring::{Event, Ring};
use super::users::{Slot, Users};

/// Serves until the environment fails.
pub fn serve(listener: TcpListener) -> Result<Infallible> {
    let ring = Ring::leak(listener)?;
    let connections = (0..CONNECTIONS_MAX).map(|_| Connection::default()).collect();
    let outboxes = Outboxes { connections, listed: Vec::new() };
    let mut relay = Relay { outboxes, users: Users::default() };
    let (mut scratch, mut events) = (Scratch::default(), Vec::new());
    loop {
        ring.wait(&mut events)?;
        let now_ms = unix_ms();
        for event in events.drain(..) {
            match event {
                Event::Accepted(slot) => *relay.outboxes.at(slot) = Connection::default(),
                Event::Received(slot, chunk) => {
                    let arrival = Arrival { slot, now_ms };
                    let well = read(&mut relay, arrival, ring.bytes(&chunk), &mut scratch);
                    ring.give_back(chunk);
                    if !well {
                        ring.shutdown(slot);
                    }
                }
                Event::Ended(slot) => end(ring, &mut relay, slot),
                Event::Sent(slot, buffer, well) => {
                    sent(ring, &mut relay.outboxes, slot, well.then_some(buffer));
                }
            }
        }
        flush(ring, &mut relay.outboxes);
    }
}

/// Reads the frames that end in a piece; false when the peer must be cut off.
fn read(relay: &mut Relay, arrival: Arrival, piece: &[u8], scratch: &mut Scratch) -> bool {
    let connection = relay.outboxes.at(arrival.slot);
    let mut buffer = mem::take(&mut connection.frames);
    let mut session = mem::take(&mut connection.session);
    let mut frames = buffer.read(piece, FRAME_BYTES_MAX);
    let mut well = true;
    while well && let Some(frame) = frames.next(scratch) {
        let done = frame.and_then(|frame| on_frame(&mut session, &frame, relay, arrival));
        well = done.is_ok();
        if let Err(error) = done {
            eprintln!("connection {}: {error}", arrival.slot);
        }
    }
    let connection = relay.outboxes.at(arrival.slot);
    (connection.frames, connection.session) = (buffer, session);
    well
}

fn end(ring: &mut Ring, relay: &mut Relay, slot: Slot) {
    let connection = relay.outboxes.at(slot);
    connection.ended = true;
    if let Some(uid) = connection.session.uid {
        relay.users.logout(uid, slot);
    }
    if !connection.sending {
        ring.close(slot);
    }
}

/// A send is over; without its buffer the connection broke.
fn sent(ring: &mut Ring, outboxes: &mut Outboxes, slot: Slot, buffer: Option<Vec<u8>>) {
    let connection = outboxes.at(slot);
    connection.sending = false;
    if connection.ended {
        return ring.close(slot);
    }
    let Some(buffer) = buffer else { return ring.shutdown(slot) };
    if connection.out.is_empty() {
        connection.out = buffer;
    } else {
        outboxes.list(slot);
    }
}

/// Sends what each connection has, unless a send of it is on its way.
fn flush(ring: &mut Ring, outboxes: &mut Outboxes) {
    for slot in outboxes.listed.drain(..) {
        let connection = &mut outboxes.connections[slot as usize];
        connection.listed = false;
        if connection.out.len() > OUT_BYTES_MAX {
            connection.out = Vec::new();
            ring.shutdown(slot);
        } else if !connection.sending && !connection.ended && !connection.out.is_empty() {
            connection.sending = true;
            ring.send(slot, mem::take(&mut connection.out));
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
