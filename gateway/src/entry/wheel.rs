//! Every client's session once, in the slot of the second in which to look at it. Eight bytes a
//! session.

use super::session::SessionKey;
use crate::limits::WHEEL_SLOTS;

/// The slots, of one second each.
pub struct Wheel {
    slots: Vec<Vec<SessionKey>>,
    /// The second that was looked at last.
    second: u64,
}

impl Wheel {
    /// Starts at `now_ms`.
    #[must_use]
    pub fn new(now_ms: u64) -> Self {
        Self { slots: (0..WHEEL_SLOTS).map(|_| Vec::new()).collect(), second: now_ms / 1_000 }
    }

    /// Has the session looked at when `at_ms` comes, or soon after. If that is farther away than
    /// the wheel reaches, it is looked at before, to be placed again.
    pub fn place(&mut self, key: SessionKey, at_ms: u64) {
        let ahead = at_ms.div_ceil(1_000).saturating_sub(self.second);
        let ahead = ahead.clamp(1, WHEEL_SLOTS as u64 - 1);
        let slot = self.slot(self.second + ahead);
        self.slots[slot].push(key);
    }

    /// The next slot whose second has come.
    pub fn turn(&mut self, now_ms: u64) -> Option<Vec<SessionKey>> {
        if self.second >= now_ms / 1_000 {
            return None;
        }
        self.second += 1;
        let slot = self.slot(self.second);
        Some(std::mem::take(&mut self.slots[slot]))
    }

    fn slot(&self, second: u64) -> usize {
        usize::try_from(second % self.slots.len() as u64).expect("below the count")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheel_gives_each_session_in_its_second() {
        let keys = [1, 2].map(|bits| SessionKey::from_bits(bits).unwrap());
        let mut wheel = Wheel::new(0);
        wheel.place(keys[0], 2_500);
        wheel.place(keys[1], 10_000_000);
        let mut seen = vec![];
        let mut now_ms = 0;
        while seen.len() < 2 {
            now_ms += 1_000;
            while let Some(keys) = wheel.turn(now_ms) {
                seen.extend(keys.into_iter().map(|key| (key, now_ms)));
            }
        }
        assert_eq!(seen, [(keys[0], 3_000), (keys[1], (WHEEL_SLOTS as u64 - 1) * 1_000)]);
    }
}
