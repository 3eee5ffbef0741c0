//! How long to wait before the next try. A dead pool refuses in microseconds: without a wait a retry spins.

use std::time::Duration;

/// The first wait at the most, in ms.
const FIRST_MS: u64 = 50;
/// The longest, in ms.
const LAST_MS: u64 = 1_000;

/// Doubles with each try.
#[derive(Debug)]
pub struct Backoff {
    most_ms: u64,
}

impl Backoff {
    /// Nothing failed yet.
    pub fn new() -> Self {
        Self { most_ms: FIRST_MS }
    }

    /// Half to all of the wait whose turn it is, so that those that failed together do not come back together.
    pub fn next(&mut self) -> Duration {
        let most_ms = self.most_ms;
        self.most_ms = (2 * most_ms).min(LAST_MS);
        Duration::from_millis(rand::random_range(most_ms / 2..=most_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_second() {
        let mut backoff = Backoff::new();
        for most_ms in [50, 100, 200, 400, 800, 1_000, 1_000] {
            let wait_ms = backoff.next().as_millis();
            assert!((most_ms / 2..=most_ms).contains(&wait_ms), "{wait_ms} of {most_ms}");
        }
    }
}
