//! How long to wait before the next try. It takes the chance that it needs, and does not wait itself.

use rand::{Rng, RngExt};

/// The waits between tries of one thing: each up to twice as long as the one before.
#[derive(Clone, Debug)]
pub struct Backoff {
    next_ms: u64,
    longest_ms: u64,
}

impl Backoff {
    /// Nothing failed yet.
    #[must_use]
    pub const fn new(first_ms: u64, longest_ms: u64) -> Self {
        Self { next_ms: first_ms, longest_ms }
    }

    /// Half to all of the wait whose turn it is, in ms, so that those that failed together do not come back together.
    pub fn next_ms(&mut self, random: &mut impl Rng) -> u64 {
        let most_ms = self.next_ms.min(self.longest_ms);
        self.next_ms = most_ms.saturating_mul(2);
        random.random_range(most_ms / 2..=most_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::new(50, 1_000);
        for most_ms in [50, 100, 200, 400, 800, 1_000, 1_000] {
            let wait_ms = backoff.next_ms(&mut rand::rng());
            assert!((most_ms / 2..=most_ms).contains(&wait_ms), "{wait_ms} of {most_ms}");
        }
    }
}
