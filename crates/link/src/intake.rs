//! Finds frames in the pieces that TCP delivers: those that lie whole are read in place, others are gathered.
//!
//! It does not know what a frame means, only how long it may be.

use super::frame::{Expected, FrameError, HEADER_BYTES, Header, RawFrame};

/// The unfinished frame of one link.
#[derive(Debug, Default)]
pub(super) struct Intake {
    bytes: Vec<u8>,
    /// The frame in it was handed out by the last call.
    is_done: bool,
}

impl Intake {
    /// The next frame in `piece`, which loses its bytes; `None` when more must come. After an error nothing more can be read.
    pub(super) fn next<'a, 'p: 'a>(
        &'a mut self,
        piece: &mut &'p [u8],
        expected: Expected,
    ) -> Result<Option<RawFrame<'a>>, FrameError> {
        if self.is_done {
            self.bytes.clear();
            self.is_done = false;
        }
        if self.bytes.is_empty()
            && let Some(first) = piece.first_chunk()
        {
            let header = Header::parse(first, expected)?;
            if piece.len() >= header.length {
                let (frame, rest) = piece.split_at(header.length);
                *piece = rest;
                return RawFrame::new(header, frame).map(Some);
            }
        }
        self.take(piece, HEADER_BYTES);
        let Some(first) = self.bytes.first_chunk() else { return Ok(None) };
        let header = Header::parse(first, expected)?;
        self.take(piece, header.length);
        if self.bytes.len() < header.length {
            return Ok(None);
        }
        self.is_done = true;
        RawFrame::new(header, &self.bytes).map(Some)
    }

    /// Bytes that it has allocated: at most twice what came of a frame, and never more than the largest frame so far.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves bytes until `length` are here. The buffer doubles: who announces much and sends little costs little.
    fn take(&mut self, piece: &mut &[u8], length: usize) {
        let missing = length.saturating_sub(self.bytes.len()).min(piece.len());
        let (head, rest) = piece.split_at(missing);
        let needed = self.bytes.len() + missing;
        if needed > self.bytes.capacity() {
            let capacity = needed.max(2 * self.bytes.capacity()).min(length);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(head);
        *piece = rest;
    }
}
