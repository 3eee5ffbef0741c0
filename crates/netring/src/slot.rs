//! What is remembered of a connection, and the array of all of a table. An idle connection is one
//! slot and nothing else. Slots do not know the ring.

use crate::event::CloseReason;
use crate::id::{Key, Op};
use crate::outbox::Outbox;

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Free,
    /// Waiting for a socket or for the peer.
    Dialing,
    Open,
    /// Closed by the caller, with output left to send. What arrives is thrown away.
    Flushing,
    /// Waiting for the operations in flight to come back.
    Closing,
}

/// Operations in flight and other yes-or-no facts of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flags(u16);

impl Flags {
    pub(crate) const RECV: Flags = Flags(1 << 0);
    pub(crate) const RECV_CANCEL: Flags = Flags(1 << 1);
    pub(crate) const SEND: Flags = Flags(1 << 2);
    pub(crate) const SEND_CANCEL: Flags = Flags(1 << 3);
    pub(crate) const DIAL: Flags = Flags(1 << 4);
    pub(crate) const DIAL_CANCEL: Flags = Flags(1 << 5);
    pub(crate) const TIMER: Flags = Flags(1 << 6);
    pub(crate) const TIMER_CANCEL: Flags = Flags(1 << 7);
    pub(crate) const CLOSE: Flags = Flags(1 << 8);
    /// All of the above: the slot is not free while one of them is set.
    const IN_FLIGHT: u16 = (1 << 9) - 1;
    pub(crate) const PAUSED: Flags = Flags(1 << 9);
    /// In the table's list of slots with output.
    pub(crate) const DIRTY: Flags = Flags(1 << 10);
    pub(crate) const NOTIFY_SENT: Flags = Flags(1 << 11);
    /// In the table's list of slots waiting for receive buffers.
    pub(crate) const STARVED: Flags = Flags(1 << 12);
    /// Was never open: its end is a failed connect.
    pub(crate) const DIALED: Flags = Flags(1 << 13);
    /// The peer has said everything: there is nothing to receive.
    pub(crate) const ENDED: Flags = Flags(1 << 14);

    pub(crate) fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }

    pub(crate) fn set(&mut self, flag: Flags) {
        self.0 |= flag.0;
    }

    pub(crate) fn clear(&mut self, flag: Flags) {
        self.0 &= !flag.0;
    }

    /// Clears the flag and says whether it was set.
    pub(crate) fn take(&mut self, flag: Flags) -> bool {
        let was = self.has(flag);
        self.clear(flag);
        was
    }

    pub(crate) fn in_flight(self) -> bool {
        self.0 & Self::IN_FLIGHT != 0
    }
}

/// An operation that can be called back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Dial,
    Recv,
    Send,
}

impl Target {
    pub(crate) fn flag(self) -> Flags {
        match self {
            Target::Dial => Flags::DIAL,
            Target::Recv => Flags::RECV,
            Target::Send => Flags::SEND,
        }
    }

    pub(crate) fn cancel_flag(self) -> Flags {
        match self {
            Target::Dial => Flags::DIAL_CANCEL,
            Target::Recv => Flags::RECV_CANCEL,
            Target::Send => Flags::SEND_CANCEL,
        }
    }

    pub(crate) fn op(self) -> Op {
        match self {
            Target::Dial => Op::Dial,
            Target::Recv => Op::Recv,
            Target::Send => Op::Send,
        }
    }

    pub(crate) fn cancel_op(self) -> Op {
        match self {
            Target::Dial => Op::DialCancel,
            Target::Recv => Op::RecvCancel,
            Target::Send => Op::SendCancel,
        }
    }
}

/// No file yet, or no longer.
const FILE_NONE: u32 = u32::MAX;

/// One connection.
#[derive(Debug)]
pub(crate) struct Slot {
    pub outbox: Option<Box<Outbox>>,
    pub reason: CloseReason,
    generation: u32,
    file: u32,
    pub flags: Flags,
    pub state: State,
}

const _: () = assert!(size_of::<Slot>() <= 32);

impl Slot {
    /// Index in the ring's file table.
    pub(crate) fn file(&self) -> Option<u32> {
        (self.file != FILE_NONE).then_some(self.file)
    }

    pub(crate) fn set_file(&mut self, file: u32) {
        assert!(self.file == FILE_NONE && file != FILE_NONE);
        self.file = file;
    }

    pub(crate) fn take_file(&mut self) -> Option<u32> {
        let file = self.file();
        self.file = FILE_NONE;
        file
    }
}

/// The slots of a table. Grows as connections come, up to `capacity`.
#[derive(Debug)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    capacity: u32,
}

impl Slots {
    pub(crate) fn new(capacity: u32) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), capacity }
    }

    pub(crate) fn used(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn room(&self) -> u32 {
        let grown = u32::try_from(self.used()).expect("a table has at most 2^20 slots");
        self.capacity - grown
    }

    pub(crate) fn insert(&mut self, state: State) -> Option<Key> {
        assert!(state != State::Free);
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            assert!(entry.state == State::Free && !entry.flags.in_flight());
            entry.state = state;
            return Some(Key { slot, generation: entry.generation });
        }
        let slot = u32::try_from(self.slots.len()).expect("a table has at most 2^20 slots");
        if slot >= self.capacity {
            return None;
        }
        let reason = CloseReason::Local;
        let flags = Flags::default();
        let (outbox, generation, file) = (None, 1, FILE_NONE);
        self.slots.push(Slot { outbox, reason, generation, file, flags, state });
        Some(Key { slot, generation: 1 })
    }

    /// The connection, unless it is gone.
    pub(crate) fn get(&self, key: Key) -> Option<&Slot> {
        self.slots
            .get(key.slot as usize)
            .filter(|slot| slot.generation == key.generation && slot.state != State::Free)
    }

    /// The connection, unless it is gone.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots
            .get_mut(key.slot as usize)
            .filter(|slot| slot.generation == key.generation && slot.state != State::Free)
    }

    /// Frees the slot; its generation ends here.
    pub(crate) fn remove(&mut self, key: Key) {
        let slot = self.get_mut(key).expect("only a connection is removed");
        assert!(!slot.flags.in_flight() && slot.file == FILE_NONE && slot.outbox.is_none());
        slot.state = State::Free;
        slot.flags = Flags::default();
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.slot);
    }

    /// Every connection there is.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let used = (0u32..).zip(&self.slots).filter(|(_, slot)| slot.state != State::Free);
        used.map(|(slot, entry)| Key { slot, generation: entry.generation }).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_slot_has_another_generation() {
        let mut slots = Slots::new(1);
        let first = slots.insert(State::Open).unwrap();
        assert!(slots.insert(State::Open).is_none() && slots.room() == 0);
        slots.remove(first);
        assert!(slots.get(first).is_none());
        let second = slots.insert(State::Open).unwrap();
        assert_eq!(second.slot, first.slot);
        assert!(slots.get(first).is_none() && slots.get(second).is_some());
    }
}
