//! The two names of a connection: the id callers hold and the token the kernel carries through an
//! operation. Both hold a generation, so that neither reaches a later user of the same slot. They
//! know nothing of what a slot contains.

use std::fmt;

const SLOT_BITS: u32 = 20;
const TABLE_BITS: u32 = 12;
const _: () = assert!(SLOT_BITS + TABLE_BITS == 32);
const _: () = assert!(crate::limits::TABLE_SIZE_MAX == 1 << SLOT_BITS);
const _: () = assert!(crate::limits::TABLES_MAX == 1 << TABLE_BITS);

/// Names one connection of one net ring, for as long as the process lives: generation (32 bits),
/// table (12), slot (20). A slot would have to be reused 2^32 times for an id to return.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(u64);

impl ConnId {
    /// The id of these parts.
    ///
    /// # Panics
    /// A part has too many bits.
    #[must_use]
    pub fn new(table: u16, slot: u32, generation: u32) -> Self {
        assert!(u32::from(table) >> TABLE_BITS == 0 && slot >> SLOT_BITS == 0);
        Self(u64::from(generation) << 32 | u64::from(table) << SLOT_BITS | u64::from(slot))
    }

    /// The id as a number, to be kept elsewhere.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The id a number was made of. Any number is safe: one that names no connection is refused
    /// wherever it is used.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The table. Tables and slots count from 0, and a slot is new only when no earlier one is free:
    /// the two are a place in arrays as dense as the net ring's own.
    #[must_use]
    pub fn table(self) -> usize {
        ((self.0 >> SLOT_BITS) & ((1 << TABLE_BITS) - 1)) as usize
    }

    /// The slot in the table.
    #[must_use]
    pub fn slot(self) -> u32 {
        (self.0 & ((1 << SLOT_BITS) - 1)) as u32
    }

    /// Tells the connections of one slot apart.
    #[must_use]
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn key(self) -> Key {
        Key { slot: self.slot(), generation: self.generation() }
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { slot, generation } = self.key();
        write!(f, "ConnId({}:{slot}#{generation})", self.table())
    }
}

/// A connection within its table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub slot: u32,
    pub generation: u32,
}

/// What an operation in flight is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Op {
    /// One accept, or an accept that goes on.
    Accept,
    AcceptCancel,
    AcceptRetry,
    /// The poll of the wake descriptor.
    Wake,
    /// The parent's poll of a child ring; the slot is the child's table.
    Child,
    /// The parent's timer while it waits.
    Tick,
    /// The close of a file that found no slot.
    Orphan,
    /// A write to a file; the slot is the write's number.
    Write,
    Socket,
    Dial,
    DialCancel,
    Recv,
    RecvCancel,
    Send,
    SendCancel,
    Close,
    Timer,
    TimerCancel,
}

const OPS: [Op; 18] = [
    Op::Accept,
    Op::AcceptCancel,
    Op::AcceptRetry,
    Op::Wake,
    Op::Child,
    Op::Tick,
    Op::Orphan,
    Op::Write,
    Op::Socket,
    Op::Dial,
    Op::DialCancel,
    Op::Recv,
    Op::RecvCancel,
    Op::Send,
    Op::SendCancel,
    Op::Close,
    Op::Timer,
    Op::TimerCancel,
];

/// The `user_data` of an operation: operation (8 bits), slot (24), generation (32).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token(u64);

impl Token {
    pub(crate) fn new(op: Op, key: Key) -> Self {
        Self((op as u64) << 56 | u64::from(key.slot) << 32 | u64::from(key.generation))
    }

    /// An operation that belongs to no connection.
    pub(crate) fn lone(op: Op) -> Self {
        Self::new(op, Key { slot: 0, generation: 0 })
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// Only tokens made by `new` come back from the kernel.
    pub(crate) fn parse(bits: u64) -> (Op, Key) {
        let op = OPS[(bits >> 56) as usize];
        let slot = ((bits >> 32) & 0x00ff_ffff) as u32;
        (op, Key { slot, generation: (bits & 0xffff_ffff) as u32 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_tokens_survive_packing() {
        let id = ConnId::new(4_095, (1 << 20) - 1, u32::MAX - 1);
        assert_eq!(ConnId::from_bits(id.to_bits()), id);
        assert_eq!(id.table(), 4_095);
        assert_eq!(id.key(), Key { slot: (1 << 20) - 1, generation: u32::MAX - 1 });
        assert_eq!(format!("{id:?}"), "ConnId(4095:1048575#4294967294)");
        for op in OPS {
            assert_eq!(Token::parse(Token::new(op, id.key()).bits()), (op, id.key()));
        }
    }
}
