//! Bytes at an address that direct IO takes.

use std::ops::Range;

use crate::store::limits::BLOCK_BYTES;

/// Grows by appending, and stays aligned to [`BLOCK_BYTES`].
#[derive(Debug, Default)]
pub struct Buffer {
    /// Holds `start` bytes that nobody reads, then the content.
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    /// With room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        let mut bytes: Vec<u8> = Vec::with_capacity(capacity + BLOCK_BYTES);
        let start = bytes.as_ptr().align_offset(BLOCK_BYTES);
        bytes.resize(start, 0);
        Self { bytes, start }
    }

    /// The content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Bytes of content.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Makes room for `more` bytes: moves the content if it must.
    pub fn reserve(&mut self, more: usize) {
        if self.bytes.capacity() - self.bytes.len() < more {
            let mut grown = Self::with_capacity((2 * self.len()).max(self.len() + more));
            grown.bytes.extend_from_slice(self.content());
            *self = grown;
        }
    }

    /// To append to, within what was reserved: a vector that moved would lose its alignment.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// To change what was appended.
    pub fn content_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Fills up with zeros to whole blocks.
    pub fn pad(&mut self) {
        let padding = self.len().next_multiple_of(BLOCK_BYTES) - self.len();
        self.reserve(padding);
        self.bytes.resize(self.bytes.len() + padding, 0);
        assert!(self.content().as_ptr().align_offset(BLOCK_BYTES) == 0, "it never moved by itself");
    }

    /// The vector, and where the content is in it.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Range<usize>) {
        let content = self.start..self.bytes.len();
        (self.bytes, content)
    }

    /// Back from [`Buffer::into_parts`].
    #[must_use]
    pub fn from_parts(bytes: Vec<u8>, content: &Range<usize>) -> Self {
        assert_eq!(content.end, bytes.len(), "the content ends the vector");
        Self { bytes, start: content.start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_stays_aligned_while_it_grows() {
        let mut buffer = Buffer::default();
        let mut expect = Vec::new();
        for round in 0..200u8 {
            buffer.reserve(100);
            buffer.tail().extend_from_slice(&[round; 100]);
            expect.extend_from_slice(&[round; 100]);
            assert_eq!(buffer.content().as_ptr().align_offset(BLOCK_BYTES), 0);
        }
        assert_eq!(buffer.content(), expect);
        buffer.pad();
        assert_eq!(buffer.len(), 5 * BLOCK_BYTES);
        let (bytes, content) = buffer.into_parts();
        assert_eq!(&bytes[content.clone()][..expect.len()], expect);
        assert_eq!(Buffer::from_parts(bytes, &content).len(), 5 * BLOCK_BYTES);
    }
}
