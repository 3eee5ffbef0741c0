//! A record: a head, then items, padded to whole blocks. It knows no files.
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | [`MAGIC`] |
//! | 4..8 | CRC-32 of everything behind, padding excluded |
//! | 8..16 | the segment's salt: bytes of an earlier use of the segment, or of a body, are no record |
//! | 16..24 | its place in the log: blocks written before it since the log was made |
//! | 24..28 | bytes of items |
//! | 28..32 | 1: the commit goes on in the next record |
//! | 32..40 | the latest time in an id of a message up to here, Unix ms |

use super::Buffer;
use super::items::Items;
use crate::store::limits::BLOCK_BYTES;

const MAGIC: u32 = u32::from_le_bytes(*b"LLR1");
/// Bytes of the head.
pub const HEAD_BYTES: usize = 40;

/// One record. The place, the salt and the checksum are set by [`Record::seal`].
#[derive(Debug)]
pub struct Record {
    buffer: Buffer,
    payload_bytes: usize,
    place: u64,
    continues: bool,
    newest_id_ms: u64,
}

/// Blocks that a record takes.
fn blocks(payload_bytes: usize) -> u64 {
    (HEAD_BYTES + payload_bytes).div_ceil(BLOCK_BYTES) as u64
}

impl Record {
    /// Of the items in `buffer`, which begin behind [`HEAD_BYTES`] of room.
    #[must_use]
    pub fn new(mut buffer: Buffer, continues: bool, newest_id_ms: u64) -> Self {
        let payload_bytes = buffer.len() - HEAD_BYTES;
        let len = u32::try_from(payload_bytes).expect("bounded by RECORD_BYTES_MAX");
        let head = buffer.content_mut();
        head[..4].copy_from_slice(&MAGIC.to_le_bytes());
        head[24..28].copy_from_slice(&len.to_le_bytes());
        head[28..32].copy_from_slice(&u32::from(continues).to_le_bytes());
        head[32..HEAD_BYTES].copy_from_slice(&newest_id_ms.to_le_bytes());
        buffer.pad();
        Self { buffer, payload_bytes, place: 0, continues, newest_id_ms }
    }

    /// Gives it its place.
    pub fn seal(&mut self, salt: u64, place: u64) {
        self.place = place;
        let end = HEAD_BYTES + self.payload_bytes;
        let bytes = &mut self.buffer.content_mut()[..end];
        bytes[8..16].copy_from_slice(&salt.to_le_bytes());
        bytes[16..24].copy_from_slice(&place.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Whole blocks, as they are written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.content()
    }

    /// Blocks of it.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        (self.buffer.len() / BLOCK_BYTES) as u64
    }

    /// The place behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.place + self.blocks()
    }

    /// Its last commit goes on in the next record.
    #[must_use]
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// The latest time in an id of a message up to here, Unix ms.
    #[must_use]
    pub fn newest_id_ms(&self) -> u64 {
        self.newest_id_ms
    }

    /// What it carries.
    pub fn items(&self) -> Items<'_> {
        Items::new(&self.bytes()[HEAD_BYTES..HEAD_BYTES + self.payload_bytes])
    }

    /// Its buffer, to be written from.
    pub fn take_buffer(&mut self) -> Buffer {
        std::mem::take(&mut self.buffer)
    }

    /// Its buffer is back.
    pub fn put_buffer(&mut self, buffer: Buffer) {
        self.buffer = buffer;
    }
}

/// A record found in a segment.
#[derive(Clone, Copy, Debug)]
pub struct FoundRecord<'a> {
    /// Its place in the log.
    pub place: u64,
    /// The commit goes on.
    pub continues: bool,
    /// The latest time in an id of a message up to here, Unix ms.
    pub newest_id_ms: u64,
    /// Its items.
    pub payload: &'a [u8],
}

impl<'a> FoundRecord<'a> {
    /// The place behind it.
    pub fn end(&self) -> u64 {
        self.place + blocks(self.payload.len())
    }

    /// What it carries.
    pub fn items(&self) -> Items<'a> {
        Items::new(self.payload)
    }
}

/// The record that begins `bytes`, if one does, whole, under this salt.
pub fn find(bytes: &[u8], salt: u64) -> Option<FoundRecord<'_>> {
    let head = bytes.first_chunk::<HEAD_BYTES>()?;
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    if word(0) != MAGIC || long(8) != salt || word(28) > 1 {
        return None;
    }
    let payload_bytes = usize::try_from(word(24)).ok()?;
    let record = bytes.get(..HEAD_BYTES.checked_add(payload_bytes)?)?;
    (crc32fast::hash(&record[8..]) == word(4)).then(|| FoundRecord {
        place: long(16),
        continues: word(28) == 1,
        newest_id_ms: long(32),
        payload: &record[HEAD_BYTES..],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8], continues: bool) -> Record {
        let mut buffer = Buffer::with_capacity(HEAD_BYTES + payload.len());
        buffer.tail().extend_from_slice(&[0; HEAD_BYTES]);
        buffer.tail().extend_from_slice(payload);
        let mut record = Record::new(buffer, continues, 99);
        record.seal(77, 5);
        record
    }

    #[test]
    fn a_record_is_found_as_it_was_written() {
        for (len, blocks) in [(0, 1), (4_056, 1), (4_057, 2), (9_000, 3)] {
            let record = record(&vec![3; len], len == 0);
            assert_eq!((record.blocks(), record.end()), (blocks, 5 + blocks), "{len}");
            let found = find(record.bytes(), 77).unwrap();
            assert_eq!((found.place, found.end(), found.newest_id_ms), (5, 5 + blocks, 99));
            assert_eq!((found.payload, found.continues), (&vec![3; len][..], len == 0));
        }
    }

    #[test]
    fn a_record_that_is_cut_changed_or_of_another_use_is_none() {
        let record = record(b"0123456789", false);
        let bytes = record.bytes();
        assert!(find(bytes, 78).is_none());
        for len in 0..HEAD_BYTES + 10 {
            assert!(find(&bytes[..len], 77).is_none(), "{len}");
        }
        for at in 0..HEAD_BYTES + 10 {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x10;
            assert!(find(&damaged, 77).is_none(), "{at}");
        }
    }
}
