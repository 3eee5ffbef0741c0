//! Output of one connection, in two vectors: one the caller appends to, one the kernel is reading.
//! They change places when the kernel is done. An outbox does not know its connection.

use crate::limits::{OUTBOX_KEPT_CAPACITY_MAX, OUTBOX_POOL_MAX, SEND_SIZE_MAX};

/// Bytes to send. Exists only while there are any.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub pending: Vec<u8>,
    /// Not to be touched while a send is in flight: the kernel reads it.
    in_flight: Vec<u8>,
    sent: usize,
}

impl Outbox {
    /// Bytes not yet taken by the kernel.
    pub(crate) fn len(&self) -> usize {
        self.pending.len() + self.in_flight.len() - self.sent
    }

    /// What the next send carries, and empty when there is nothing. No send may be in flight.
    pub(crate) fn next_send(&mut self) -> &[u8] {
        if self.sent == self.in_flight.len() {
            self.in_flight.clear();
            self.sent = 0;
            std::mem::swap(&mut self.pending, &mut self.in_flight);
        }
        let end = self.in_flight.len().min(self.sent + SEND_SIZE_MAX);
        &self.in_flight[self.sent..end]
    }

    /// The kernel took `count` bytes of the last `next_send`.
    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
        assert!(self.sent <= self.in_flight.len(), "the kernel sends no more than it was given");
    }

    fn reset(&mut self) {
        self.sent = 0;
        for buffer in [&mut self.pending, &mut self.in_flight] {
            buffer.clear();
            if buffer.capacity() > OUTBOX_KEPT_CAPACITY_MAX {
                *buffer = Vec::new();
            }
        }
    }
}

/// Outboxes without a connection.
#[derive(Debug, Default)]
#[allow(clippy::vec_box, reason = "slots hold the box: an idle one is a null pointer")]
pub(crate) struct OutboxPool(Vec<Box<Outbox>>);

impl OutboxPool {
    pub(crate) fn take(&mut self) -> Box<Outbox> {
        self.0.pop().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, mut outbox: Box<Outbox>) {
        if self.0.len() < OUTBOX_POOL_MAX {
            outbox.reset();
            self.0.push(outbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_sends_continue_and_then_swap() {
        let mut outbox = Outbox::default();
        outbox.pending.extend(b"abcdef");
        assert_eq!(outbox.next_send(), b"abcdef");
        outbox.advance(4);
        outbox.pending.extend(b"gh");
        assert_eq!((outbox.len(), outbox.next_send()), (4, &b"ef"[..]));
        outbox.advance(2);
        assert_eq!(outbox.next_send(), b"gh");
        outbox.advance(2);
        assert_eq!((outbox.len(), outbox.next_send()), (0, &b""[..]));
    }

    #[test]
    fn the_pool_keeps_no_large_vector() {
        let mut pool = OutboxPool::default();
        let mut outbox = pool.take();
        outbox.pending.reserve(OUTBOX_KEPT_CAPACITY_MAX + 1);
        pool.put(outbox);
        assert_eq!(pool.take().pending.capacity(), 0);
    }
}
