//! Whatever users, the receiver and owners do: in the end every message that no device acknowledged and nobody read was told,
//! under one id, nothing twice, and nobody is remembered for it. `SEED=n` replays a world, `SEEDS=n` runs so many.

use crate::asked::Asked;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shard::command::{Answer, Begin, ChatChange, Command, Login, Now, Send};
use shard::notification::{Notification, Notified};
use shard::partition::{ShardId, Share};
use shard::rows::StoreError;
use shard::{PushConfig, ShardConfig};
use std::collections::BTreeMap;
use wire::{ClientMsgId, ConversationId, DeviceId, InboxSeq, RowKind, Seq, Uid};

const NOW: Now = Now { unix_ms: 1_800_000_000_000, mono_ms: 1 };
const GRACE_MS: u64 = 2_000;
const SETTLE_MS: u64 = 6_000;
const ALICE: Uid = Uid(1);
const USERS: std::ops::Range<u64> = 2..5;
const STEPS: usize = 120;

#[derive(Default)]
struct User {
    login: Option<Login>,
    /// Its inbox has only what Alice writes: rows are counted.
    rows: u64,
    acked: u64,
    /// What an owner was told, who may have forgotten it since.
    acked_by_owner: u64,
    read: u64,
    /// Up to where and from where, by id.
    told: BTreeMap<u128, (u64, u64)>,
}

struct World {
    asked: Asked,
    random: StdRng,
    users: BTreeMap<Uid, User>,
    /// What the receiver has not answered.
    open: Vec<Notification>,
    epoch: u32,
}

fn config(epoch: u32) -> ShardConfig {
    let share = Share::Of { id: ShardId(0), shards: 1 };
    let push = PushConfig { grace_ms: GRACE_MS, settle_ms: SETTLE_MS, preview: false };
    ShardConfig { push: Some(push), ..ShardConfig::new(share, epoch, 9) }
}

