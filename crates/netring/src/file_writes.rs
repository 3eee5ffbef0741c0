//! Writes to files through the same ring, so that a log needs neither another thread nor another
//! wake. They know nothing of connections. Writes under way at the same time may end in any order.
#![allow(unsafe_code, reason = "the kernel reads the buffers")]

use std::io;
use std::os::fd::AsRawFd;

use crate::event::Event;
use crate::file_write::FileWrite;
use crate::id::{Key, Op, Token};
use crate::limits::{FILE_WRITE_SIZE_MAX, FILE_WRITES_MAX};
use crate::uring::Uring;

/// Writes in flight, each at its number.
#[derive(Debug, Default)]
pub(crate) struct FileWrites {
    slots: Vec<Option<Box<FileWrite>>>,
}

impl FileWrites {
    pub(crate) fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    pub(crate) fn start(&mut self, write: FileWrite, uring: &mut Uring) {
        let free = self.slots.iter().position(Option::is_none);
        let index = free.unwrap_or(self.slots.len());
        assert!(index < FILE_WRITES_MAX, "the caller has at most {FILE_WRITES_MAX} in flight");
        if free.is_none() {
            self.slots.push(None);
        }
        let FileWrite { file, offset, buffer, content } = &write;
        let bytes = &buffer[content.clone()];
        assert!(bytes.len() <= FILE_WRITE_SIZE_MAX, "the caller writes at most this at once");
        let slot = u32::try_from(index).expect("below FILE_WRITES_MAX");
        let token = Token::new(Op::Write, Key { slot, generation: 0 });
        // SAFETY: the bytes are on the heap, owned by `write`, which this keeps untouched until the
        // completion (`finish`); `NetRing::drop` waits for that or leaks it.
        unsafe { uring.write(file.as_raw_fd(), bytes, *offset, token) };
        self.slots[index] = Some(Box::new(write));
    }

    pub(crate) fn finish(&mut self, key: Key, result: i32) -> Event {
        let write = self.slots[key.slot as usize].take().expect("a write completes once");
        let result = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
        Event::Written { write, result }
    }

    /// Gives up the memory of writes that the kernel did not give back.
    pub(crate) fn leak(&mut self) {
        std::mem::forget(std::mem::take(&mut self.slots));
    }
}
