//! Which signals of clients are let in: of a session and a conversation one, then none until that has rested, but that what
//! was said holds no more.

use super::session::SessionKey;
use crate::limits::{SIGNAL_REST_MS, SIGNALS_RESTING_MAX};
use shard::command::Signal;
use std::collections::{HashMap, VecDeque};
use wire::{ConversationId, SignalKind};

type Place = (SessionKey, ConversationId);

/// The sessions and conversations that rest: at most [`SIGNALS_RESTING_MAX`].
#[derive(Default)]
pub(super) struct Signals {
    /// Whether it was said that the last one holds no more.
    resting: HashMap<Place, bool>,
    /// When each has rested, in ms, in order.
    rested: VecDeque<(u64, Place)>,
}

impl Signals {
    /// Whether a signal is let in. While too many rest, none is.
    pub fn take(&mut self, key: SessionKey, signal: &Signal, now_ms: u64) -> bool {
        while let Some((_, place)) = self.rested.pop_front_if(|it| it.0 <= now_ms) {
            self.resting.remove(&place);
        }
        let (place, stops) = ((key, signal.conversation), signal.kind == SignalKind::STOPPED);
        if let Some(has_stopped) = self.resting.get_mut(&place) {
            return stops && !std::mem::replace(has_stopped, true);
        }
        let has_room = self.resting.len() < SIGNALS_RESTING_MAX;
        if has_room {
            self.resting.insert(place, stops);
            self.rested.push_back((now_ms + SIGNAL_REST_MS, place));
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::{Seq, Uid};

    fn signal(peer: u64, kind: SignalKind) -> Signal {
        let conversation = ConversationId::direct(Uid(7), Uid(peer)).unwrap();
        Signal { conversation, sender: Uid(7), seq: Seq(0), ttl_ms: 0, kind }
    }

    #[test]
    fn a_conversation_rests_after_a_signal_but_for_its_end() {
        let (typing, stopped) = (SignalKind::TYPING, SignalKind::STOPPED);
        let [one, other] = [1, 2].map(|bits| SessionKey::from_bits(bits << 32 | 1).unwrap());
        let mut signals = Signals::default();
        let mut take = |key, peer, kind, now_ms| signals.take(key, &signal(peer, kind), now_ms);
        assert!(take(one, 8, typing, 0));
        assert!(!take(one, 8, typing, 2_999) && !take(one, 8, SignalKind::RECORDING, 2_999));
        assert!(take(one, 9, typing, 10) && take(other, 8, typing, 10), "each by itself");
        assert!(take(one, 8, stopped, 20) && !take(one, 8, stopped, 30));
        assert!(take(one, 8, typing, SIGNAL_REST_MS));
        assert!(take(one, 9, stopped, 9_000) && !take(one, 9, stopped, 9_000));
    }

    #[test]
    fn so_many_rest_at_a_time() {
        let key = SessionKey::from_bits(1 << 32 | 1).unwrap();
        let mut signals = Signals::default();
        let peers = 8..8 + SIGNALS_RESTING_MAX as u64;
        assert!(peers.clone().all(|peer| signals.take(key, &signal(peer, SignalKind::TYPING), 0)));
        assert!(!signals.take(key, &signal(peers.end, SignalKind::TYPING), 1));
        assert!(signals.take(key, &signal(peers.end, SignalKind::TYPING), SIGNAL_REST_MS));
        assert_eq!((signals.resting.len(), signals.rested.len()), (1, 1));
    }
}