fn with(uid: Uid) -> ConversationId {
    ConversationId::direct(ALICE, uid).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let (asked, random) = (Asked::new(config(1), NOW), StdRng::seed_from_u64(seed));
        let users = USERS.map(|uid| (Uid(uid), User::default())).collect();
        let mut world = Self { asked, random, users, open: Vec::new(), epoch: 1 };
        for uid in USERS.map(Uid) {
            world.log_in(uid);
            let login = world.users[&uid].login.unwrap();
            let (provider, token) = (1, "token".into());
            world.ask(Command::SetPushToken { login, provider, token });
            world.log_out(uid);
        }
        world
    }

    fn ask(&mut self, command: Command) -> Vec<Answer> {
        let answers = self.asked.ask(command, |_| false);
        self.hear();
        answers
    }

    /// What the receiver is asked by now.
    fn hear(&mut self) {
        for told in self.asked.told.drain(..) {
            let user = self.users.get_mut(&told.uid).unwrap();
            let range = (told.after.0, told.through.0);
            assert!(range.1 <= user.rows, "it is told what is not there: {range:?}");
            assert!(range.1 > user.acked_by_owner, "it is told what a device has: {range:?}");
            match user.told.insert(told.id, range) {
                // Part of it may have been acknowledged since.
                Some(before) => assert_eq!(before.1, range.1, "an id of two"),
                None => {
                    let mut others = user.told.iter().filter(|(id, _)| **id != told.id);
                    let overlap = others.find(|(_, it)| it.1 > range.0 && it.0 < range.1);
                    assert_eq!(overlap, None, "{range:?} of {} is told twice", told.uid);
                }
            }
            self.open.push(told);
        }
    }

    fn log_in(&mut self, uid: Uid) {
        let row = InboxSeq(self.users[&uid].acked);
        let answers = self.ask(Command::login(uid, DeviceId(1), Begin::after(row, 9)));
        let login = answers.iter().find_map(|answer| {
            let Answer::LoggedIn { login, .. } = answer else { return None };
            Some(*login)
        });
        let user = self.users.get_mut(&uid).unwrap();
        user.login = login;
        if login.is_some() {
            user.acked_by_owner = user.acked;
        }
    }

    fn log_out(&mut self, uid: Uid) {
        if let Some(login) = self.users.get_mut(&uid).unwrap().login.take() {
            self.ask(Command::Logout(login));
        }
    }

    fn write(&mut self, uid: Uid) {
        let (number, conversation) = (self.random.random::<u64>(), with(uid));
        let client_msg_id = ClientMsgId::new(self.asked.now.unix_ms, number.into());
        let (sender, device, kind) = (ALICE, DeviceId(1), RowKind::MESSAGE);
        let (flags, body, seen) = (0, "text".into(), Seq(0));
        let send = Send { conversation, sender, device, client_msg_id, kind, flags, body, seen };
        let answers = self.asked.ask(Command::Send(send), |_| false);
        let is_acked = answers.iter().any(|answer| matches!(answer, Answer::Acked { .. }));
        // A store that is full has taken it back.
        self.users.get_mut(&uid).unwrap().rows += u64::from(is_acked);
        self.hear();
    }

    fn ack(&mut self, uid: Uid) {
        let user = self.users.get_mut(&uid).unwrap();
        let Some(login) = user.login else { return };
        user.acked = self.random.random_range(user.acked..=user.rows);
        user.acked_by_owner = user.acked;
        let row = InboxSeq(user.acked);
        self.ask(Command::PushAck(login, row));
    }

    fn read(&mut self, uid: Uid) {
        let user = self.users.get_mut(&uid).unwrap();
        // A mark is a row of the inbox too, which would have to be counted: only the last thing that is done.
        let (seq, conversation, change) =
            (Seq(user.rows), with(uid), ChatChange::Read(Seq(user.rows)));
        user.read = seq.0;
        self.ask(Command::ChangeChat { uid, conversation, change });
    }

    fn answer(&mut self, is_taken: bool) {
        if self.open.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.open.len());
        let Notification { uid, through, .. } = self.open.swap_remove(at);
        self.asked.notified(Notified { uid, through, is_taken, gone: Vec::new() });
        self.hear();
    }

    fn take_over(&mut self) {
        self.epoch += 1;
        self.asked.take_over(config(self.epoch));
        // The receiver answers nobody any more; what it was asked is asked again.
        self.open.clear();
        self.users.values_mut().for_each(|user| (user.login, user.acked_by_owner) = (None, 0));
        self.hear();
    }

    fn pass(&mut self, ms: u64) {
        self.asked.pass(ms);
        self.hear();
    }

    fn step(&mut self) {
        let uid = Uid(self.random.random_range(USERS));
        match self.random.random_range(0..100) {
            0..30 => self.write(uid),
            30..45 => self.ack(uid),
            45..53 => self.log_in(uid),
            53..61 => self.log_out(uid),
            61..78 => {
                let ms = self.random.random_range(0..2 * GRACE_MS);
                self.pass(ms);
            }
            78..92 => self.answer(true),
            92..94 => self.answer(false),
            94..97 => self.take_over(),
            _ => {
                let is_full = self.asked.refusal.is_none() && self.random.random_bool(0.5);
                self.asked.refusal = is_full.then_some(StoreError::Full);
            }
        }
    }

    /// Everything works from now on; what had to be told was.
    fn end(&mut self) {
        self.asked.refusal = None;
        if self.random.random_bool(0.3) {
            self.take_over();
        }
        for uid in USERS.map(Uid) {
            if self.random.random_bool(0.2) {
                self.read(uid);
            }
        }
        for _ in 0..60 {
            self.pass(GRACE_MS);
            while !self.open.is_empty() {
                self.answer(true);
            }
        }
        for (uid, user) in &self.users {
            let is_told = |row: &u64| user.told.values().any(|it| it.0 < *row && *row <= it.1);
            let untold: Vec<_> =
                (user.acked.max(user.read) + 1..=user.rows).filter(|row| !is_told(row)).collect();
            let (rows, acked, told) = (user.rows, user.acked, &user.told);
            assert!(untold.is_empty(), "{uid} {untold:?} of {rows}, acked {acked}, told {told:?}");
        }
        assert_eq!(self.asked.shard.owing(), (0, 0), "nobody is remembered who is owed nothing");
    }
}

#[test]
fn each_message_is_told_under_one_id() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(150),
    };
    for seed in seeds {
        println!("SEED={seed} cargo test -p shard --test shard each_message_is_told");
        let mut world = World::new(seed);
        (0..STEPS).for_each(|_| world.step());
        world.end();
    }
}
