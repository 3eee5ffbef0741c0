//! Frames of a link to bytes and back: a header of 16 bytes, then an rkyv archive. It does not know their order.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | length of the frame, header included; a multiple of 8 |
//! | 4 | 1 | kind |
//! | 5 | 1 | version of the link |
//! | 6 | 2 | zero |
//! | 8 | 4 | CRC-32 (IEEE) of bytes 0 to 8, then of the payload |
//! | 12 | 4 | zero |
//!
//! Integers are little-endian. The archive's root is the struct, then its kind.

use super::item::Item;
use super::limits::{LINK_ARCHIVE_DEPTH_MAX, LINK_FRAME_BYTES_MAX, LINK_HANDSHAKE_BYTES_MAX};
use crate::cluster::Holder;
use crate::link::handshake::Peer;
use rkyv::api::access_with_context;
use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Failure;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::validation::Validator;
use rkyv::validation::archive::ArchiveValidator;
use rkyv::validation::shared::SharedValidator;
use rkyv::{Archive, Archived, Deserialize, Portable, Serialize};
use std::num::NonZeroUsize;
use wire::Output;

/// Bytes of a frame's header.
pub const HEADER_BYTES: usize = 16;
/// The version of links that this process speaks. Both ends of a link speak the same one.
pub const LINK_VERSION: u8 = 1;

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
    /// The other side speaks another version.
    #[error(
        "link version {0} is not spoken here; this side speaks version {LINK_VERSION}: run the same release on both"
    )]
    Version(u8),
    /// The length is impossible, or too large before or after the handshake.
    #[error("frame length {0} is not a multiple of 8 between the header's and {1}")]
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
    Archive(Kind),
    /// An item names what cannot be: a partition that does not exist, a stranger in a conversation, a page too large.
    #[error("item cannot be meant")]
    Senseless,
}

/// Says what to prove.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub nonce: [u8; 32],
}

/// Proves that the dialer knows the secret, and says who it is.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub cluster: String,
    pub peer: Peer,
    pub nonce: [u8; 32],
    pub mac: [u8; 32],
}

/// Proves that the acceptor knows the secret too.
#[derive(Archive, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    pub holder: Holder,
    pub entry: u16,
    pub mac: [u8; 32],
}

/// Says why not.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub text: String,
}

/// Everything that one side had to say in a turn, or the part of it that fits.
#[derive(Archive, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub items: Vec<Item>,
}

/// A struct that is the payload of one kind of frame.
pub trait Payload: Archive + 'static {
    const KIND: Kind;
}

impl Payload for Challenge {
    const KIND: Kind = Kind::Challenge;
}
impl Payload for Hello {
    const KIND: Kind = Kind::Hello;
}
impl Payload for Welcome {
    const KIND: Kind = Kind::Welcome;
}
impl Payload for Refused {
    const KIND: Kind = Kind::Refused;
}
impl Payload for Batch {
    const KIND: Kind = Kind::Batch;
}

/// The root of every archive.
#[derive(Archive, Serialize)]
struct Tagged<P> {
    payload: P,
    kind: u64,
}

/// A header that was read and found possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the frame, header included.
    pub length: usize,
    pub kind: Kind,
    checksum: u32,
}

impl Header {
    /// Judges a frame by its first bytes, before the rest has come.
    pub fn parse(bytes: &[u8; HEADER_BYTES], bytes_max: usize) -> Result<Self, FrameError> {
        let [l0, l1, l2, l3, kind, version, r0, r1, c0, c1, c2, c3, r2, r3, r4, r5] = *bytes;
        if version != LINK_VERSION {
            return Err(FrameError::Version(version));
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let size = length as usize;
        if size <= HEADER_BYTES || size > bytes_max || !size.is_multiple_of(8) {
            return Err(FrameError::Length(length, bytes_max));
        }
        if [r0, r1, r2, r3, r4, r5] != [0; 6] {
            return Err(FrameError::Reserved);
        }
        let kind = Kind::from_wire(kind).ok_or(FrameError::Kind(kind))?;
        Ok(Self { length: size, kind, checksum: u32::from_le_bytes([c0, c1, c2, c3]) })
    }
}

/// A whole frame whose checksum was right; what it holds is not judged yet. It lies aligned to 8.
#[derive(Clone, Copy, Debug)]
pub struct RawFrame<'a> {
    pub kind: Kind,
    payload: &'a [u8],
}

