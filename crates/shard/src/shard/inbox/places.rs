//! Which of a conversation's newest places count as unread for a user: facts of its log, kept for as many as fit a number.
//! It knows no rows.

/// One bit a place, the newest first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// Those that do not count: the user's own messages, and rows that are none.
    quiet: u64,
    /// How many of the newest places are known.
    known: u32,
}

impl Places {
    /// The newest place is so many further on; those between do not count.
    #[inline]
    pub fn push(&mut self, places: u64, counts: bool) {
        let places = u32::try_from(places).map_or(u64::BITS, |places| places.min(u64::BITS));
        self.quiet = self.quiet.checked_shl(places).unwrap_or(0) | newest(places);
        self.quiet &= !u64::from(counts);
        self.known = (self.known + places).min(u64::BITS);
    }

    /// Nothing is known any more.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// How many of the newest `places` do not count, if it is known; of all places that matter, which are not fewer, `all`
    /// do not.
    pub fn quiet(&self, places: u64, all: u64) -> Option<u64> {
        let is_known = places <= u64::from(self.known);
        let places = u32::try_from(places).unwrap_or(u64::BITS).min(self.known);
        let quiet = u64::from((self.quiet & newest(places)).count_ones());
        // If all that do not count are among the known, none is beyond.
        (is_known || quiet == all).then_some(quiet)
    }
}

/// The bits of so many newest places, 64 at most.
fn newest(places: u32) -> u64 {
    u64::MAX.checked_shr(u64::BITS - places).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list of all of them.
        #[test]
        fn what_is_known_is_right(
            before in 0..200_u64,
            pushed in proptest::collection::vec((1..4_u64, any::<bool>()), 0..200),
            asked in 0..300_u64,
        ) {
            let (mut places, mut list) = (Places::default(), (0..before).map(|at| at % 3 > 0).collect::<Vec<_>>());
            for (further, counts) in pushed {
                places.push(further, counts);
                list.extend((1..further).map(|_| false).chain([counts]));
            }
            let asked = asked.min(list.len() as u64);
            let quiet = |newest: u64| list.iter().rev().take(newest.try_into().unwrap()).filter(|it| !**it).count() as u64;
            let all = quiet(list.len() as u64);
            let known = places.quiet(asked, all);
            prop_assert!(known.is_none_or(|known| known == quiet(asked)));
            let pushed = list.len() as u64 - before;
            prop_assert!(known.is_some() || asked > pushed.min(64), "{asked} of {pushed}");
        }
    }

    #[test]
    fn beyond_what_is_known_it_is_known_where_nothing_is_left() {
        let mut places = Places::default();
        assert_eq!(
            (places.quiet(0, 9), places.quiet(5, 0), places.quiet(5, 1)),
            (Some(0), Some(0), None)
        );
        places.push(1, false);
        assert_eq!(
            (places.quiet(1, 3), places.quiet(9, 3), places.quiet(9, 1)),
            (Some(1), None, Some(1))
        );
        places.push(u64::MAX, true);
        assert_eq!(places.quiet(64, 99), Some(63));
        places.forget();
        assert_eq!(places.quiet(1, 3), None);
    }
}
