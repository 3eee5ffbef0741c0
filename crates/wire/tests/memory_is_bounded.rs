//! A connection holds memory for what arrived of one unfinished frame, at most twice that, and none between frames.
//!
//! The buffer says what it has allocated after each piece.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::{AnyFrame, any_frame, seal};
use wire::{
    FRAME_BEFORE_LOGIN_BYTES_MAX, FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Kind, Scratch,
};

/// Bytes of a partial frame's own fields.
const FIXED_BYTES_MAX: usize = 32;

fn feed(
    buffer: &mut FrameBuffer,
    scratch: &mut Scratch,
    piece: &[u8],
    frame_bytes_max: usize,
) -> bool {
    let mut frames = buffer.read(piece, frame_bytes_max);
    while let Some(frame) = frames.next(scratch) {
        if frame.is_err() {
            return false;
        }
    }
    true
}

#[test]
fn an_announced_length_costs_nothing_until_it_arrives() {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let frame = seal(Kind::Login as u8, 1, &vec![0; FRAME_BEFORE_LOGIN_BYTES_MAX - HEADER_BYTES]);
    assert!(feed(&mut buffer, &mut scratch, &frame[..100], FRAME_BEFORE_LOGIN_BYTES_MAX));
    assert!(buffer.memory_bytes() <= 200 + FIXED_BYTES_MAX, "{}", buffer.memory_bytes());
}

#[test]
fn a_frame_over_the_limit_is_refused_at_its_header() {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let frame = seal(Kind::Send as u8, 1, &vec![0; FRAME_BEFORE_LOGIN_BYTES_MAX]);
    assert!(feed(
        &mut buffer,
        &mut scratch,
        &frame[..HEADER_BYTES - 1],
        FRAME_BEFORE_LOGIN_BYTES_MAX
    ));
    assert!(!feed(
        &mut buffer,
        &mut scratch,
        &frame[HEADER_BYTES - 1..],
        FRAME_BEFORE_LOGIN_BYTES_MAX
    ));
    assert!(buffer.memory_bytes() <= HEADER_BYTES + FIXED_BYTES_MAX);
}

/// Single bytes of the largest frame: the buffer grows a dozen times, not 65,536 times.
#[test]
fn single_bytes_do_not_copy_the_frame_each() {
    let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
    let frame = seal(Kind::Send as u8, 1, &vec![0; FRAME_BYTES_MAX - HEADER_BYTES]);
    let mut sizes = vec![];
    for byte in &frame[..frame.len() - 1] {
        assert!(feed(&mut buffer, &mut scratch, std::slice::from_ref(byte), FRAME_BYTES_MAX));
        sizes.push(buffer.memory_bytes());
    }
    sizes.dedup();
    assert!(sizes.len() <= 14 && sizes.is_sorted(), "{sizes:?}");
    assert!(*sizes.last().unwrap() <= FRAME_BYTES_MAX + FIXED_BYTES_MAX);
    assert!(feed(&mut buffer, &mut scratch, &frame[frame.len() - 1..], FRAME_BYTES_MAX));
    assert_eq!(buffer.memory_bytes(), 0);
}

proptest! {
    #[test]
    fn any_frames_in_any_pieces(frames in vec(any_frame(), 1..8), size in 1..500_usize) {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let bytes: Vec<u8> = frames.iter().flat_map(|frame: &AnyFrame| frame.encode(1)).collect();
        for piece in bytes.chunks(size) {
            prop_assert!(feed(&mut buffer, &mut scratch, piece, FRAME_BYTES_MAX));
            let arrived = buffer.partial_len();
            let bound = if arrived == 0 { 0 } else { HEADER_BYTES.max(2 * arrived) + FIXED_BYTES_MAX };
            prop_assert!(buffer.memory_bytes() <= bound, "{} of {arrived}", buffer.memory_bytes());
        }
    }

    #[test]
    fn noise(pieces in vec(vec(any::<u8>(), 0..100), 0..50)) {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        for piece in pieces {
            if !feed(&mut buffer, &mut scratch, &piece, FRAME_BEFORE_LOGIN_BYTES_MAX) {
                break;
            }
            prop_assert!(buffer.memory_bytes() <= FRAME_BEFORE_LOGIN_BYTES_MAX + FIXED_BYTES_MAX);
        }
    }
}
