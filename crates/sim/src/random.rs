//! Random numbers that a seed repeats, on every machine and with every version of every library.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// The algorithm is named, so that it stays.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// Two seeds give two unrelated rows of numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// At least `low`, below `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low < high, "there is a number between");
        low + self.any() % (high - low)
    }

    /// True in so many of 1,000 cases.
    pub fn permille(&mut self, cases: u64) -> bool {
        self.any() % 1_000 < cases
    }

    /// One of them; `None` if there are none.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let len = u64::try_from(from.len()).expect("a length fits");
        (len > 0).then(|| from[usize::try_from(self.any() % len).expect("below a length")])
    }
}
