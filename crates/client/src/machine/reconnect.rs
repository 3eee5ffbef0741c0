//! When to connect again: full jitter over a doubling bound, or what the server asked for.
//! It does not know why the connection went.

use crate::limits::{RECONNECT_HINT_MS_MAX, RECONNECT_MS, RECONNECT_MS_MAX};
use rand::{Rng, RngExt};

#[derive(Default)]
pub(super) struct Reconnect {
    /// The server's hint, for the next delay only. 0 and 0: none.
    after_ms: u32,
    jitter_ms: u32,
    /// Delays since a connection last proved good.
    failures: u8,
}

impl Reconnect {
    pub(super) fn hint(&mut self, after_ms: u32, jitter_ms: u32) {
        (self.after_ms, self.jitter_ms) = (after_ms, jitter_ms);
    }

    /// The connection proved good: the next delay starts small again.
    pub(super) fn proved_good(&mut self) {
        self.failures = 0;
    }

    pub(super) fn delay_ms(&mut self, random: &mut impl Rng) -> u64 {
        let bound = (RECONNECT_MS << self.failures.min(16)).min(RECONNECT_MS_MAX);
        let jitter = if self.jitter_ms > 0 { u64::from(self.jitter_ms) } else { bound };
        let after = u64::from(self.after_ms).min(RECONNECT_HINT_MS_MAX);
        self.hint(0, 0);
        self.failures = self.failures.saturating_add(1);
        after + random.random_range(0..=jitter.min(RECONNECT_HINT_MS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::Xoshiro256PlusPlus;

    fn reconnect() -> (Reconnect, Xoshiro256PlusPlus) {
        (Reconnect::default(), Xoshiro256PlusPlus::seed_from_u64(1))
    }

    #[test]
    fn delays_double_up_to_the_bound_with_full_jitter() {
        let (mut reconnect, mut random) = reconnect();
        let mut bound = RECONNECT_MS;
        for _ in 0..300 {
            assert!(reconnect.delay_ms(&mut random) <= bound);
            bound = (bound * 2).min(RECONNECT_MS_MAX);
        }
        let delays: Vec<_> = (0..1000).map(|_| reconnect.delay_ms(&mut random)).collect();
        let mean = delays.iter().sum::<u64>() / 1000;
        assert!((RECONNECT_MS_MAX * 4 / 10..RECONNECT_MS_MAX * 6 / 10).contains(&mean), "{mean}");
        reconnect.proved_good();
        assert!(reconnect.delay_ms(&mut random) <= RECONNECT_MS);
    }

    #[test]
    fn a_hint_is_followed_once_and_bounded() {
        let (mut reconnect, mut random) = reconnect();
        reconnect.hint(5_000, 100);
        assert!((5_000..=5_100).contains(&reconnect.delay_ms(&mut random)));
        assert!(reconnect.delay_ms(&mut random) <= 2 * RECONNECT_MS);
        reconnect.hint(u32::MAX, u32::MAX);
        assert!(reconnect.delay_ms(&mut random) <= 2 * RECONNECT_HINT_MS_MAX);
    }
}
