//! Polls under way: from which row on, and how long each waits for the next. It knows no session and no row.

use super::session::SessionKey;
use std::collections::{BTreeSet, HashMap};
use wire::InboxSeq;

/// One poll.
#[derive(Clone, Copy, Debug)]
struct Poll {
    cursor: InboxSeq,
    wait_ms: u64,
    /// Until when it waits; none: it has asked for a page.
    until_ms: Option<u64>,
    /// Something came behind the page that it has asked for.
    has_news: bool,
}

/// What a poll does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is answered with what came.
    Answer,
    /// It asks for the page behind this row.
    Ask(InboxSeq),
    /// It waits.
    Wait,
}

/// The polls of an entry.
#[derive(Debug, Default)]
pub(super) struct Polls {
    under_way: HashMap<SessionKey, Poll>,
    /// Those that wait, by their ends.
    waiting: BTreeSet<(u64, u64)>,
}

impl Polls {
    /// A poll begins, behind this row. It asks for a page first, and may then wait so long.
    pub fn begin(&mut self, key: SessionKey, cursor: InboxSeq, wait_ms: u64) {
        let poll = Poll { cursor, wait_ms, until_ms: None, has_news: false };
        let before = self.under_way.insert(key, poll);
        assert!(before.is_none(), "a connection is answered before it polls again");
    }

    /// A poll is answered, or nobody is there for an answer.
    pub fn end(&mut self, key: SessionKey) {
        let until_ms = self.under_way.remove(&key).and_then(|poll| poll.until_ms);
        until_ms.map(|until_ms| self.waiting.remove(&(until_ms, key.to_bits())));
    }

    /// Behind which row a session polls, if it does.
    pub fn cursor(&self, key: SessionKey) -> Option<InboxSeq> {
        self.under_way.get(&key).map(|poll| poll.cursor)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The page that a poll asked for came.
    pub fn on_page(&mut self, key: SessionKey, is_empty: bool, now_ms: u64) -> Next {
        let Some(poll) = self.under_way.get_mut(&key) else { return Next::Answer };
        if !is_empty || poll.wait_ms == 0 {
            return Next::Answer;
        }
        if std::mem::take(&mut poll.has_news) {
            return Next::Ask(poll.cursor);
        }
        let until_ms = now_ms + poll.wait_ms;
        poll.until_ms = Some(until_ms);
        self.waiting.insert((until_ms, key.to_bits()));
        Next::Wait
    }

    /// There is something in the inbox up to `head`; of one row if `is_row`, which is at hand.
    pub fn on_news(&mut self, key: SessionKey, head: InboxSeq, is_row: bool) -> Next {
        let Some(poll) = self.under_way.get_mut(&key) else { return Next::Wait };
        if head <= poll.cursor {
            return Next::Wait;
        }
        let Some(until_ms) = poll.until_ms else {
            poll.has_news = true;
            return Next::Wait;
        };
        if is_row && head == poll.cursor.next() {
            return Next::Answer;
        }
        // What lies between is asked for, the device's own messages among it.
        poll.until_ms = None;
        self.waiting.remove(&(until_ms, key.to_bits()));
        Next::Ask(poll.cursor)
    }

    /// A poll that has waited long enough, and its row. It is to be ended.
    pub fn over(&self, now_ms: u64) -> Option<(SessionKey, InboxSeq)> {
        let (until_ms, bits) = self.waiting.first()?;
        let key = SessionKey::from_bits(*bits).filter(|_| *until_ms <= now_ms)?;
        Some((key, self.under_way[&key].cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bits: u64) -> SessionKey {
        SessionKey::from_bits(bits).unwrap()
    }

    fn polls() -> Polls {
        let mut polls = Polls::default();
        polls.begin(key(1), InboxSeq(3), 1_000);
        polls
    }

    #[test]
    fn a_page_with_rows_answers_and_an_empty_one_waits() {
        let mut polls = polls();
        assert_eq!(polls.on_page(key(1), false, 0), Next::Answer);
        assert_eq!(polls.on_page(key(1), true, 0), Next::Wait);
        assert_eq!((polls.waiting(), polls.over(999)), (1, None));
        assert_eq!(polls.over(1_000), Some((key(1), InboxSeq(3))));
        polls.end(key(1));
        assert_eq!((polls.waiting(), polls.over(1_000)), (0, None));
        polls.begin(key(1), InboxSeq(3), 0);
        assert_eq!(polls.on_page(key(1), true, 0), Next::Answer, "it does not wait");
    }

    #[test]
    fn the_next_row_answers_and_one_behind_a_gap_asks() {
        for (row, is_row, next) in [
            (4, true, Next::Answer),
            (4, false, Next::Ask(InboxSeq(3))),
            (5, true, Next::Ask(InboxSeq(3))),
            (3, true, Next::Wait),
            (2, false, Next::Wait),
        ] {
            let mut polls = polls();
            assert_eq!(polls.on_page(key(1), true, 0), Next::Wait);
            assert_eq!(polls.on_news(key(1), InboxSeq(row), is_row), next, "{row}");
            let waits = usize::from(!matches!(next, Next::Ask(_)));
            assert_eq!(polls.waiting(), waits, "an answered one is ended by who answers");
            assert_eq!(polls.on_news(key(2), InboxSeq(row), is_row), Next::Wait, "nobody polls");
        }
    }

    /// What is committed behind a page that is under way is pushed before the page comes.
    #[test]
    fn what_comes_before_an_empty_page_is_asked_for() {
        let mut polls = polls();
        assert_eq!(polls.on_news(key(1), InboxSeq(4), true), Next::Wait);
        assert_eq!(polls.on_page(key(1), true, 0), Next::Ask(InboxSeq(3)));
        assert_eq!(polls.on_page(key(1), true, 0), Next::Wait, "asked for once");
    }
}
