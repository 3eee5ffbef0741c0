//! Numbers from a seed: SplitMix64, enough to choose moments and losses.

/// The next numbers follow from the state alone.
#[derive(Clone, Copy, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is small: the bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_chances_hold() {
        let (mut one, mut other) = (Random(1), Random(1));
        assert!((0..100).all(|_| one.any() == other.any()));
        let hits = (0..10_000).filter(|_| one.chance(30)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
    }
}
