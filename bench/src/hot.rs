//! The hot pure functions, each run as often as asked. Whoever counts runs two numbers of times and
//! takes the difference, so that what comes before the loop does not count.

use std::hint::black_box;

use link::Item;
use wire::frames::{Push, Send};
use wire::{FRAME_BYTES_MAX, FrameBuffer, Kind, RawFrame, Scratch};

use crate::shards::Shards;
use crate::{links, samples};

/// A function under its name in the baseline.
pub struct Hot {
    /// As in `baseline.toml`.
    pub name: &'static str,
    /// Runs it so many times.
    pub run: fn(u64),
}

/// Every function that is counted.
pub const ALL: &[Hot] = &[
    Hot { name: "wire_encode_send", run: encode_send },
    Hot { name: "wire_encode_send_ack", run: encode_send_ack },
    Hot { name: "wire_encode_push", run: encode_push },
    Hot { name: "wire_read_send", run: read_send },
    Hot { name: "wire_read_push", run: read_push },
    Hot { name: "wire_read_piece_4k", run: read_piece },
    Hot { name: "link_write_send_of_256", run: write_sends },
    Hot { name: "link_write_push_of_256", run: write_pushes },
    Hot { name: "link_read_send_of_256", run: read_sends },
    Hot { name: "link_read_push_of_256", run: read_pushes },
    Hot { name: "shard_message_alone", run: message_alone },
    Hot { name: "shard_message_of_64", run: message_of_64 },
    Hot { name: "shard_message_of_64_two_shards", run: message_of_64_two_shards },
    Hot { name: "shard_login_logout", run: login_logout },
    Hot { name: "shard_sync_page_64", run: sync_page },
];

fn encode_send(calls: u64) {
    let frame = samples::send();
    encode(calls, |out| wire::encode(out, 1, black_box(&frame).clone()));
}

fn encode_send_ack(calls: u64) {
    let frame = samples::send_ack();
    encode(calls, |out| wire::encode(out, 1, black_box(&frame).clone()));
}

fn encode_push(calls: u64) {
    let frame = samples::push();
    encode(calls, |out| wire::encode(out, 0, black_box(&frame).clone()));
}

/// A send buffer is reused, so its growth does not count.
fn encode(calls: u64, append: impl Fn(&mut Vec<u8>)) {
    let mut out = Vec::with_capacity(FRAME_BYTES_MAX);
    for _ in 0..calls {
        out.clear();
        append(&mut out);
        black_box(&out);
    }
}

fn read_send(calls: u64) {
    read(calls, &samples::encoded_send(), |frame| {
        black_box(frame.access::<Send>().expect("a valid send").body.len());
    });
}

fn read_push(calls: u64) {
    read(calls, &samples::encoded_push(), |frame| {
        black_box(frame.access::<Push>().expect("a valid push").message.seq);
    });
}

/// Both kinds that a server gets from a busy client.
fn read_piece(calls: u64) {
    read(calls, &samples::piece(), |frame| {
        if frame.header.kind == Some(Kind::Send) {
            black_box(frame.access::<Send>().expect("a valid send").body.len());
        } else {
            black_box(frame.access::<wire::frames::PushAck>().expect("a valid ack").inbox_seq);
        }
    });
}

/// Reads one piece again and again: header, length, checksum, archive.
fn read(calls: u64, piece: &[u8], mut on_frame: impl FnMut(RawFrame<'_>)) {
    let mut buffer = FrameBuffer::default();
    let mut scratch = Scratch::default();
    for _ in 0..calls {
        let mut frames = buffer.read(black_box(piece), FRAME_BYTES_MAX);
        while let Some(frame) = frames.next(&mut scratch) {
            on_frame(frame.expect("a valid frame"));
        }
    }
}

/// Items of a turn, as on a busy link.
const TURN: usize = 256;

fn write_sends(calls: u64) {
    write_items(calls, &links::send());
}

fn write_pushes(calls: u64) {
    write_items(calls, &links::push());
}

fn read_sends(calls: u64) {
    read_items(calls, &links::send());
}

fn read_pushes(calls: u64) {
    read_items(calls, &links::push());
}

fn write_items(calls: u64, item: &Item) {
    let (mut link, _) = links::open();
    let mut out = Vec::with_capacity(TURN * FRAME_BYTES_MAX / 64);
    for _ in 0..calls.div_ceil(TURN as u64) {
        out.clear();
        (0..TURN).for_each(|_| link.say(black_box(item)));
        link.flush(&mut out);
        black_box(&out);
    }
}

fn read_items(calls: u64, item: &Item) {
    let (mut dialer, mut acceptor) = links::open();
    let (mut turn, mut events) = (Vec::new(), Vec::new());
    (0..TURN).for_each(|_| dialer.say(item));
    dialer.flush(&mut turn);
    for _ in 0..calls.div_ceil(TURN as u64) {
        acceptor.read(black_box(&turn), &mut Vec::new(), &mut events);
        black_box(&events);
        events.clear();
    }
}

/// A message has a step, a commit, an ack and a push for itself.
fn message_alone(calls: u64) {
    let mut shards = Shards::with_pairs(1, 1);
    (0..calls).for_each(|_| shards.messages(1));
}

fn message_of_64(calls: u64) {
    let mut shards = Shards::with_pairs(1, 64);
    (0..calls.div_ceil(64)).for_each(|_| shards.messages(64));
}

/// The sender's inbox is in another shard than the conversation.
fn message_of_64_two_shards(calls: u64) {
    let mut shards = Shards::with_pairs(2, 64);
    (0..calls.div_ceil(64)).for_each(|_| shards.messages(64));
}

fn login_logout(calls: u64) {
    let mut shards = Shards::new(1);
    (0..calls).for_each(|_| shards.login());
}

fn sync_page(calls: u64) {
    let mut shards = Shards::new(1);
    (0..calls).for_each(|_| shards.sync_page(64));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_runs_and_has_a_name_of_its_own() {
        for (index, hot) in ALL.iter().enumerate() {
            (hot.run)(2);
            assert!(ALL[..index].iter().all(|other| other.name != hot.name), "{}", hot.name);
        }
    }
}
