//! What the receiver is asked next, and what its answers mean, for the notifications of one shard. Pure: it is told the time.
//!
//! One request is under way at a time, so what is told of a user stays in order. A request that is refused for what is in it is
//! halved until the one is found that it is refused for. While nothing is taken, one is tried at a time.

use super::outcome::Outcome;
use crate::limits::{
    WEBHOOK_AGE_MS_MAX, WEBHOOK_BACKOFF_FIRST_MS, WEBHOOK_BACKOFF_LAST_MS, WEBHOOK_BATCH_MAX,
    WEBHOOK_BREAKS_AFTER, WEBHOOK_RETRY_AFTER_MS_MAX, WEBHOOK_TRIES_MAX,
};
use shard::notification::{Notification, Notified};
use std::collections::VecDeque;

/// What waits for the receiver.
#[derive(Default)]
pub(super) struct Courier {
    letters: VecDeque<Letter>,
    /// Nothing is asked before this, in ms of the caller's clock.
    rests_until_ms: u64,
    /// Requests that failed since one was taken.
    failures: u32,
    /// Of so many at the front one is what a request was refused for, and so many of them are asked at a time.
    suspects: usize,
    portion: usize,
}

struct Letter {
    notification: Notification,
    tries: u32,
    since_ms: u64,
}

impl Courier {
    /// A shard asks for it.
    pub fn take(&mut self, notification: Notification, now_ms: u64) {
        self.letters.push_back(Letter { notification, tries: 0, since_ms: now_ms });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// How long the first of them has waited, in ms.
    pub fn oldest_ms(&self, now_ms: u64) -> u64 {
        let oldest = self.letters.iter().map(|letter| letter.since_ms).min();
        oldest.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }

    /// Whether the receiver takes nothing.
    pub fn is_broken(&self) -> bool {
        self.failures >= WEBHOOK_BREAKS_AFTER
    }

    /// In how many ms something is to be asked; `None`: nothing waits.
    pub fn patience_ms(&self, now_ms: u64) -> Option<u64> {
        (!self.letters.is_empty()).then(|| self.rests_until_ms.saturating_sub(now_ms))
    }

    /// What is asked together next. Not empty, if something waits.
    pub fn next(&self) -> Vec<&Notification> {
        let limit = if self.is_broken() {
            1
        } else if self.suspects > 0 {
            self.portion.min(self.suspects)
        } else {
            WEBHOOK_BATCH_MAX
        };
        self.letters.iter().take(limit).map(|letter| &letter.notification).collect()
    }

    /// What became of the first `asked` of them: what the shard is told. `random` is any number.
    pub fn on_outcome(
        &mut self,
        outcome: Outcome,
        asked: usize,
        (now_ms, random): (u64, u64),
    ) -> Vec<Notified> {
        match outcome {
            Outcome::Taken { gone } => {
                (self.failures, self.rests_until_ms) = (0, 0);
                // What is left of them has the one in it.
                self.suspects = self.suspects.saturating_sub(asked);
                self.portion = self.suspects.div_ceil(2);
                let taken = self.letters.drain(..asked);
                taken.map(|letter| notified(letter, true, &gone)).collect()
            }
            Outcome::Gone if asked == 1 => {
                (self.failures, self.rests_until_ms) = (0, 0);
                self.suspects = 0;
                let letter = self.letters.pop_front();
                letter.map(|letter| notified_gone(&letter)).into_iter().collect()
            }
            Outcome::Refused if asked == 1 => {
                self.suspects = 0;
                self.letters.pop_front().map(|it| notified(it, false, &[])).into_iter().collect()
            }
            Outcome::Gone | Outcome::Refused => {
                (self.suspects, self.portion) = (asked, asked / 2);
                Vec::new()
            }
            Outcome::Later { wait_ms: Some(wait_ms) } => {
                self.rests_until_ms = now_ms + wait_ms.min(WEBHOOK_RETRY_AFTER_MS_MAX);
                self.give_up(asked, now_ms, 0)
            }
            Outcome::Later { wait_ms: None } | Outcome::Failed(_) => {
                self.failures = self.failures.saturating_add(1);
                self.rests_until_ms = now_ms + backoff_ms(self.failures, random);
                let ended = self.give_up(asked, now_ms, 1);
                // Each has its turn as the one that is tried.
                if self.is_broken() && asked == 1 && ended.is_empty() && self.suspects == 0 {
                    self.letters.rotate_left(1);
                }
                ended
            }
        }
    }

    /// So many were asked in vain: those that are too old, or were asked too often, are given up.
    fn give_up(&mut self, asked: usize, now_ms: u64, tries: u32) -> Vec<Notified> {
        let mut kept = VecDeque::with_capacity(asked);
        let mut ended = Vec::new();
        for mut letter in self.letters.drain(..asked) {
            letter.tries += tries;
            let is_old = now_ms.saturating_sub(letter.since_ms) >= WEBHOOK_AGE_MS_MAX;
            if is_old || letter.tries >= WEBHOOK_TRIES_MAX {
                self.suspects = self.suspects.saturating_sub(1);
                ended.push(notified(letter, false, &[]));
            } else {
                kept.push_back(letter);
            }
        }
        kept.append(&mut self.letters);
        self.letters = kept;
        ended
    }
}

fn notified(letter: Letter, is_taken: bool, gone: &[String]) -> Notified {
    let Notification { uid, through, tokens, .. } = letter.notification;
    let is_gone = |token: &bytes::Bytes| gone.iter().any(|gone| gone.as_bytes() == &token[..]);
    let gone = tokens.into_iter().map(|it| it.token).filter(is_gone).collect();
    Notified { uid, through, is_taken, gone }
}

/// Every token of it reaches nobody.
fn notified_gone(letter: &Letter) -> Notified {
    let Notification { uid, through, tokens, .. } = &letter.notification;
    let gone = tokens.iter().map(|it| it.token.clone()).collect();
    Notified { uid: *uid, through: *through, is_taken: true, gone }
}

/// Any wait up to twice the one before, so that whoever failed together does not come back together.
fn backoff_ms(failures: u32, random: u64) -> u64 {
    let doublings = failures.saturating_sub(1).min(u64::BITS / 2);
    let limit_ms = (WEBHOOK_BACKOFF_FIRST_MS << doublings).min(WEBHOOK_BACKOFF_LAST_MS);
    random % (limit_ms + 1)
}

#[cfg(test)]
mod tests;
