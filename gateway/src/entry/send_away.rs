//! How clients are sent away: told at a rate, and closed when the answers under way had time.

use super::drain::Drain;
use super::{Do, Entry, Turn};
use crate::metrics::CloseReason;
use crate::transport::Outboxes;
use wire::RefusalCode;

impl Entry {
    /// Begins to send all clients away. From now on no message is taken.
    pub fn drain(&mut self, now_ms: u64) {
        let clients = self.sessions.iter().filter(|(_, session)| session.channel().is_some());
        let untold = clients.map(|(key, _)| key).collect();
        self.drain.get_or_insert(Drain::new(untold, now_ms));
    }

    /// Goes on with it.
    pub(super) fn step_drain<O: Outboxes>(&mut self, turn: &mut Turn<'_, O>) {
        let Some(mut drain) = self.drain.take() else { return };
        let now_ms = turn.now.mono_ms;
        while let Some(key) = drain.over(now_ms) {
            self.close(key, CloseReason::Drain, Do::Close(Some(RefusalCode::Draining)), turn);
        }
        let rate = (self.settings.drain_rate, self.settings.entries);
        while let Some(key) = drain.next(now_ms, rate) {
            if self.say_draining(key, turn) {
                drain.told(key, now_ms);
            }
        }
        self.drain = Some(drain);
    }
}
