//! Finds frames in the pieces that TCP delivers.
//!
//! A frame that lies whole and aligned in a piece is read where it lies. One that is split is gathered in a
//! buffer of its own, which exists only while the frame is partial. It does not know what a frame means.

use crate::{FrameError, HEADER_BYTES, Header, RawFrame};
use rkyv::util::AlignedVec;

/// Memory for frames that lie whole but unaligned in a piece; one a core, shared by its connections.
#[derive(Default)]
pub struct Scratch(AlignedVec<8>);

/// The unfinished frame of one connection. Eight bytes while there is none.
#[derive(Default)]
pub struct FrameBuffer {
    partial: Option<Box<Partial>>,
}

#[derive(Default)]
struct Partial {
    bytes: AlignedVec<8>,
    /// Handed out by the last call; forgotten at the next.
    done: bool,
}

impl FrameBuffer {
    /// Reads one piece: frames end in it, and what is left is kept. `frame_bytes_max` bounds what is kept.
    #[inline]
    pub fn read<'a>(&'a mut self, piece: &'a [u8], frame_bytes_max: usize) -> Frames<'a> {
        Frames { buffer: self, piece, frame_bytes_max, copied_bytes: 0 }
    }

    /// Bytes kept of an unfinished frame.
    #[must_use]
    pub fn partial_len(&self) -> usize {
        self.partial.as_ref().map_or(0, |partial| partial.bytes.len())
    }

    /// Bytes allocated for an unfinished frame: its header's or at most twice what arrived of it, and never more
    /// than its length; plus a constant.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let partial = self.partial.as_deref();
        partial.map_or(0, |partial| size_of::<Partial>() + partial.bytes.capacity())
    }
}

/// The frames that end in one piece. Call [`Frames::next`] until it says `None`, or drop the connection.
pub struct Frames<'a> {
    buffer: &'a mut FrameBuffer,
    piece: &'a [u8],
    frame_bytes_max: usize,
    copied_bytes: usize,
}

impl Frames<'_> {
    /// Bytes of the piece copied so far, because their frame is split or lies unaligned.
    #[must_use]
    pub fn copied_bytes(&self) -> usize {
        self.copied_bytes
    }

    /// The next frame, checked but for its archive. After an error nothing more can be read.
    #[allow(
        clippy::should_implement_trait,
        reason = "a frame borrows from the buffer it was gathered in"
    )]
    #[inline]
    pub fn next<'b>(
        &'b mut self,
        scratch: &'b mut Scratch,
    ) -> Option<Result<RawFrame<'b>, FrameError>> {
        if self.buffer.partial.as_ref().is_some_and(|partial| partial.done) {
            self.buffer.partial = None;
        }
        if self.buffer.partial.is_some() || self.piece.len() < HEADER_BYTES {
            return self.gather();
        }
        let header = match Header::parse(first_header(self.piece), self.frame_bytes_max) {
            Ok(header) => header,
            Err(error) => return Some(Err(error)),
        };
        if self.piece.len() < header.length {
            return self.gather();
        }
        let (frame, rest) = self.piece.split_at(header.length);
        self.piece = rest;
        if frame.as_ptr().align_offset(8) == 0 {
            return Some(RawFrame::new(header, frame));
        }
        scratch.0.clear();
        scratch.0.extend_from_slice(frame);
        self.copied_bytes += frame.len();
        Some(RawFrame::new(header, &scratch.0))
    }

    /// Moves bytes from the piece into the partial frame, until it is whole or the piece is empty.
    #[cold]
    fn gather(&mut self) -> Option<Result<RawFrame<'_>, FrameError>> {
        if self.piece.is_empty() {
            return None;
        }
        let partial = self.buffer.partial.get_or_insert_default();
        self.copied_bytes += take(&mut partial.bytes, &mut self.piece, HEADER_BYTES);
        if partial.bytes.len() < HEADER_BYTES {
            return None;
        }
        let header = match Header::parse(first_header(&partial.bytes), self.frame_bytes_max) {
            Ok(header) => header,
            Err(error) => return Some(Err(error)),
        };
        self.copied_bytes += take(&mut partial.bytes, &mut self.piece, header.length);
        if partial.bytes.len() < header.length {
            return None;
        }
        partial.done = true;
        Some(RawFrame::new(header, &partial.bytes))
    }
}

#[inline]
fn first_header(bytes: &[u8]) -> &[u8; HEADER_BYTES] {
    bytes.first_chunk().expect("the caller saw that a header is there")
}

/// Moves bytes from the front of `piece` until `bytes` has `length`; says how many. The buffer doubles, so that a peer which sends
/// single bytes costs no copy a byte, and one which announces much and sends little holds little.
fn take(bytes: &mut AlignedVec<8>, piece: &mut &[u8], length: usize) -> usize {
    let missing = length.saturating_sub(bytes.len()).min(piece.len());
    let (head, rest) = piece.split_at(missing);
    let needed = bytes.len() + missing;
    if needed > bytes.capacity() {
        let capacity = needed.max(2 * bytes.capacity()).max(HEADER_BYTES).min(length);
        bytes.reserve_exact(capacity - bytes.len());
    }
    bytes.extend_from_slice(head);
    *piece = rest;
    missing
}
