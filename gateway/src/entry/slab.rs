//! Values under keys that are never given twice. It knows nothing of what the values are.

use crate::chunks::Chunks;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU64;

/// Names one value for as long as its slab lives: a life (32 bits, from 1) and a slot (32).
pub struct Key<T> {
    bits: NonZeroU64,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    fn new(life: u32, slot: u32) -> Self {
        let bits = u64::from(life) << 32 | u64::from(slot);
        Self::from_bits(bits).expect("lives count from 1")
    }

    /// The key as a number, to be kept elsewhere; never 0.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.bits.get()
    }

    /// The key that a number was made of. Any number but 0 is safe: one that names nothing finds
    /// nothing.
    #[must_use]
    pub fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(|bits| Self { bits, of: PhantomData })
    }

    fn life(self) -> u32 {
        u32::try_from(self.to_bits() >> 32).expect("32 bits are left")
    }

    fn slot(self) -> u32 {
        u32::try_from(self.to_bits() & u64::from(u32::MAX)).expect("32 bits are left")
    }
}

// Derived, these would ask the same of the value.
impl<T> Copy for Key<T> {}
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<T> Eq for Key<T> {}
impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}
impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}#{})", self.slot(), self.life())
    }
}

/// Values by key.
pub struct Slab<T> {
    slots: Chunks<Slot<T>>,
    /// Slots that were used and are free, by their next key.
    free: Vec<Key<T>>,
    /// Slots that were used.
    used: u32,
    len: usize,
}

struct Slot<T> {
    life: u32,
    value: T,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Chunks::default(), free: Vec::new(), used: 0, len: 0 }
    }
}

impl<T> Slab<T> {
    /// Bytes that a value takes.
    pub const BYTES: usize = Chunks::<Slot<T>>::PLACE_BYTES;

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps a value, and says under which key.
    pub fn insert(&mut self, value: T) -> Key<T> {
        let key = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            Key::new(1, self.used - 1)
        });
        let slot = self.slots.make(key.slot() as usize);
        assert!(slot.is_none(), "a slot's value is taken before the next comes");
        *slot = Some(Slot { life: key.life(), value });
        self.len += 1;
        key
    }

    /// The value, unless it was removed.
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        let slot = self.slot(key)?.as_mut().filter(|slot| slot.life == key.life())?;
        Some(&mut slot.value)
    }

    /// Takes a value out, if it is there.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        let slot = self.slot(key)?.take_if(|slot| slot.life == key.life())?;
        self.len -= 1;
        // A slot that was used 2^32 times is not used again: its keys would come back.
        self.free.extend(key.life().checked_add(1).map(|life| Key::new(life, key.slot())));
        Some(slot.value)
    }

    /// Every key with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        (0..).zip(self.slots.iter()).filter_map(|(at, slot)| {
            let slot = slot?;
            Some((Key::new(slot.life, at), &slot.value))
        })
    }

    fn slot(&mut self, key: Key<T>) -> Option<&mut Option<Slot<T>>> {
        self.slots.get_mut(key.slot() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_one_life_of_a_slot() {
        let mut slab = Slab::default();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(second.slot(), first.slot(), "the slot is used again");
        assert_ne!(second, first);
        assert_eq!(slab.get_mut(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut "second"));
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn a_slot_whose_lives_are_used_up_is_left_alone() {
        let mut slab = Slab::default();
        let key = slab.insert(1);
        slab.remove(key);
        slab.free = vec![Key::new(u32::MAX, 0)];
        let last = slab.insert(2);
        assert_eq!(slab.remove(last), Some(2));
        assert_eq!(slab.insert(3).slot(), 1);
    }

    #[test]
    fn many_are_found_and_every_number_is_safe() {
        let mut slab = Slab::default();
        let keys: Vec<Key<usize>> = (0..10_000).map(|value| slab.insert(value)).collect();
        for (mut value, key) in keys.iter().enumerate() {
            assert_eq!(slab.get_mut(*key), Some(&mut value));
            assert_eq!(Key::from_bits(key.to_bits()), Some(*key));
        }
        assert!(slab.iter().map(|(key, value)| (key, *value)).eq(keys.iter().copied().zip(0..)));
        for bits in [1, u64::MAX, u64::from(u32::MAX) << 32, u64::from(u32::MAX)] {
            assert_eq!(slab.get_mut(Key::from_bits(bits).unwrap()), None);
        }
        assert_eq!(Key::<u8>::from_bits(0), None);
    }
}
