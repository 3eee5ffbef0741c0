//! Four devices of three users talk over a model server that loses, doubles and reorders pushes, eats acks, refuses, and
//! over connections that break at any byte. Whatever the schedule: once the faults end, every send is acked and stored
//! once under its first id, and every device has every row of its inbox that it did not send itself, once and in order.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, its numbers are small"
)]

mod common;
#[path = "common/model.rs"]
mod model;

use client::Position;
use client::machine::{Credentials, Event, Machine, Turn};
use common::START_MS;
use model::{Faults, Server};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::collections::HashSet;
use wire::{Bytes, ClientMsgId, ConversationId, DeviceId, Scratch, Uid};

const UIDS: [u64; 4] = [1, 2, 3, 3];
const SEEDS: u64 = 400;
const STEPS: usize = 400;

struct Device {
    machine: Machine,
    /// Bytes on their way to the server.
    out: Vec<u8>,
    delivered: Vec<u64>,
    sent: HashSet<ClientMsgId>,
    acked: HashSet<ClientMsgId>,
    connect_ms: u64,
    is_held: bool,
}

struct World {
    server: Server,
    devices: Vec<Device>,
    random: Xoshiro256PlusPlus,
    now_ms: u64,
    duplicates: u64,
    gaps: u64,
    resets: u64,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let device = |index: usize| Device {
            machine: Machine::new(
                Credentials { token: Bytes::from_static(b"t"), device: DeviceId(index as u64 + 1) },
                Position::default(),
                seed + index as u64,
            ),
            out: vec![],
            delivered: vec![],
            sent: HashSet::new(),
            acked: HashSet::new(),
            connect_ms: START_MS,
            is_held: false,
        };
        Self {
            server: Server::new(&UIDS, faults, START_MS, seed ^ 1),
            devices: (0..UIDS.len()).map(device).collect(),
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            now_ms: START_MS,
            duplicates: 0,
            gaps: 0,
            resets: 0,
        }
    }

    fn step(&mut self) {
        let index = self.random.random_range(0..UIDS.len());
        match self.random.random_range(0..100) {
            0..30 => self.send(index),
            30..60 => self.reach_server(index),
            60..90 => self.reach_device(index),
            90..92 => self.disconnect(index),
            92..95 => self.hold(index, self.devices[index].is_held),
            _ => {
                let ms = self.random.random_range(0..5_000);
                self.pass(ms);
            }
        }
        self.timers();
    }

    fn send(&mut self, index: usize) {
        let to = Uid(UIDS[(index + 1 + self.random.random_range(0..2)) % 3]);
        let device = &mut self.devices[index];
        let Some(conversation) = ConversationId::direct(Uid(UIDS[index]), to) else { return };
        if device.machine.sends_pending() > 20 {
            return;
        }
        let body = Bytes::from(vec![0; self.random.random_range(0..100)]);
        let now_ms = self.now_ms;
        let sent = device.machine.send((conversation, body), now_ms, &mut device.out);
        device.sent.insert(sent.unwrap());
    }

    /// Some of the bytes under way arrive, cut anywhere.
    fn reach_server(&mut self, index: usize) {
        let out = &mut self.devices[index].out;
        let length = self.random.random_range(0..=out.len());
        let bytes: Vec<_> = out.drain(..length).collect();
        if self.server.links[index].is_up {
            self.server.on_bytes(index, &bytes);
        }
    }

    fn reach_device(&mut self, index: usize) {
        let out = &mut self.server.links[index].out;
        let length = self.random.random_range(0..=out.len());
        let bytes: Vec<_> = out.drain(..length).collect();
        let Device { machine, out, delivered, acked, .. } = &mut self.devices[index];
        if !self.server.links[index].is_up {
            return;
        }
        let mut scratch = Scratch::default();
        let turn = Turn { now_ms: self.now_ms, out, scratch: &mut scratch };
        let (duplicates, gaps) = (&mut self.duplicates, &mut self.gaps);
        let resets = &mut self.resets;
        let result = machine.on_bytes(&bytes, turn, &mut |event| match event {
            Event::Message { message, .. } => delivered.push(message.inbox_seq.to_native()),
            Event::Acked { client_msg_id, .. } => {
                assert!(acked.insert(client_msg_id), "acked once");
            }
            Event::WireDuplicate { .. } => *duplicates += 1,
            Event::GapDetected { .. } => *gaps += 1,
            Event::InboxReset { .. } | Event::RowsMissing { .. } => *resets += 1,
            // A refusal without an id is the answer to a repetition of what has ended.
            Event::Refused { client_msg_id, will_retry, .. } => {
                assert!(will_retry || client_msg_id.is_none());
            }
            Event::NewId { .. } => unreachable!("its clock is right"),
            Event::LoggedIn { .. }
            | Event::Synced { .. }
            | Event::HistoryPage { .. }
            | Event::ChatsPage { .. }
            | Event::ChatReply { .. }
            | Event::Renewed { .. }
            | Event::GroupMembersPage { .. }
            | Event::DevicesPage { .. }
            | Event::DeviceEnded { .. }
            | Event::PushTokenSet { .. }
            | Event::Signal(_)
            | Event::GroupInfo { .. }
            | Event::HeartbeatReply { .. }
            | Event::GoingAway { .. }
            | Event::LoggedOut => {}
        });
        result.unwrap();
    }

    fn disconnect(&mut self, index: usize) {
        if !self.server.links[index].is_up {
            return;
        }
        self.server.disconnect(index);
        let device = &mut self.devices[index];
        device.machine.on_disconnected();
        device.out.clear();
        device.connect_ms = self.now_ms + device.machine.reconnect_delay_ms();
    }

    fn hold(&mut self, index: usize, is_held: bool) {
        let device = &mut self.devices[index];
        device.is_held = !is_held;
        device.machine.hold(device.is_held, self.now_ms, &mut device.out);
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.server.now_ms = self.now_ms;
    }

    fn timers(&mut self) {
        for index in 0..self.devices.len() {
            let device = &mut self.devices[index];
            if !self.server.links[index].is_up {
                if device.connect_ms <= self.now_ms {
                    self.server.connect(index);
                    device.machine.on_connected(self.now_ms, &mut device.out);
                }
            } else if device.machine.next_timer_ms().is_some_and(|ms| ms <= self.now_ms)
                && device.machine.on_timer(self.now_ms, &mut device.out).is_err()
            {
                self.disconnect(index);
            }
        }
    }

    /// No more faults; all bytes arrive; time passes until nobody has anything to do.
    fn settle(&mut self) {
        self.server.faults = Faults::NONE;
        for index in 0..self.devices.len() {
            self.hold(index, true);
        }
        for _ in 0..2_000 {
            for index in 0..self.devices.len() {
                self.reach_server(index);
                self.reach_device(index);
            }
            self.pass(200);
            self.timers();
        }
    }

    fn check(&self) {
        for (index, device) in self.devices.iter().enumerate() {
            assert_eq!(device.machine.sends_pending(), 0, "device {index} has no unacked send");
            assert_eq!(device.acked, device.sent, "device {index}");
            let delivered = &device.delivered;
            assert!(delivered.is_sorted_by(|a, b| a < b), "device {index}: {delivered:?}");
            let delivered: HashSet<_> = delivered.iter().collect();
            let inbox = &self.server.inboxes[&UIDS[index]];
            for row in inbox.iter().filter(|row| row.device != index) {
                let row = row.message.inbox_seq;
                assert!(delivered.contains(&row), "device {index} has no row {row}");
            }
            assert_eq!(device.machine.cursor().0, inbox.len() as u64, "device {index}");
        }
        let sent: usize = self.devices.iter().map(|device| device.sent.len()).sum();
        assert_eq!(self.server.stored.len(), sent, "rows are distinct ids");
        assert_eq!(self.resets, 0, "the inbox was always whole");
    }
}

