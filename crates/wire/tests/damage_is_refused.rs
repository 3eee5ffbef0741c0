//! Bytes that are not what a peer encoded are not read as a frame: cut, flipped, stray, mislabelled.
//!
//! Every frame of a fixed set is damaged in every place, and random frames and bytes in random ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::{AnyFrame, any_frame, read_all, seal, seal_extended};
use wire::{FRAME_BYTES_MAX, FrameError, HEADER_BYTES, Kind};

#[test]
fn a_truncated_frame_is_no_frame() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(1);
        for length in 0..bytes.len() {
            assert_eq!(read_all(&bytes[..length]), Ok(vec![]), "{length} of {frame:?}");
        }
    }
}

/// A cut frame whose header was made to fit.
#[test]
fn a_shortened_archive_is_refused() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(1);
        for length in HEADER_BYTES..bytes.len() {
            let cut = seal(bytes[4], 1, &bytes[HEADER_BYTES..length]);
            let whole = cut == bytes;
            assert_eq!(read_all(&cut).is_ok(), whole, "{length} of {frame:?}");
        }
    }
}

#[test]
fn no_flipped_bit_passes() {
    for frame in AnyFrame::one_of_each() {
        let mut bytes = frame.encode(1);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A length that grew waits for the rest; everything else is an error.
            if let Ok(frames) = read_all(&bytes) {
                assert!(frames.is_empty() && bit < 32, "bit {bit} of {frame:?}");
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

#[test]
fn another_kind_in_the_header_is_refused() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(1);
        for kind in 0..=u8::MAX {
            let known = Kind::ALL.iter().find(|known| **known as u8 == kind);
            let expected = match known {
                // A receiver of this release skips it.
                None => Ok(vec![]),
                Some(_) if kind == bytes[4] => Ok(vec![frame.clone()]),
                Some(known) => Err(FrameError::Archive(*known)),
            };
            assert_eq!(read_all(&seal(kind, 1, &bytes[HEADER_BYTES..])), expected, "{frame:?}");
        }
    }
}

#[test]
fn stray_bytes_are_refused_wherever_they_are() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(1);
        for (at, stray) in (HEADER_BYTES..=bytes.len()).flat_map(|at| [(at, 0), (at, 1)]) {
            let mut payload = bytes[HEADER_BYTES..].to_vec();
            payload.splice(at - HEADER_BYTES..at - HEADER_BYTES, [stray; 8]);
            let read = read_all(&seal(bytes[4], 1, &payload));
            assert!(read.is_err(), "8 times {stray} at {at} of {frame:?}");
        }
    }
}

#[test]
fn every_length_is_judged_before_the_rest_arrives() {
    let mut frame = AnyFrame::one_of_each()[0].encode(1);
    for length in 0..FRAME_BYTES_MAX + 64 {
        let wire_length = u32::try_from(length).unwrap();
        frame[..4].copy_from_slice(&wire_length.to_le_bytes());
        let is_possible = (HEADER_BYTES..=FRAME_BYTES_MAX).contains(&length) && length % 8 == 0;
        let expected = match length {
            _ if !is_possible => Err(FrameError::Length(wire_length, FRAME_BYTES_MAX)),
            _ if length > frame.len() => Ok(vec![]),
            48 => Ok(vec![AnyFrame::one_of_each()[0].clone()]),
            _ => Err(FrameError::Checksum),
        };
        assert_eq!(read_all(&frame), expected, "length {length}");
    }
}

#[test]
fn other_versions_and_flags_are_refused() {
    let frame = AnyFrame::one_of_each()[0].encode(1);
    let with = |at: usize, value| {
        let mut bytes = frame.clone();
        bytes[at] = value;
        read_all(&bytes)
    };
    for version in (0..=u8::MAX).filter(|version| *version != 2) {
        assert_eq!(with(5, version), Err(FrameError::Version(version)));
    }
    for at in [6, 7] {
        assert_eq!(with(at, 1), Err(FrameError::Reserved));
    }
}

/// Every size of an extension in a header, over frames of every kind: it is judged before anything
/// is read, and one that takes bytes from the payload leaves no valid payload.
#[test]
fn every_size_of_an_extension_is_judged() {
    for frame in AnyFrame::one_of_each() {
        let bytes = frame.encode(1);
        let payload = bytes.len() - HEADER_BYTES;
        for size in (0..payload + 16).chain([u32::MAX as usize - 7, u32::MAX as usize]) {
            let wire_size = u32::try_from(size).unwrap();
            let mut claim = bytes.clone();
            claim[20..24].copy_from_slice(&wire_size.to_le_bytes());
            let expected = match size {
                0 => Ok(vec![frame.clone()]),
                _ if size > payload || size % 8 != 0 => Err(FrameError::Extension(wire_size)),
                _ => Err(FrameError::Checksum),
            };
            assert_eq!(read_all(&claim), expected, "extension of {size} in {frame:?}");
        }
        for size in (8..=payload).step_by(8) {
            let (payload, extension) = bytes[HEADER_BYTES..].split_at(payload - size);
            let cut = seal_extended(bytes[4], 1, payload, extension);
            let expected = Err(FrameError::Archive(frame.kind()));
            assert_eq!(read_all(&cut), expected, "extension of {size} in {frame:?}");
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_are_no_frame(bytes in vec(any::<u8>(), 0..2000)) {
        prop_assert!(read_all(&bytes).is_ok_and(|frames| frames.is_empty()) || read_all(&bytes).is_err());
    }

    #[test]
    fn random_damage_is_refused(frame in any_frame(), at in any::<prop::sample::Index>(), by in 1..=u8::MAX) {
        let mut bytes = frame.encode(1);
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        prop_assert!(read_all(&bytes).is_err() || (at < 4 && read_all(&bytes) == Ok(vec![])));
    }
}
