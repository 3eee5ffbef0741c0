//! What the generator puts into a message's body: a stamp that says what it is, then filler, all under a
//! CRC. It does not know who checks it.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic |
//! | 4 | 4 | CRC-32 of everything after it |
//! | 8 | 8 | run |
//! | 16 | 8 | sender |
//! | 24 | 8 | recipient, a user or a group |
//! | 32 | 8 | count: dense from 1 for a sender and recipient, or for a group |
//! | 40 | 8 | when it was due, monotonic ns |
//!
//! Little-endian; the filler repeats a pattern that depends on the count.

/// Bytes of the stamp.
pub const STAMP_BYTES: usize = 48;
const MAGIC: [u8; 4] = *b"LLg1";

/// What a body says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which run sent it.
    pub run: u64,
    /// The sender's uid.
    pub from: u64,
    /// The recipient's uid, or the group.
    pub to: u64,
    /// Dense from 1 for a sender and recipient, or for a group.
    pub count: u64,
    /// When it was due, monotonic ns.
    pub due_ns: u64,
}

impl Stamp {
    /// Writes a body of `len` bytes into `out`, which is overwritten.
    ///
    /// # Panics
    /// `len` is below [`STAMP_BYTES`].
    pub fn write(&self, out: &mut Vec<u8>, len: usize) {
        assert!(len >= STAMP_BYTES, "the caller bounds payloads");
        out.clear();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[0; 4]);
        for field in [self.run, self.from, self.to, self.count, self.due_ns] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.resize(len, self.count.to_le_bytes()[0]);
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads a body; `None` if it is not exactly what some generator wrote.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let (head, rest) = body.split_first_chunk::<8>()?;
        let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        if head[..4] != MAGIC || rest.len() < STAMP_BYTES - 8 || crc32fast::hash(rest) != crc {
            return None;
        }
        Some(Self::fields(rest))
    }

    /// Reads the beginning of a body of `len` bytes; `None` if no generator wrote a body that begins so.
    #[must_use]
    pub fn read_beginning(beginning: &[u8], len: usize) -> Option<Self> {
        if !(STAMP_BYTES..=len).contains(&beginning.len()) {
            return None;
        }
        let (stamp, mut whole) = (Self::fields(&beginning[8..]), Vec::new());
        stamp.write(&mut whole, len);
        whole.starts_with(beginning).then_some(stamp)
    }

    fn fields(bytes: &[u8]) -> Self {
        let mut fields = bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let mut next = || fields.next().expect("the caller looks at the length");
        Self { run: next(), from: next(), to: next(), count: next(), due_ns: next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_and_any_flipped_bit_is_noticed() {
        let stamp = Stamp { run: 1, from: 2, to: 3, count: 4, due_ns: 5 };
        let mut body = Vec::new();
        stamp.write(&mut body, 100);
        assert_eq!(body.len(), 100);
        assert_eq!(Stamp::read(&body), Some(stamp));
        for at in 0..body.len() {
            body[at] ^= 1;
            assert_eq!(Stamp::read(&body), None, "byte {at}");
            body[at] ^= 1;
        }
        for len in 0..body.len() {
            assert_eq!(Stamp::read(&body[..len]), None, "cut to {len}");
        }
    }
    #[test]
    fn the_beginning_of_a_body_is_told_from_any_other() {
        let (stamp, mut body) = (Stamp { run: 1, from: 2, to: 3, count: 4, due_ns: 5 }, Vec::new());
        stamp.write(&mut body, 100);
        for len in STAMP_BYTES..=64 {
            assert_eq!(Stamp::read_beginning(&body[..len], 100), Some(stamp));
        }
        assert_eq!(Stamp::read_beginning(&body[..64], 99), None);
        assert_eq!(Stamp::read_beginning(&body[..STAMP_BYTES - 1], 100), None);
        for at in 0..64 {
            body[at] ^= 1;
            assert_eq!(Stamp::read_beginning(&body[..64], 100), None, "byte {at}");
            body[at] ^= 1;
        }
    }
}