/// Says how to replay a seed that failed.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seed = self.0;
            eprintln!(
                "replay: SEED={seed} cargo test -p client --test acked_is_delivered_once_in_order"
            );
        }
    }
}

fn run(faults: Faults) -> (u64, u64, u64) {
    let (mut sent, mut duplicates, mut gaps) = (0, 0, 0);
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    for seed in only.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        let _replay = Replay(seed);
        let mut world = World::new(seed, faults);
        (0..STEPS).for_each(|_| world.step());
        world.settle();
        world.check();
        sent += world.server.stored.len() as u64;
        (duplicates, gaps) = (duplicates + world.duplicates, gaps + world.gaps);
    }
    (sent, duplicates, gaps)
}

#[test]
fn with_every_fault() {
    let faults =
        Faults { lose_push: 20, double_push: 30, reorder_push: 20, eat_ack: 30, refuse: 20 };
    let (sent, duplicates, gaps) = run(faults);
    assert!(sent > 0 && duplicates > 0 && gaps > 0, "{sent} {duplicates} {gaps}: faults happened");
}

#[test]
fn with_broken_connections_only() {
    let (sent, _, gaps) = run(Faults::NONE);
    assert!(sent > 0);
    assert_eq!(gaps, 0, "what is pushed in order is taken in order");
}