impl<'a> RawFrame<'a> {
    pub fn new(header: Header, frame: &'a [u8]) -> Result<Self, FrameError> {
        assert_eq!(frame.len(), header.length, "a frame is read whole");
        let is_whole = checksum(frame) == header.checksum;
        let raw = Self { kind: header.kind, payload: &frame[HEADER_BYTES..] };
        if is_whole { Ok(raw) } else { Err(FrameError::Checksum) }
    }

    /// Reads a frame of the handshake. Its bytes are the only ones that encode it.
    pub fn read<P>(&self) -> Result<P, FrameError>
    where
        P: Payload
            + Clone
            + for<'b, 'c> Serialize<HighSerializer<Output<'b>, ArenaHandle<'c>, Failure>>,
        P::Archived: Portable
            + for<'b> CheckBytes<HighValidator<'b, Failure>>
            + Deserialize<P, HighDeserializer<Failure>>,
    {
        let payload = self.open::<P>()?;
        let mut again = Vec::with_capacity(LINK_HANDSHAKE_BYTES_MAX);
        encode(&mut again, payload.clone());
        if again[HEADER_BYTES..] == *self.payload {
            Ok(payload)
        } else {
            Err(FrameError::Archive(P::KIND))
        }
    }

    /// Reads a batch of a peer that proved who it is.
    pub fn read_batch(&self) -> Result<Vec<Item>, FrameError> {
        let Batch { items } = self.open()?;
        if items.iter().all(Item::is_possible) { Ok(items) } else { Err(FrameError::Senseless) }
    }

    fn open<P>(&self) -> Result<P, FrameError>
    where
        P: Payload,
        P::Archived: Portable
            + for<'b> CheckBytes<HighValidator<'b, Failure>>
            + Deserialize<P, HighDeserializer<Failure>>,
    {
        let refused = FrameError::Archive(P::KIND);
        if self.kind != P::KIND {
            return Err(refused);
        }
        let depth_max = NonZeroUsize::new(LINK_ARCHIVE_DEPTH_MAX);
        let archive = ArchiveValidator::with_max_depth(self.payload, depth_max);
        let mut context = Validator::new(archive, SharedValidator::new());
        let root: &Archived<Tagged<P>> =
            access_with_context::<_, _, Failure>(self.payload, &mut context)
                .map_err(|_| refused)?;
        if root.kind != P::KIND as u64 {
            return Err(refused);
        }
        rkyv::deserialize::<P, Failure>(&root.payload).map_err(|_| refused)
    }
}

/// Appends a frame.
///
/// # Panics
/// It is over its bound: the caller bounds names, texts and batches.
pub fn encode<P>(out: &mut Vec<u8>, payload: P)
where
    P: Payload + for<'a, 'b> Serialize<HighSerializer<Output<'a>, ArenaHandle<'b>, Failure>>,
{
    let start = out.len();
    out.resize(start + HEADER_BYTES, 0);
    let tagged = Tagged { payload, kind: P::KIND as u64 };
    rkyv::api::high::to_bytes_in::<_, Failure>(&tagged, Output::after(out))
        .expect("writing to memory does not fail");
    let frame = &mut out[start..];
    let bytes_max =
        if P::KIND == Kind::Batch { LINK_FRAME_BYTES_MAX } else { LINK_HANDSHAKE_BYTES_MAX };
    assert!(frame.len() <= bytes_max && frame.len().is_multiple_of(8), "the caller bounds it");
    let length = u32::try_from(frame.len()).expect("below its bound");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..6].copy_from_slice(&[P::KIND as u8, LINK_VERSION]);
    let checksum = checksum(frame);
    frame[8..12].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..8]);
    hasher.update(&frame[HEADER_BYTES..]);
    hasher.finalize()
}
