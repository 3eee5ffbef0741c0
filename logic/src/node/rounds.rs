//! Which rounds of sends were refused. What follows in such a round is refused too, so that commands
//! of one partition never overtake each other. It knows no link and no shard.

use shard::partition::Partition;
use std::collections::HashMap;

/// For each entry and partition the last round that was refused.
#[derive(Debug, Default)]
pub struct Rounds(HashMap<(u16, Partition), u32>);

impl Rounds {
    /// Whether a command of an entry's round is taken. `is_here`: this node serves the partition under
    /// the epoch that the entry means. Only a command that is answered can be refused, and its round
    /// with it: the loss of any other is made good.
    pub fn takes(
        &mut self,
        of: (u16, Partition),
        round: u32,
        is_here: bool,
        is_answered: bool,
    ) -> bool {
        let is_refused = self.0.get(&of).is_some_and(|last| round <= *last);
        if is_here && !is_refused {
            self.0.remove(&of);
            return true;
        }
        if is_answered {
            self.0.insert(of, round);
        }
        false
    }

    /// The way to an entry is gone, and with it everything that was said over it.
    pub fn forget_entry(&mut self, entry: u16) {
        self.0.retain(|(of, _), _| *of != entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: (u16, Partition) = (7, Partition::FIRST);

    #[test]
    fn a_round_that_was_refused_once_is_refused_to_its_end() {
        let mut rounds = Rounds::default();
        assert!(rounds.takes(OF, 1, true, true));
        assert!(!rounds.takes(OF, 1, false, true));
        assert!(!rounds.takes(OF, 1, true, true), "it would overtake the one before");
        assert!(rounds.takes((8, Partition::FIRST), 1, true, true), "another entry's");
        assert!(rounds.takes(OF, 2, true, true));
    }

    #[test]
    fn what_asks_for_no_answer_ends_no_round() {
        let mut rounds = Rounds::default();
        assert!(!rounds.takes(OF, 1, false, false));
        assert!(rounds.takes(OF, 1, true, true));
    }

    #[test]
    fn an_entry_that_comes_again_begins_anew() {
        let mut rounds = Rounds::default();
        assert!(!rounds.takes(OF, 3, false, true));
        rounds.forget_entry(7);
        assert!(rounds.takes(OF, 1, true, true));
    }
}
