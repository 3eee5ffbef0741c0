//! The fixed header: 24 bytes, little-endian.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | length of the frame, header included; a multiple of 8 |
//! | 4 | 1 | kind |
//! | 5 | 1 | version |
//! | 6 | 2 | flags, zero |
//! | 8 | 8 | request id; a reply carries its request's |
//! | 16 | 4 | checksum: CRC-32 (IEEE) of bytes 0 to 16, then of all from byte 20 on |
//! | 20 | 4 | bytes of the extension at the frame's end; a multiple of 8 |
//!
//! The payload lies between the header and the extension. What a later release adds to a kind goes into its extension; a
//! receiver reads as much of it as it knows, so a frame with more is as good as one without.

use crate::kind::{Kind, NOTES_FROM, VERSION};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 24;

/// A frame that was not accepted. All but `Version` are the peer's fault and end its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The header's version is not served.
    #[error("protocol version {0} is not served; this side speaks version {VERSION}")]
    Version(u8),
    /// The length is below the header's, above the limit, or no multiple of 8.
    #[error("frame length {0} is not a multiple of 8 within the header's size and the limit {1}")]
    Length(u32, usize),
    /// The extension is larger than the frame, or no multiple of 8.
    #[error("an extension of {0} bytes does not fit its frame")]
    Extension(u32),
    /// Bits that must be zero are not.
    #[error("reserved bits of the header are not zero")]
    Reserved,
    /// The checksum does not fit the bytes.
    #[error("frame checksum does not match")]
    Checksum,
    /// The archive is no valid archive of the kind that the header names.
    #[error("payload is not a valid archive of kind {0:?}")]
    Archive(Kind),
}

/// A header that was read and found possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the frame, header included.
    pub length: usize,
    /// What the frame is; `None`: a kind of a later release.
    pub kind: Option<Kind>,
    /// It needs no answer, and may be skipped.
    pub is_note: bool,
    /// Chosen by the requester; 0 where nothing answers.
    pub request_id: u64,
    /// Bytes of the extension.
    pub extension: usize,
    checksum: u32,
}

impl Header {
    /// Reads and checks a header. The checksum is checked by [`Header::check`], once the payload is there.
    ///
    /// # Errors
    /// The version is not served, the length impossible or over `frame_bytes_max`, the extension larger than the frame.
    #[inline]
    pub fn parse(bytes: &[u8; HEADER_BYTES], frame_bytes_max: usize) -> Result<Self, FrameError> {
        let [
            l0,
            l1,
            l2,
            l3,
            kind,
            version,
            f0,
            f1,
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            c0,
            c1,
            c2,
            c3,
            extension @ ..,
        ] = *bytes;
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let size = length as usize;
        if size < HEADER_BYTES || size > frame_bytes_max || !size.is_multiple_of(8) {
            return Err(FrameError::Length(length, frame_bytes_max));
        }
        if [f0, f1] != [0; 2] {
            return Err(FrameError::Reserved);
        }
        let extension = u32::from_le_bytes(extension);
        let extension_size = extension as usize;
        if extension_size > size - HEADER_BYTES || !extension_size.is_multiple_of(8) {
            return Err(FrameError::Extension(extension));
        }
        Ok(Self {
            length: size,
            kind: Kind::from_wire(kind),
            is_note: kind >= NOTES_FROM,
            extension: extension_size,
            request_id: u64::from_le_bytes([i0, i1, i2, i3, i4, i5, i6, i7]),
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }

    /// Checks the checksum over a whole frame.
    ///
    /// # Errors
    /// It does not match.
    #[inline]
    pub fn check(&self, frame: &[u8]) -> Result<(), FrameError> {
        assert_eq!(frame.len(), self.length, "a frame is checked whole");
        if checksum(frame) == self.checksum { Ok(()) } else { Err(FrameError::Checksum) }
    }

    /// Writes the header of a frame whose payload, and an extension of so many bytes, are in place already.
    #[inline]
    pub(crate) fn write(frame: &mut [u8], kind: Kind, request_id: u64, extension: usize) {
        let size = |bytes: usize| u32::try_from(bytes).expect("a frame is far below 4 GiB");
        let (length, extension) = (size(frame.len()), size(extension));
        assert!(frame.len() >= HEADER_BYTES && frame.len().is_multiple_of(8), "frames are aligned");
        frame[0..4].copy_from_slice(&length.to_le_bytes());
        frame[4..8].copy_from_slice(&[kind as u8, VERSION, 0, 0]);
        frame[8..16].copy_from_slice(&request_id.to_le_bytes());
        frame[20..24].copy_from_slice(&extension.to_le_bytes());
        let checksum = checksum(frame);
        frame[16..20].copy_from_slice(&checksum.to_le_bytes());
    }
}

#[inline]
fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..16]);
    hasher.update(&frame[20..]);
    hasher.finalize()
}
