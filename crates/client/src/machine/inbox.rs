//! Which inbox rows are new, which are known, which are missing. The one place that moves the cursor.
//!
//! It asks for nothing itself: the machine sees in [`Inbox::wants_sync`] that rows are missing.

use crate::Position;
use wire::{InboxSeq, MessageId};

/// Stands for the id of a sync while missed rows are pushed: no request has it.
const PUSHES: u64 = u64::MAX;

pub(super) struct Inbox {
    /// The last row of the unbroken run that is here.
    pub(super) cursor: InboxSeq,
    /// The message there; 0: not known, or none.
    pub(super) message_id: MessageId,
    /// The last row known to exist. At least the cursor.
    head: InboxSeq,
    pub(super) epoch: u64,
    /// Where the sync in flight started.
    sync_from: InboxSeq,
    /// The sync in flight or to be repeated; 0: none.
    pub(super) sync_request_id: u64,
    /// When to ask again.
    pub(super) sync_due_ms: u64,
    /// The application takes nothing for now.
    pub(super) is_held: bool,
}

/// What a pushed row is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The next one; the cursor is on it now.
    Next,
    /// Known already.
    Duplicate,
    /// Rows before it are missing.
    Gap,
    /// Not taken: a sync in flight will bring it, or one after the hold.
    Dropped,
}

impl Inbox {
    pub(super) fn new(position: Position) -> Self {
        let Position { cursor, message_id, inbox_epoch } = position;
        Self {
            cursor,
            message_id,
            head: cursor,
            epoch: inbox_epoch,
            sync_from: cursor,
            sync_request_id: 0,
            sync_due_ms: u64::MAX,
            is_held: false,
        }
    }

    /// Takes the epoch, the head and the cursor from a login's reply: the rows between those two will be pushed. True if
    /// the cursor was of another inbox, and was forgotten.
    pub(super) fn on_login(&mut self, epoch: u64, head: InboxSeq, cursor: InboxSeq) -> bool {
        let is_fresh = self.cursor == InboxSeq(0);
        let is_reset = self.epoch != epoch || cursor < self.cursor;
        if is_reset {
            self.reset(epoch);
        }
        self.go_to(cursor);
        self.head = head.max(cursor);
        // The one that was in flight went with the last connection.
        self.forget_sync();
        is_reset && !is_fresh
    }

    /// What is missing is being pushed: it is asked for only if that stops until `due_ms`.
    pub(super) fn expect_pushes(&mut self, due_ms: u64) {
        if self.head > self.cursor && !self.is_held {
            self.on_sync_asked(PUSHES, due_ms);
        }
    }

    /// Whether rows are being pushed that were missed.
    pub(super) fn expects_pushes(&self) -> bool {
        self.sync_request_id == PUSHES
    }

    /// Another inbox: start from its first row.
    pub(super) fn reset(&mut self, epoch: u64) {
        let position = Position { inbox_epoch: epoch, ..Position::default() };
        *self = Self { is_held: self.is_held, ..Self::new(position) };
    }

    /// The message at the cursor, which just came there.
    pub(super) fn took(&mut self, message_id: MessageId) {
        self.message_id = message_id;
    }

    /// What is there is not known unless [`Inbox::took`] says it.
    fn go_to(&mut self, row: InboxSeq) {
        if row != self.cursor {
            (self.cursor, self.message_id) = (row, MessageId(0));
        }
    }

    pub(super) fn saw_head(&mut self, head: InboxSeq) {
        self.head = self.head.max(head);
    }

    pub(super) fn on_push(&mut self, previous: InboxSeq, row: InboxSeq) -> Pushed {
        self.saw_head(row);
        if row <= self.cursor {
            Pushed::Duplicate
        } else if self.is_held {
            Pushed::Dropped
        } else if previous <= self.cursor {
            self.go_to(row);
            Pushed::Next
        } else if self.sync_request_id != 0 {
            Pushed::Dropped
        } else {
            Pushed::Gap
        }
    }

    /// Takes the row of a message that this device sent: if it is the next one, the cursor moves to
    /// it. Says so.
    pub(super) fn on_own_row(&mut self, row: InboxSeq) -> bool {
        let is_next = row.0.checked_sub(1) == Some(self.cursor.0);
        if is_next {
            self.go_to(row);
            self.saw_head(row);
        }
        is_next
    }

    /// Takes a row of a page. `None`: it was known. If it is new, returns the cursor as it was
    /// before.
    pub(super) fn on_sync_row(&mut self, row: InboxSeq) -> Option<InboxSeq> {
        if row <= self.cursor {
            return None;
        }
        let before = self.cursor;
        self.go_to(row);
        self.saw_head(row);
        Some(before)
    }

    /// Nothing below `tail` is there any more: the cursor goes behind it. Returns the rows between which the inbox has none, if this
    /// device lacks some of those. 0: the server says nothing about it.
    pub(super) fn on_tail(&mut self, tail: InboxSeq) -> Option<(InboxSeq, InboxSeq)> {
        let last_gone = InboxSeq(tail.0.saturating_sub(1)).min(self.head);
        if last_gone <= self.cursor {
            return None;
        }
        let after = self.cursor;
        self.go_to(last_gone);
        Some((after, InboxSeq(last_gone.0.saturating_add(1))))
    }

    /// Whether everything known to exist is here.
    pub(super) fn is_synced(&self) -> bool {
        self.head == self.cursor
    }

