//! A drain: clients are told at a rate, and closed when the answers under way had time.

use super::session::SessionKey;
use super::{Do, Entry, Turn};
use crate::limits::DRAIN_GRACE_MS;
use crate::metrics::CloseReason;
use crate::transport::Outboxes;
use std::collections::VecDeque;
use wire::RefusalCode;

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
    /// Who had its time.
    fn over(&mut self, now_ms: u64) -> Option<SessionKey> {
        self.leaving.pop_front_if(|(at_ms, _)| *at_ms <= now_ms).map(|(_, key)| key)
    }

    /// Who is to be told, at this entry's share of so many a second, from the first on.
    fn next(&mut self, now_ms: u64, (rate, entries): (u32, u16)) -> Option<SessionKey> {
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

impl Entry {
    /// Begins to send all clients away. From now on no message is taken.
    pub fn drain(&mut self, now_ms: u64) {
        let clients = self.sessions.iter().filter(|(_, session)| session.channel.is_some());
        let untold = clients.map(|(key, _)| key).collect();
        let (leaving, told, started_ms) = (VecDeque::new(), 0, now_ms);
        self.drain.get_or_insert(Drain { untold, leaving, told, started_ms });
    }

    /// Goes on with it.
    pub(super) fn step_drain<O: Outboxes>(&mut self, turn: &mut Turn<'_, O>) {
        let Some(mut drain) = self.drain.take() else { return };
        let now_ms = turn.now.mono_ms;
        while let Some(key) = drain.over(now_ms) {
            self.close(key, CloseReason::Drain, Do::Close, turn);
        }
        let rate = (self.settings.drain_rate, self.settings.entries);
        while let Some(key) = drain.next(now_ms, rate) {
            if self.say_going_away(key, RefusalCode::Draining, turn) {
                drain.leaving.push_back((now_ms + DRAIN_GRACE_MS, key));
            }
        }
        self.drain = Some(drain);
    }
}
