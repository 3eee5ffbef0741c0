//! One push timer a device. Every wait of one length ends in the order it began, so a queue per length is enough.

use crate::command::Login;
use crate::limits::{PUSH_TIMEOUT_MS, PUSH_TRIES_MAX};
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct PushTimers {
    queues: [VecDeque<(u64, Login)>; PUSH_TRIES_MAX as usize],
}

impl PushTimers {
    /// Starts a wait of the length for `tries` tries without progress.
    pub fn arm(&mut self, login: Login, tries: u8, now_ms: u64) {
        let queue = &mut self.queues[usize::from(tries)];
        queue.push_back((now_ms + (PUSH_TIMEOUT_MS << tries), login));
    }

    /// The next wait that is over.
    pub fn expired(&mut self, now_ms: u64) -> Option<Login> {
        let over =
            |queue: &&mut VecDeque<(u64, Login)>| queue.front().is_some_and(|t| t.0 <= now_ms);
        let queue = self.queues.iter_mut().find(over)?;
        queue.pop_front().map(|(_, login)| login)
    }

    pub fn next_ms(&self) -> Option<u64> {
        self.queues.iter().filter_map(|queue| queue.front()).map(|timer| timer.0).min()
    }
}