    pub(super) fn wants_sync(&self) -> bool {
        self.head > self.cursor && self.sync_request_id == 0 && !self.is_held
    }

    /// Whether this is the sync in flight.
    pub(super) fn is_sync(&self, request_id: u64) -> bool {
        request_id != 0 && request_id == self.sync_request_id
    }

    pub(super) fn on_sync_asked(&mut self, request_id: u64, due_ms: u64) {
        (self.sync_from, self.sync_request_id, self.sync_due_ms) =
            (self.cursor, request_id, due_ms);
    }

    /// No sync is in flight any more.
    pub(super) fn forget_sync(&mut self) {
        (self.sync_request_id, self.sync_due_ms) = (0, u64::MAX);
    }

    /// The whole page was taken. `last` is its last row (0: it was empty), `head` what the server calls its head.
    /// Returns the rows between which the server has none, if it skipped some.
    pub(super) fn on_sync_end(
        &mut self,
        last: InboxSeq,
        head: InboxSeq,
    ) -> Option<(InboxSeq, InboxSeq)> {
        self.forget_sync();
        let is_empty = last <= self.sync_from;
        if !is_empty || self.is_held {
            self.saw_head(head);
            return None;
        }
        // The page is empty, so nothing lies between where the sync started and the server's head.
        // A higher head that was known is older than this page, or will come with the next
        // heartbeat: to believe it would mean to ask for ever.
        let skipped = (head > self.cursor).then_some((self.cursor, head));
        self.go_to(self.cursor.max(head));
        self.head = self.cursor;
        skipped
    }

    pub(super) fn invariants(&self) {
        assert!(self.cursor <= self.head, "the head is at least the cursor");
        assert_eq!(self.sync_request_id == 0, self.sync_due_ms == u64::MAX, "a sync has its time");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn row(row: u64) -> InboxSeq {
        InboxSeq(row)
    }

    fn at(cursor: u64, inbox_epoch: u64) -> Inbox {
        Inbox::new(Position { cursor: row(cursor), inbox_epoch, ..Position::default() })
    }

    #[test]
    fn a_push_is_next_if_its_predecessor_is_here() {
        let mut inbox = at(4, 1);
        assert_eq!(inbox.on_push(row(4), row(5)), Pushed::Next);
        assert_eq!(inbox.on_push(row(4), row(5)), Pushed::Duplicate);
        assert_eq!(inbox.on_push(row(7), row(8)), Pushed::Gap);
        assert_eq!(inbox.cursor, row(5));
        // Rows 6 and 7 were sent by this device.
        assert_eq!(inbox.on_push(row(5), row(8)), Pushed::Next);
        assert!(!inbox.wants_sync());
    }

    #[test]
    fn own_rows_move_the_cursor_only_in_order() {
        let mut inbox = at(4, 1);
        assert!(!inbox.on_own_row(row(6)) && !inbox.on_own_row(row(0)));
        assert_eq!(inbox.cursor, row(4));
        assert!(inbox.on_own_row(row(5)));
        assert_eq!(inbox.cursor, row(5));
    }

    #[test]
    fn a_push_dropped_during_a_sync_is_asked_for_after_it() {
        let mut inbox = at(4, 1);
        assert_eq!(inbox.on_push(row(6), row(7)), Pushed::Gap);
        inbox.on_sync_asked(9, 100);
        assert_eq!(inbox.on_push(row(7), row(8)), Pushed::Dropped);
        for seq in 5..=7 {
            assert_eq!(inbox.on_sync_row(row(seq)), Some(row(seq - 1)));
        }
        assert_eq!(inbox.on_sync_end(row(7), row(7)), None);
        assert!(inbox.wants_sync());
    }

    #[test]
    fn an_empty_page_moves_on_to_the_head_and_says_so() {
        let mut inbox = at(4, 1);
        assert_eq!(inbox.on_push(row(60), row(61)), Pushed::Gap);
        inbox.on_sync_asked(9, 100);
        assert_eq!(inbox.on_sync_end(row(0), row(50)), Some((row(4), row(50))));
        assert_eq!((inbox.cursor, inbox.wants_sync()), (row(50), false));
    }

    #[test]
    fn another_epoch_or_a_shorter_inbox_starts_anew() {
        let mut inbox = at(4, 1);
        assert!(inbox.on_login(2, row(9), row(0)));
        assert_eq!((inbox.cursor, inbox.wants_sync()), (row(0), true));
        let mut inbox = at(4, 1);
        assert!(inbox.on_login(1, row(3), row(0)));
        let mut inbox = at(0, 0);
        assert!(!inbox.on_login(7, row(3), row(0)), "a fresh device forgets nothing");
        let mut inbox = at(0, 0);
        assert!(!inbox.on_login(7, row(3), row(3)), "nor does one that begins at the head");
        assert_eq!((inbox.cursor, inbox.wants_sync()), (row(3), false));
    }

    #[test]
    fn missed_rows_are_asked_for_only_if_their_pushes_stop() {
        let mut inbox = at(4, 1);
        assert!(!inbox.on_login(1, row(6), row(4)));
        inbox.expect_pushes(100);
        assert!(inbox.expects_pushes() && !inbox.wants_sync());
        assert_eq!(inbox.on_push(row(4), row(5)), Pushed::Next);
        assert_eq!(inbox.on_push(row(6), row(7)), Pushed::Dropped);
        inbox.forget_sync();
        assert!(inbox.wants_sync());
    }
}
