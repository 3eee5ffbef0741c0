//! Inputs that wait for what is not in memory, in order. It does not know what they are about.

use crate::command::Input;
use crate::limits::PARKED_PER_KEY_MAX;
use crate::rows::Read;
use hashbrown::HashMap;
use wire::{ConversationId, Uid};

/// What inputs wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    User(Uid),
    Chat(Uid, ConversationId),
    Conversation(ConversationId),
}

impl Key {
    /// What loads it.
    pub fn read(self) -> Read {
        match self {
            Self::User(uid) => Read::User { uid },
            Self::Chat(uid, conversation) => Read::Chat { uid, conversation },
            Self::Conversation(group) if group.is_group() => Read::Group { group },
            Self::Conversation(conversation) => Read::Conversation { conversation },
        }
    }
}

/// Inputs that wait.
pub(super) struct Parking {
    parked: HashMap<Key, Vec<Input>>,
    len: usize,
    len_max: usize,
}

impl Parking {
    pub fn new(len_max: usize) -> Self {
        Self { parked: HashMap::new(), len: 0, len_max }
    }

    /// Whether another may wait for the key.
    #[inline]
    pub fn has_room(&self, key: Key) -> bool {
        let waits = self.parked.get(&key).map_or(0, Vec::len);
        waits < PARKED_PER_KEY_MAX && self.len < self.len_max
    }

    /// Lets an input wait. Whether it is the first for the key, which is then to be loaded.
    #[inline]
    pub fn add(&mut self, key: Key, input: Input) -> bool {
        let inputs = self.parked.entry(key).or_default();
        inputs.push(input);
        self.len += 1;
        inputs.len() == 1
    }

    /// What waited for the key, in order.
    pub fn take(&mut self, key: Key) -> Vec<Input> {
        let inputs = self.parked.remove(&key).unwrap_or_default();
        self.len -= inputs.len();
        inputs
    }

    /// Whether something waits for the key.
    pub fn has(&self, key: Key) -> bool {
        self.parked.contains_key(&key)
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Mail;
    use wire::{RefusalCode, Seq};

    fn input(seq: u64) -> Input {
        let conversation = ConversationId::direct(Uid(1), Uid(2)).unwrap();
        Input::Mail(Mail::Decline { conversation, seq: Seq(seq), code: RefusalCode::Busy })
    }

    #[test]
    fn the_first_input_for_a_key_asks_for_it_and_all_go_on_in_order() {
        let mut parking = Parking::new(9);
        let (one, other) = (Key::User(Uid(1)), Key::User(Uid(2)));
        assert!(parking.add(one, input(1)) && !parking.add(one, input(2)));
        assert!(parking.add(other, input(3)));
        assert_eq!((parking.len(), parking.has(one)), (3, true));
        assert_eq!(parking.take(one), [input(1), input(2)]);
        assert_eq!((parking.len(), parking.has(one)), (1, false));
        assert!(parking.add(one, input(4)), "it is asked for again");
    }

    #[test]
    fn so_many_wait_for_one_key_and_so_many_for_all() {
        let mut parking = Parking::new(PARKED_PER_KEY_MAX + 1);
        let (one, other) = (Key::User(Uid(1)), Key::User(Uid(2)));
        while parking.has_room(one) {
            parking.add(one, input(1));
        }
        assert_eq!(parking.len(), PARKED_PER_KEY_MAX);
        assert!(parking.has_room(other));
        parking.add(other, input(1));
        assert!(!parking.has_room(other));
    }
}
