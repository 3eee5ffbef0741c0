//! Whatever archive is accepted is, byte for byte, the one that the value encodes to; everything else is an
//! error, never a panic.
//!
//! The headers are right, so that only the check of the archive stands between hostile bytes and the reader.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::{AnyFrame, any_frame, seal, with_raw};
use wire::{HEADER_BYTES, Kind};

/// Whether the frame was accepted.
fn check(bytes: &[u8]) -> bool {
    with_raw(bytes, |raw| {
        let accepted = AnyFrame::accepted_as(&raw);
        let Ok(Some(frame)) = AnyFrame::read(&raw) else {
            assert_eq!(accepted, 0);
            return false;
        };
        assert_eq!(frame.encode(raw.header.request_id), bytes, "{frame:?} has one encoding");
        accepted == 1
    })
}

/// Every byte of every kind's archive set to every value: pointers and lengths get each of their steps.
#[test]
fn every_value_of_every_byte() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(1);
        let mut payload = bytes[HEADER_BYTES..].to_vec();
        assert!(check(&bytes));
        for at in 0..payload.len() {
            let right = payload[at];
            for value in (0..=u8::MAX).step_by(3).chain([1, 0x7f, 0x80, 0xff]) {
                payload[at] = value;
                check(&seal(bytes[4], 1, &payload));
            }
            payload[at] = right;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_archives(kind in select(Kind::ALL), payload in vec(any::<u8>(), 0..600)) {
        check(&seal(kind as u8, 1, &payload));
    }

    /// Mostly zeros and small steps, and the right kind at the end: gets further than noise.
    #[test]
    fn likely_archives(kind in select(Kind::ALL), words in vec(select(&WORDS[..]), 2..80)) {
        let mut payload: Vec<u8> = words.iter().flat_map(|word: &i32| word.to_le_bytes()).collect();
        payload.resize(payload.len().next_multiple_of(8), 0);
        payload.extend_from_slice(&(kind as u64).to_le_bytes());
        check(&seal(kind as u8, 1, &payload));
    }

    #[test]
    fn edited_archives(frame in any_frame(), edits in vec((any::<Index>(), select(&WORDS[..])), 1..4)) {
        let bytes = frame.encode(1);
        let mut payload = bytes[HEADER_BYTES..].to_vec();
        for (at, word) in edits {
            let at = at.index(payload.len() / 4) * 4;
            payload[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        check(&seal(bytes[4], 1, &payload));
    }

    /// A block of the archive copied over another: two lists or strings in one place, messages in another order.
    #[test]
    fn shuffled_archives(frame in any_frame(), from in any::<Index>(), to in any::<Index>(), words in 1..12_usize) {
        let bytes = frame.encode(1);
        let mut payload = bytes[HEADER_BYTES..].to_vec();
        let size = (words * 8).min(payload.len());
        let (from, to) = (from.index(payload.len() - size + 1), to.index(payload.len() - size + 1));
        payload.copy_within(from..from + size, to);
        check(&seal(bytes[4], 1, &payload));
    }
}

/// Steps and lengths that lie near the edges of small archives, and the extremes.
const WORDS: [i32; 20] = [
    0,
    1,
    2,
    4,
    8,
    16,
    104,
    168,
    -1,
    -4,
    -8,
    -16,
    -24,
    -32,
    -40,
    -104,
    -168,
    i32::MIN,
    i32::MAX,
    255,
];
