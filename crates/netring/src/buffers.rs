//! Receive buffers the kernel picks from: a ring of free ones shared with it, and the chunk that
//! holds one until it is read. They do not know whose bytes they hold.
#![allow(unsafe_code, reason = "memory shared with the kernel")]

use std::cell::Cell;
use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;

use crate::limits::BUFFERS_AT_START;

/// The one buffer group of a ring.
pub(crate) const GROUP: u16 = 0;

/// One mapping: the ring of entries first, page aligned, then the buffers. Those beyond `opened` were never used and
/// take no memory.
pub(crate) struct Buffers {
    base: NonNull<u8>,
    map_size: usize,
    data_offset: usize,
    count: u16,
    size: u32,
    /// Buffers that are the kernel's or a chunk's; the rest is for when they run out.
    opened: Cell<u16>,
    /// Where the next free buffer is put; the kernel reads the published copy.
    tail: Cell<u16>,
    /// Buffers the kernel has: published and not yet seen in a completion.
    available: Cell<u16>,
}

impl Buffers {
    pub(crate) fn new(count: u16, size: u32) -> io::Result<Rc<Self>> {
        assert!(count.is_power_of_two() && size > 0);
        let entries_size = usize::from(count) * size_of::<BufRingEntry>();
        let data_offset = entries_size.next_multiple_of(4_096);
        let map_size = data_offset + usize::from(count) * size as usize;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice aliases nothing.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), map_size, protection, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(address.cast::<u8>()).expect("mmap never maps page zero");
        let (opened, tail, available) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let buffers = Self { base, map_size, data_offset, count, size, opened, tail, available };
        buffers.open(BUFFERS_AT_START.min(count));
        Ok(Rc::new(buffers))
    }

    /// They ran out: twice as many, if there are.
    pub(crate) fn grow(&self) {
        self.open(self.opened.get().min(self.count - self.opened.get()));
    }

    fn open(&self, more: u16) {
        let first = self.opened.get();
        for id in first..first + more {
            self.publish(id);
        }
        self.opened.set(first + more);
    }

    /// Address of the entries, to register.
    pub(crate) fn ring_addr(&self) -> u64 {
        self.base.as_ptr() as u64
    }

    pub(crate) fn count(&self) -> u16 {
        self.count
    }

    /// Buffers in use by the kernel or by chunks.
    pub(crate) fn opened(&self) -> u16 {
        self.opened.get()
    }

    /// Buffers the kernel may still pick.
    pub(crate) fn available(&self) -> u16 {
        self.available.get()
    }

    /// Takes over the buffer a completion names. Each completion is passed here once.
    pub(crate) fn take(self: &Rc<Self>, id: u16, len: u32) -> Chunk {
        assert!(
            id < self.opened.get() && len <= self.size,
            "the kernel names a buffer it was given"
        );
        self.available.set(self.available.get() - 1);
        Chunk { buffers: Rc::clone(self), id, len }
    }

    fn data(&self, id: u16) -> *mut u8 {
        let offset = self.data_offset + usize::from(id) * self.size as usize;
        // SAFETY: `id < count`, so the offset lies inside the mapping.
        unsafe { self.base.as_ptr().add(offset) }
    }

    /// Gives a buffer to the kernel.
    fn publish(&self, id: u16) {
        let tail = self.tail.get();
        let entries = self.base.as_ptr().cast::<BufRingEntry>();
        // SAFETY: the masked index is below `count`, so the entry lies inside the mapping, which is
        // page aligned. The kernel does not read an entry beyond the published tail, and this type
        // is neither Send nor Sync, so nobody else touches it now.
        let entry = unsafe { &mut *entries.add(usize::from(tail & (self.count - 1))) };
        entry.set_addr(self.data(id) as u64);
        entry.set_len(self.size);
        entry.set_bid(id);
        self.tail.set(tail.wrapping_add(1));
        self.available.set(self.available.get() + 1);
        // SAFETY: `tail` points at the ring's own 16-bit tail, aligned and inside the mapping; it
        // is shared with the kernel, hence the atomic.
        let shared = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(entries).cast_mut()) };
        shared.store(self.tail.get(), Ordering::Release);
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size; every chunk holds an `Rc`, so none is left. The
        // owning table's `Rc` goes when no receive is in flight, or never (see `NetRing::drop`).
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.map_size) };
    }
}

/// Received bytes in a buffer of the ring, which goes back to the kernel when this is dropped.
/// Holding chunks starves the ring: copy what has to stay.
pub struct Chunk {
    buffers: Rc<Buffers>,
    id: u16,
    len: u32,
}

impl Chunk {
    /// The bytes received, at least one.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the kernel wrote `len` bytes here (the mapping was zeroed before, so all of it is
        // initialised) and does not write again until this chunk, its only owner, is dropped.
        unsafe { std::slice::from_raw_parts(self.buffers.data(self.id), self.len as usize) }
    }

    /// The same, to be changed where they lie.
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; and a chunk owns its buffer alone, so that nobody else has a reference into it while this one
        // lives.
        unsafe { std::slice::from_raw_parts_mut(self.buffers.data(self.id), self.len as usize) }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.buffers.publish(self.id);
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_chunk_returns_its_buffer() {
        let buffers = Buffers::new(4, 64).unwrap();
        assert_eq!(buffers.available(), 4);
        let chunk = buffers.take(2, 5);
        assert_eq!((buffers.available(), chunk.bytes()), (3, &[0u8; 5][..]));
        drop(chunk);
        assert_eq!(buffers.available(), 4);
    }

    #[test]
    fn a_chunk_is_changed_alone() {
        let buffers = Buffers::new(4, 64).unwrap();
        let (mut one, other) = (buffers.take(0, 64), buffers.take(1, 64));
        one.bytes_mut().fill(7);
        assert_eq!((one.bytes(), other.bytes()), (&[7; 64][..], &[0; 64][..]));
    }

    #[test]
    fn buffers_that_ran_out_double_up_to_their_number() {
        let buffers = Buffers::new(BUFFERS_AT_START * 4, 64).unwrap();
        let mut seen = vec![];
        for _ in 0..4 {
            seen.push((buffers.opened(), buffers.available()));
            buffers.grow();
        }
        assert_eq!(
            seen,
            [1, 2, 4, 4].map(|times| (BUFFERS_AT_START * times, BUFFERS_AT_START * times))
        );
    }
}
