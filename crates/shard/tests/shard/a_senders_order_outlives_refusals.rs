//! What a device sends to a conversation takes its places in that order, whatever of it a shard refuses for now: because the store
//! has no room or cannot be read, because too much waits, or because it is behind such a message. Devices send without
//! waiting, and send what was refused again when they were told to. Random worlds; each failure names its seed.

#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use shard::command::{Answer, Command, Effects, Input, Inputs, Now, ReplyTo, Send, Session};
use shard::partition::{ShardId, Share};
use shard::rows::StoreError;
use shard::store::MemoryStore;
use shard::{Shard, ShardConfig};
use std::collections::HashMap;
use wire::{ClientMsgId, ConversationId, DeviceId, RefusalCode, RowKind, Seq, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
const SENDERS: u64 = 3;
const MESSAGES: u64 = 60;

/// A message: of which sender, and the how manieth.
type Message = (u64, u64);

#[derive(Clone, Copy)]
enum State {
    Sent,
    /// It may come again then, in monotonic ms.
    Refused(u64),
    Acked(Seq),
}

struct World {
    random: Xoshiro256PlusPlus,
    shard: Shard,
    store: MemoryStore,
    inputs: Inputs,
    now: Now,
    states: HashMap<Message, State>,
    /// Of each sender, how many it has sent.
    sent: [u64; SENDERS as usize],
    refusals: HashMap<RefusalCode, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let share = Share::Of { id: ShardId(0), shards: 1 };
        let config = ShardConfig {
            cached_max: random.random_range(1..6),
            in_flight_max: random.random_range(6..40),
            // Ids of before are looked up.
            newest_id_ms: if random.random() { NOW.unix_ms + 5_000 } else { 0 },
            is_atomic: random.random(),
            ..ShardConfig::new(share, 3, 9)
        };
        Self {
            shard: Shard::new(config, NOW),
            store: MemoryStore::new(),
            inputs: Inputs::default(),
            now: NOW,
            states: HashMap::new(),
            sent: [0; SENDERS as usize],
            refusals: HashMap::new(),
            random,
        }
    }

    fn send(&mut self, (sender, number): Message) {
        self.states.insert((sender, number), State::Sent);
        // All senders write to user 9, two of them from one user's two devices.
        let (uid, device) = (Uid(1 + sender / 2), DeviceId(1 + sender % 2));
        let id = u128::from(sender * MESSAGES + number);
        let send = Send {
            conversation: ConversationId::direct(uid, Uid(9)).unwrap(),
            sender: uid,
            device,
            client_msg_id: ClientMsgId::new(NOW.unix_ms, id),
            kind: RowKind::MESSAGE,
            flags: 0,
            seen: Seq(0),
            body: Bytes::from(id.to_string()),
        };
        let ticket = 1 + sender * MESSAGES + number;
        let reply = ReplyTo { session: Session { entry: 0, key: 1 + sender }, ticket };
        self.inputs.inputs.push(Input::Command(Command::Send(send), reply));
    }

    /// Devices send something new, and some of what may come again, in any order.
    fn devices(&mut self) {
        for sender in 0..SENDERS {
            for number in 0..self.sent[sender as usize] {
                let State::Refused(due_ms) = self.states[&(sender, number)] else { continue };
                if due_ms <= self.now.mono_ms && self.random.random_ratio(2, 3) {
                    self.send((sender, number));
                }
            }
            for _ in 0..self.random.random_range(0..8) {
                let number = self.sent[sender as usize];
                if number < MESSAGES {
                    self.sent[sender as usize] += 1;
                    self.send((sender, number));
                }
            }
        }
    }

    fn step(&mut self) {
        self.devices();
        let refusal = match self.random.random_range(0..10) {
            0..3 => Some(StoreError::Full),
            3 => Some(StoreError::Unavailable),
            _ => None,
        };
        self.store.refuse(refusal);
        for _ in 0..self.random.random_range(1..6) {
            let mut effects = Effects::default();
            self.shard.step(&mut self.inputs, self.now, &mut effects);
            if let Some((ticket, rows)) = effects.commit {
                self.store.commit(ticket, rows);
            }
            effects.reads.into_iter().for_each(|(ticket, read)| self.store.read(ticket, read));
            let count = self.random.random_range(0..9);
            self.store.poll_some(count, &mut self.inputs.completions);
            for delivery in effects.deliveries {
                let place = delivery.to.ticket - 1;
                self.hear((place / MESSAGES, place % MESSAGES), &delivery.answer);
            }
        }
        let passed_ms = self.random.random_range(1..150);
        self.now.unix_ms += passed_ms;
        self.now.mono_ms += passed_ms;
    }

    fn hear(&mut self, message: Message, answer: &Answer) {
        let state = if let Answer::Acked { seq, .. } = answer {
            State::Acked(*seq)
        } else {
            let Answer::Refused { code, retry_after_ms } = answer else { panic!("{answer:?}") };
            *self.refusals.entry(*code).or_default() += 1;
            State::Refused(self.now.mono_ms + u64::from(*retry_after_ms))
        };
        self.states.insert(message, state);
    }

    fn is_done(&self) -> bool {
        let acked = self.states.values().filter(|state| matches!(state, State::Acked(_)));
        acked.count() as u64 == SENDERS * MESSAGES
    }

    /// The places of a sender's messages, in the order in which it sent them.
    fn places(&self, sender: u64) -> Vec<u64> {
        let place = |number| match self.states[&(sender, number)] {
            State::Acked(seq) => seq.0,
            State::Sent | State::Refused(_) => unreachable!("all are acknowledged"),
        };
        (0..MESSAGES).map(place).collect()
    }
}

#[test]
fn messages_are_in_the_order_of_their_sender() {
    let mut refusals = HashMap::<_, u64>::new();
    for seed in 0..60 {
        let mut world = World::new(seed);
        for step in 0.. {
            world.step();
            assert!(step < 100_000, "seed {seed}: what was refused is not taken");
            if world.is_done() {
                break;
            }
        }
        for sender in 0..SENDERS {
            let places = world.places(sender);
            assert!(places.is_sorted(), "seed {seed}, sender {sender}: {places:?}");
        }
        world
            .refusals
            .iter()
            .for_each(|(code, count)| *refusals.entry(*code).or_default() += count);
    }
    for code in [RefusalCode::Busy, RefusalCode::StoreFull, RefusalCode::StoreUnavailable] {
        assert!(refusals.get(&code).is_some_and(|count| *count > 100), "{refusals:?}");
    }
}
