//! How far one log's owner may run ahead: W rows that are not committed yet, and W rows back to the oldest without
//! its derived row. What [`super::takeover`] reads rests on both. It does not know what a row holds.

use super::ids::Position;
use std::collections::BTreeSet;

/// The end of one log, as its owner sees it.
#[derive(Debug)]
pub struct LogWindow {
    size: u64,
    head: Position,
    committed: Position,
    /// Stored, above `committed`. At most `size`.
    durable: BTreeSet<Position>,
    /// Appended, but the derived row is not known to be stored. At most twice `size`.
    underived: BTreeSet<Position>,
}

impl LogWindow {
    /// As a takeover left the log: everything up to `head` is committed, the derived rows of `underived` are missing.
    #[must_use]
    pub fn new(size: u64, head: Position, underived: impl IntoIterator<Item = Position>) -> Self {
        assert!(size > 0, "a log has a window");
        let underived: BTreeSet<Position> = underived.into_iter().collect();
        assert!(underived.last().is_none_or(|last| *last <= head), "what is missing was appended");
        Self { size, head, committed: head, durable: BTreeSet::new(), underived }
    }

    /// The last place that a row was given.
    #[must_use]
    pub fn head(&self) -> Position {
        self.head
    }

    /// The last place that anybody may be shown.
    #[must_use]
    pub fn committed(&self) -> Position {
        self.committed
    }

    /// Whether another row may be appended.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight() < self.size && self.lag() < self.size
    }

    /// Rows that were appended and are not committed.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.head.0 - self.committed.0
    }

    /// Places from the oldest row without its derived row up to the head.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.underived.first().map_or(0, |oldest| self.head.0 - oldest.0 + 1)
    }

    /// Gives the next place to a row.
    pub fn append(&mut self) -> Position {
        assert!(self.in_flight() < self.size, "a row was appended without room");
        self.head = self.head.next();
        self.underived.insert(self.head);
        self.head
    }

    /// The row at `position` is stored. It is not committed by that.
    pub fn landed(&mut self, position: Position) {
        assert!(position <= self.head, "what landed was appended");
        if position > self.committed {
            self.durable.insert(position);
        }
    }

    /// Commits the prefix that is stored, if the lease allows it now, and returns what is committed by it, in order.
    /// `may_commit` is [`super::Ownership::may_commit`], asked after the rows came back.
    pub fn commit(&mut self, may_commit: bool) -> Vec<Position> {
        let mut newly = Vec::new();
        while may_commit && self.durable.remove(&self.committed.next()) {
            self.committed = self.committed.next();
            newly.push(self.committed);
        }
        newly
    }

    /// The committed rows whose derived row is to be stored, in order.
    pub fn to_derive(&self) -> impl Iterator<Item = Position> {
        self.underived.range(..=self.committed).copied()
    }

    /// The derived row of `position` is stored.
    pub fn derived(&mut self, position: Position) {
        assert!(position <= self.committed, "only committed rows have derived ones");
        self.underived.remove(&position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Position = Position(10);

    #[test]
    fn commits_in_order_and_only_while_it_may() {
        let mut log = LogWindow::new(4, HEAD, []);
        let [first, second] = [log.append(), log.append()];
        log.landed(second);
        assert_eq!(log.commit(true), []);
        log.landed(first);
        assert_eq!(log.commit(false), []);
        assert_eq!(log.commit(true), [first, second]);
        assert_eq!(log.committed(), second);
    }

    #[test]
    fn has_room_for_its_window_in_flight() {
        let mut log = LogWindow::new(2, HEAD, []);
        let first = log.append();
        log.append();
        assert!(!log.has_room());
        log.landed(first);
        log.commit(true);
        assert!(!log.has_room(), "its derived row is not stored");
        log.derived(first);
        assert!(log.has_room());
    }

    #[test]
    fn a_missing_derived_row_holds_the_log_a_window_later() {
        let mut log = LogWindow::new(2, HEAD, [Position(8)]);
        assert_eq!((log.lag(), log.has_room()), (3, false));
        log.derived(Position(8));
        assert!(log.has_room());
    }
}
