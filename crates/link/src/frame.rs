//! Frames of a link to bytes and back: a header of 12 bytes, then a payload. It does not know what a payload says, nor
//! the order of frames.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | length of the frame, header included |
//! | 4 | 1 | kind |
//! | 5 | 1 | version: [`HANDSHAKE_VERSION`] until the handshake is over, then the one in force |
//! | 6 | 2 | zero |
//! | 8 | 4 | CRC-32 (IEEE) of bytes 0 to 8, then of the payload |
//!
//! Integers are little-endian. The header, and the frames of the handshake, are for ever.

use super::limits::{LINK_FRAME_BYTES_MAX, LINK_HANDSHAKE_BYTES_MAX};
use super::plant::{self, Fault};

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 12;
/// The version in the header of every frame of a handshake, in every release.
pub const HANDSHAKE_VERSION: u8 = 0;

/// What a frame is. The number is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Acceptor: prove who you are. The first frame.
    Challenge = 1,
    /// Dialer: who it is, with proof.
    Hello = 2,
    /// Acceptor: welcome, with proof.
    Welcome = 3,
    /// Acceptor: no, and why. The last frame.
    Refused = 4,
    /// Either side: items.
    Batch = 5,
}

impl Kind {
    fn from_wire(kind: u8) -> Option<Self> {
        let known = [Self::Challenge, Self::Hello, Self::Welcome, Self::Refused, Self::Batch];
        known.into_iter().find(|known| *known as u8 == kind)
    }
}

/// Bytes that are no frame of a link, or none that may come here. They end the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is of another version than the one in force.
    #[error("frame of version {0} where version {1} is in force")]
    Version(u8, u8),
    /// The length is impossible, or too large before or after the handshake.
    #[error("frame length {0} is not between the header's and {1}")]
    Length(u32, usize),
    /// The kind is unknown.
    #[error("frame kind {0} is unknown")]
    Kind(u8),
    /// Bits that must be zero are not.
    #[error("reserved bits of the header are not zero")]
    Reserved,
    /// The bytes were changed on their way.
    #[error("frame checksum does not match")]
    Checksum,
    /// The payload is not what the header says.
    #[error("payload is not a {0:?}")]
    Payload(Kind),
    /// An item names what cannot be: a stranger in a conversation, a page too large.
    #[error("item cannot be meant")]
    Senseless,
}

/// Which frames may come now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) version: u8,
    pub(super) bytes_max: usize,
}

impl Expected {
    pub(super) const HANDSHAKE: Self =
        Self { version: HANDSHAKE_VERSION, bytes_max: LINK_HANDSHAKE_BYTES_MAX };

    pub(super) fn batches(version: u8) -> Self {
        Self { version, bytes_max: LINK_FRAME_BYTES_MAX }
    }
}

/// A header that was read and found possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the frame, header included.
    pub(super) length: usize,
    kind: Kind,
    checksum: u32,
}

impl Header {
    /// Judges a frame by its first bytes, before the rest has come.
    pub(super) fn parse(
        bytes: &[u8; HEADER_BYTES],
        expected: Expected,
    ) -> Result<Self, FrameError> {
        let [l0, l1, l2, l3, kind, version, r0, r1, c0, c1, c2, c3] = *bytes;
        if version != expected.version {
            return Err(FrameError::Version(version, expected.version));
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let size = length as usize;
        if size <= HEADER_BYTES || size > expected.bytes_max {
            return Err(FrameError::Length(length, expected.bytes_max));
        }
        if [r0, r1] != [0; 2] {
            return Err(FrameError::Reserved);
        }
        let kind = Kind::from_wire(kind).ok_or(FrameError::Kind(kind))?;
        Ok(Self { length: size, kind, checksum: u32::from_le_bytes([c0, c1, c2, c3]) })
    }
}

/// A whole frame whose checksum was right; what it holds is not judged yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawFrame<'a> {
    pub(super) kind: Kind,
    pub(super) payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    pub(super) fn new(header: Header, frame: &'a [u8]) -> Result<Self, FrameError> {
        assert_eq!(frame.len(), header.length, "a frame is read whole");
        let is_whole = checksum(frame) == header.checksum || plant::has(Fault::SkipChecksum);
        let raw = Self { kind: header.kind, payload: &frame[HEADER_BYTES..] };
        if is_whole { Ok(raw) } else { Err(FrameError::Checksum) }
    }
}

/// Writes the header of a frame, for which room was left at its beginning.
///
/// # Panics
/// It is over its bound: the caller bounds names, texts and items.
pub(super) fn seal(frame: &mut [u8], kind: Kind, version: u8) {
    let bytes_max =
        if kind == Kind::Batch { LINK_FRAME_BYTES_MAX } else { LINK_HANDSHAKE_BYTES_MAX };
    assert!(frame.len() > HEADER_BYTES && frame.len() <= bytes_max, "the caller bounds it");
    let length = u32::try_from(frame.len()).expect("below its bound");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&[kind as u8, version, 0, 0]);
    let checksum = checksum(frame);
    frame[8..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..8]);
    hasher.update(&frame[HEADER_BYTES..]);
    hasher.finalize()
}
