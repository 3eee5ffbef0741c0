//! Acknowledgements of pushes, gathered: so many rows, or so long, or until something else is written anyway. What the
//! server waits for is acknowledged at once. It does not know the rows.

use crate::limits::{ACK_DELAY_MS, ACK_ROWS_MAX};
use wire::frames::PushAck;
use wire::{InboxSeq, encode};

pub(super) struct Acks {
    /// When what is owed is written at the latest; `u64::MAX`: nothing is owed.
    pub(super) due_ms: u64,
    /// Pushed rows that are owed.
    rows: u8,
    rows_max: u8,
}

impl Acks {
    pub(super) fn new() -> Self {
        Self { due_ms: u64::MAX, rows: 0, rows_max: ACK_ROWS_MAX }
    }

    /// Nothing is gathered from here on.
    pub(super) fn set_each(&mut self) {
        self.rows_max = 1;
    }

    /// A pushed row was taken, and the server waits for nothing.
    pub(super) fn owe(&mut self, now_ms: u64) {
        self.rows = self.rows.saturating_add(1);
        let due_ms = if self.rows < self.rows_max { now_ms + ACK_DELAY_MS } else { now_ms };
        self.due_ms = self.due_ms.min(due_ms);
    }

    /// The server waits: it repeats a push, or has more rows than it may push.
    pub(super) fn owe_now(&mut self, now_ms: u64) {
        self.due_ms = self.due_ms.min(now_ms);
    }

    /// The connection is gone; the next login says the cursor.
    pub(super) fn forget(&mut self) {
        (self.due_ms, self.rows) = (u64::MAX, 0);
    }

    /// Writes what is owed, if it is due.
    pub(super) fn write_due(&mut self, cursor: InboxSeq, now_ms: u64, out: &mut Vec<u8>) {
        if self.due_ms <= now_ms {
            self.write(cursor, out);
        }
    }

    /// Writes what is owed: something else is written anyway.
    pub(super) fn write(&mut self, cursor: InboxSeq, out: &mut Vec<u8>) {
        if self.due_ms != u64::MAX {
            encode(out, 0, PushAck { inbox_seq: cursor.0 });
            self.forget();
        }
    }
}
