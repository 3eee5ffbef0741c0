//! What a later release adds does not disturb this one: a frame with an extension is read as the one
//! without it, and a frame of a kind that is not known is skipped.
//!
//! Extensions of every kind of frame, in any pieces; every number of a kind that this release does
//! not have.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::{AnyFrame, any_frame, read_all, seal, seal_extended, with_raw};
use wire::{FRAME_BYTES_MAX, FrameBuffer, HEADER_BYTES, Kind, NOTES_FROM, Scratch};

/// The same frame with an extension of `words` numbers.
fn extended(frame: &AnyFrame, words: &[u64]) -> Vec<u8> {
    let bytes = frame.encode(1);
    let extension: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    seal_extended(bytes[4], 1, &bytes[HEADER_BYTES..], &extension)
}

#[test]
fn an_extension_of_any_kind_is_skipped() {
    for frame in AnyFrame::one_of_each() {
        for words in 0..20 {
            let bytes = extended(&frame, &vec![u64::MAX; words]);
            with_raw(&bytes, |raw| {
                assert_eq!(raw.header.extension, words * 8);
                let read = [0, 1, 19].map(|place| raw.extended(place));
                let is_there = [0, 1, 19].map(|place| if place < words { u64::MAX } else { 0 });
                assert_eq!(read, is_there, "what is not there is 0");
            });
            assert_eq!(read_all(&bytes), Ok(vec![frame.clone()]), "{words} words");
        }
    }
}

#[test]
fn a_frame_of_an_unknown_kind_is_skipped() {
    let frame = &AnyFrame::one_of_each()[0];
    let unknown = (0..=u8::MAX).filter(|kind| Kind::from_wire(*kind).is_none());
    for (kind, words) in unknown.flat_map(|kind| [(kind, 0), (kind, 3)]) {
        let bytes = seal_extended(kind, 7, &vec![1; words * 8], &vec![2; words * 16]);
        with_raw(&bytes, |raw| {
            assert_eq!((raw.header.kind, raw.header.request_id), (None, 7));
            assert_eq!(raw.header.is_note, kind >= NOTES_FROM);
            assert_eq!(AnyFrame::accepted_as(&raw), 0, "no known kind takes it as its own");
        });
        let stream = [frame.encode(1), bytes, frame.encode(2)].concat();
        assert_eq!(read_all(&stream), Ok(vec![frame.clone(), frame.clone()]), "{kind:#x}");
    }
}

#[test]
fn known_kinds_are_on_their_side_of_the_notes() {
    let notes: Vec<_> = Kind::ALL.iter().filter(|kind| **kind as u8 >= NOTES_FROM).collect();
    assert_eq!(notes, [&Kind::InboxHead, &Kind::SessionEnd, &Kind::Signal]);
    for kind in Kind::ALL {
        let is_note = with_raw(&seal(*kind as u8, 0, &[]), |raw| raw.header.is_note);
        assert_eq!(is_note, *kind as u8 >= NOTES_FROM, "{kind:?}");
    }
}

proptest! {
    #[test]
    fn any_extensions_in_any_pieces(
        frames in vec((any_frame(), vec(any::<u64>(), 0..9)), 1..6),
        size in 1..200_usize,
    ) {
        let encoded = frames.iter().flat_map(|(frame, words)| extended(frame, words));
        let bytes: Vec<u8> = encoded.collect();
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut seen = vec![];
        for piece in bytes.chunks(size) {
            let mut found = buffer.read(piece, FRAME_BYTES_MAX);
            while let Some(frame) = found.next(&mut scratch) {
                seen.extend(AnyFrame::read(&frame.unwrap()).unwrap());
            }
        }
        let frames: Vec<AnyFrame> = frames.into_iter().map(|(frame, _)| frame).collect();
        prop_assert_eq!(seen, frames);
    }

    #[test]
    fn a_damaged_extension_is_refused(
        frame in any_frame(),
        words in vec(any::<u64>(), 1..9),
        at in any::<prop::sample::Index>(),
        by in 1..=u8::MAX,
    ) {
        let mut bytes = extended(&frame, &words);
        let start = bytes.len() - words.len() * 8;
        let at = start + at.index(words.len() * 8);
        bytes[at] ^= by;
        prop_assert!(read_all(&bytes).is_err());
    }
}
