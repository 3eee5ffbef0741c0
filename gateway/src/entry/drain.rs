//! A drain: who is told next, and who had its time. It knows no session.

use super::session::SessionKey;
use crate::limits::DRAIN_GRACE_MS;
use std::collections::VecDeque;

/// A drain under way.
pub(super) struct Drain {
    /// Who is still to be told.
    untold: VecDeque<SessionKey>,
    /// Who was told, and when to close it if it is still there.
    leaving: VecDeque<(u64, SessionKey)>,
    /// Told so far, and when the drain began.
    told: u64,
    started_ms: u64,
}

impl Drain {
    /// Begins: nobody is told yet.
    pub fn new(untold: VecDeque<SessionKey>, started_ms: u64) -> Self {
        Self { untold, leaving: VecDeque::new(), told: 0, started_ms }
    }

    /// It was told, and has some time.
    pub fn told(&mut self, key: SessionKey, now_ms: u64) {
        self.leaving.push_back((now_ms + DRAIN_GRACE_MS, key));
    }

    /// Who had its time.
    pub fn over(&mut self, now_ms: u64) -> Option<SessionKey> {
        self.leaving.pop_front_if(|(at_ms, _)| *at_ms <= now_ms).map(|(_, key)| key)
    }

    /// Who is to be told, at this entry's share of so many a second, from the first on.
    pub fn next(&mut self, now_ms: u64, (rate, entries): (u32, u16)) -> Option<SessionKey> {
        let passed_ms = now_ms - self.started_ms;
        let due = u64::from(rate) * (passed_ms + 1) / 1_000 / u64::from(entries) + 1;
        if self.told >= due {
            return None;
        }
        let key = self.untold.pop_front()?;
        self.told += 1;
        Some(key)
    }
}
