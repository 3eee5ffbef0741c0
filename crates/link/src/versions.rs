//! Which versions of links a release speaks, and what two have in common.

use std::fmt;

/// The versions of links that a release speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// From here, at least 1 ...
    pub min: u8,
    /// ... up to here.
    pub max: u8,
}

impl Versions {
    /// The highest that both speak.
    #[must_use]
    pub fn common(self, other: Self) -> Option<u8> {
        let version = self.max.min(other.max);
        (version >= self.min.max(other.min)).then_some(version)
    }

    pub(super) fn is_possible(self) -> bool {
        0 < self.min && self.min <= self.max
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_in_force() {
        let ours = Versions { min: 2, max: 4 };
        for (min, max, common) in [
            (1, 1, None),
            (1, 2, Some(2)),
            (2, 3, Some(3)),
            (3, 9, Some(4)),
            (4, 4, Some(4)),
            (5, 6, None),
        ] {
            let theirs = Versions { min, max };
            assert_eq!((ours.common(theirs), theirs.common(ours)), (common, common), "{theirs}");
        }
    }
}
