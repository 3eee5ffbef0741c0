//! A frame that was encoded is read back as it was, in whatever pieces it arrives and wherever they lie.
//!
//! proptest makes frames of every kind and cuts their bytes anywhere.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use rkyv::util::AlignedVec;
use support::{AnyFrame, any_frame, read_all};
use wire::{FRAME_BYTES_MAX, FrameBuffer, Kind, Scratch};

/// Reads `bytes` in pieces of these sizes, again and again.
fn check(frames: &[AnyFrame], bytes: &[u8], sizes: &[usize]) {
    let (mut buffer, mut scratch, mut seen) = (FrameBuffer::default(), Scratch::default(), vec![]);
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
        rest = after;
        let mut found = buffer.read(piece, FRAME_BYTES_MAX);
        while let Some(frame) = found.next(&mut scratch) {
            let frame = frame.unwrap();
            assert_eq!(frame.header.request_id, seen.len() as u64);
            assert_eq!(AnyFrame::accepted_as(&frame), 1, "a frame is of one kind");
            seen.extend(AnyFrame::read(&frame).unwrap());
        }
    }
    assert_eq!((seen.as_slice(), buffer.partial_len()), (frames, 0));
    assert_eq!(buffer.memory_bytes(), 0, "nothing is kept between frames");
}

fn encode(frames: &[AnyFrame]) -> Vec<u8> {
    frames.iter().zip(0..).flat_map(|(frame, id)| frame.encode(id)).collect()
}

#[test]
fn every_kind_is_tried() {
    let kinds: Vec<u8> = AnyFrame::one_of_each().iter().map(|frame| frame.encode(0)[4]).collect();
    assert_eq!(kinds, Kind::ALL.iter().map(|kind| *kind as u8).collect::<Vec<_>>());
}

#[test]
fn pieces_of_every_size() {
    let frames = AnyFrame::one_of_each();
    let bytes = encode(&frames);
    for size in 1..300 {
        check(&frames, &bytes, &[size]);
    }
}

#[test]
fn every_split_in_two() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(0);
        for split in 1..bytes.len() {
            check(std::slice::from_ref(&frame), &bytes, &[split, bytes.len()]);
        }
    }
}

proptest! {
    #[test]
    fn any_frames_in_any_pieces(frames in vec(any_frame(), 1..8), sizes in vec(1_usize..200, 1..20)) {
        check(&frames, &encode(&frames), &sizes);
    }

    #[test]
    fn any_frames_at_every_alignment(frames in vec(any_frame(), 1..4)) {
        let bytes = encode(&frames);
        for offset in 0..8 {
            let mut memory = AlignedVec::<8>::new();
            memory.extend_from_slice(&vec![0; offset]);
            memory.extend_from_slice(&bytes);
            prop_assert_eq!(&read_all(&memory[offset..]), &Ok(frames.clone()));
        }
    }
}
