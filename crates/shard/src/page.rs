//! How much of an answer fits: one rule for every store.

use wire::{CHAT_ADDED_BYTES, CHAT_BYTES, MESSAGE_BYTES, PAGE_ROWS_MAX};

use crate::rows::MessageRow;

/// Whether a page may have so many rows.
pub(crate) fn is_limit(rows: usize) -> bool {
    u32::try_from(rows).is_ok_and(|rows| (1..=PAGE_ROWS_MAX).contains(&rows))
}

/// What is left of a page. It knows no rows, only their bytes.
pub struct Page {
    rows: usize,
    bytes: usize,
    is_first: bool,
}

impl Page {
    /// At most `limit` rows and, but for the first row, `bytes_max`.
    pub fn new(limit: usize, bytes_max: usize) -> Self {
        Self { rows: limit, bytes: bytes_max, is_first: true }
    }

    /// No bound.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX, usize::MAX)
    }

    /// Whether no row fits any more, whatever its size.
    pub fn is_full(&self) -> bool {
        self.rows == 0
    }

    /// Takes a message with what it needs beside its body.
    pub fn take_message(&mut self, body: &[u8]) -> bool {
        self.take(body.len() + MESSAGE_BYTES)
    }

    /// Takes a chat with its newest message.
    pub fn take_chat(&mut self, recent: Option<&MessageRow>) -> bool {
        self.take(recent.map_or(0, |row| row.body.len()) + CHAT_BYTES + CHAT_ADDED_BYTES)
    }

    /// Takes a row of so many bytes, or refuses it; the page then ends there.
    fn take(&mut self, bytes: usize) -> bool {
        if self.rows == 0 || (bytes > self.bytes && !self.is_first) {
            self.rows = 0;
            return false;
        }
        self.rows -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
        self.is_first = false;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limit: usize, bytes_max: usize, bodies: &[usize]) -> usize {
        let mut page = Page::new(limit, bytes_max);
        bodies.iter().take_while(|&&bytes| page.take(bytes)).count()
    }

    #[test]
    fn page_ends_at_the_first_row_that_does_not_fit() {
        assert_eq!(taken(0, 100, &[1]), 0);
        assert_eq!(taken(2, 100, &[1, 1, 1]), 2);
        assert_eq!(taken(9, 100, &[60, 40, 1]), 2);
        assert_eq!(taken(9, 100, &[60, 41, 1]), 1);
        assert_eq!(
            taken(9, 100, &[200, 0, 1]),
            2,
            "the first row always fits, and uses the page up"
        );
    }
}
